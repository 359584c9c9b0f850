"""Finding out what an address and a key can do, and what a call without them says."""

import pytest

from openreplay_tools.errors import ConfigurationError, UnavailableError
from openreplay_tools.openreplay.access import examine
from openreplay_tools.openreplay.live import list_live_sessions
from openreplay_tools.openreplay.users import get_user
from tests.servers import PREFIX, Scripted, client_over


def test_only_the_live_tools_can_be_missing(foss):
    with client_over(foss) as client:
        reasons = client.find_out(examine, [get_user, list_live_sessions])
    assert set(reasons) == {"openreplay_list_live_sessions"}
    reason = reasons["openreplay_list_live_sessions"]
    assert isinstance(reason, UnavailableError)
    assert str(reason) == "Live sessions need OpenReplay's Enterprise edition or its cloud."


def test_a_key_without_projects_has_everything():
    server = Scripted({f"GET {PREFIX}projects\\Z": {"data": None}})
    assert server.client.find_out(examine, [get_user, list_live_sessions]) == {}
    assert len(server.requests) == 1


def test_no_credential_is_said_before_any_request(sandbox):
    sandbox.requests.clear()
    with client_over(sandbox, api_key="") as client, pytest.raises(ConfigurationError, match=r"Set OPENREPLAY_API_KEY"):
        client.run(get_user, user_id="x")
    assert not sandbox.requests
