"""What LogRocket has no API for says what to use instead, whatever the credentials."""

import pytest

from openreplay_tools.client import Client
from openreplay_tools.doors import Access
from openreplay_tools.errors import UnavailableError
from openreplay_tools.logrocket.unserved import UNSERVED
from tests.logrocket.far_side import KEY

SERVED = ("logrocket_request_highlights", "logrocket_list_exports", "logrocket_read_export")


def test_these_are_told():
    assert [operation.tool_name for operation in UNSERVED] == [
        "logrocket_search_sessions",
        "logrocket_list_sessions",
        "logrocket_get_session",
        "logrocket_list_session_events",
        "logrocket_get_replay",
        "logrocket_search_users",
        "logrocket_find_sessions",
        "logrocket_summarize_session",
        "logrocket_list_console_logs",
        "logrocket_list_users",
        "logrocket_get_user",
    ]


@pytest.mark.parametrize("operation", UNSERVED, ids=lambda operation: operation.name)
def test_each_says_what_to_use_instead(operation):
    with Client(logrocket_api_key=KEY) as client, pytest.raises(UnavailableError) as refused:
        client.run(operation, session="x", query="y")
    said = str(refused.value)
    assert said.startswith("LogRocket's REST API ")
    assert any(name in said for name in SERVED)
    assert str(operation.obstacle(Access())) == said
    assert 60 <= len(operation.description) <= 600
    if "search" in operation.name or operation.name.endswith("list_sessions"):
        assert "https://mcp.logrocket.com/mcp" in said
