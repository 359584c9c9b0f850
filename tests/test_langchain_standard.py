"""LangChain's own suites for tools, for every operation, over the sandbox; each call must succeed."""

from itertools import count

import pytest
from langchain_tests.integration_tests import ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests

from openreplay_tools.catalogue import OPERATIONS
from openreplay_tools.sandbox import FIXED_NOW, Sandbox
from tests import siblings
from tests.doors import LOGIN, langchain_tool
from tests.sandbox.fidelity import unhurried
from tests.servers import toolkit_over

pytestmark = pytest.mark.usefixtures("unpaced")
ANN = "ann@example.org"
SESSION = "4113715799632532494"  # of the recorded project
_NUMBERS = count(1)


def _name(server):
    return {"name": f"Standard project {next(_NUMBERS)}"}


def _job(server):
    return {"job_id": server.store.schedule_deletion(1, f"standard-user-{next(_NUMBERS)}", FIXED_NOW)["jobId"]}


EXAMPLES = {
    "list_projects": {},
    "get_project": {"project": "Acme Recorded"},
    "create_project": _name,
    "check_access": {},
    "search_users": {
        "query": "a",
        "filters": [{"name": "country", "values": ["DE", "FR"]}],
        "events": [{"event": "CLICK"}],
        "limit": 3,
    },
    "get_user": {"user_id": ANN},
    "delete_user": {"user_id": ANN},
    "list_user_sessions": {"user_id": ANN, "since": "30d"},
    "search_sessions": {
        "project": "2",
        "since": "30d",
        "events": [{"event": "CLICK"}],
        "filters": [{"name": "browser", "operator": "contains", "values": ["Safari", "Chrome"]}],
        "limit": 3,
    },
    "get_session": {"session": SESSION, "project": "2"},
    "summarize_session": {"session": SESSION, "project": "2"},
    "summarize_user": {"user_id": "ann@example.org", "limit": 1},
    "find_issues": {"limit": 2},
    "list_filters": {"query": "user"},
    "suggest_values": {"project": "2", "name": "browser"},
    "list_saved_searches": {"limit": 2},
    "open_link": {"link": f"https://openreplay.example.com/2/session/{SESSION}?jumpto=4056"},
    "list_session_events": {"session": SESSION, "project": "2", "kinds": ["CLICK", "ERROR"]},
    "search_events": {"project": "2", "since": "30d", "kinds": ["ERROR"]},
    "list_event_names": {"project": "2"},
    "list_event_properties": {"project": "2", "event": "REQUEST"},
    "list_notes": {"query": "payment"},
    "create_note": {"session": SESSION, "project": "2", "message": "A standard note.", "moment": "0:04"},
    "list_live_sessions": {},
    "search_live_sessions": {"filters": [{"name": "browser", "operator": "contains", "values": ["Chrome"]}]},
    "list_jobs": {"limit": 5},
    "get_job": _job,
    "cancel_job": _job,
    "request": {"path": "/v2/api/1/tags", "query": ["limit=5"]},
    "send": {"path": "/v2/api/1/tags", "method": "POST", "body": '{"name": "Pay", "selector": "#pay"}'},
    **siblings.GIVEN,
}


@pytest.fixture(scope="module")
def toolkit(tmp_path_factory):
    with Sandbox(pulse=unhurried()) as server:
        keys = siblings.keys(server.url, tmp_path_factory.mktemp("downloads"))
        with toolkit_over(siblings.with_job(server), **LOGIN, **keys) as bound:
            bound.server = server
            yield bound


class _OverTheSandbox:
    operation = None

    @pytest.fixture(autouse=True)
    async def _connect(self, toolkit):
        self.toolkit = toolkit
        yield
        await toolkit.async_client.aclose()

    @property
    def tool_constructor(self):
        return lambda: langchain_tool(self.toolkit, self.operation.tool_name)

    @property
    def tool_invoke_params_example(self):
        example = EXAMPLES[self.operation.name]
        return example(self.toolkit.server) if callable(example) else example


for _operation in OPERATIONS:
    for _suite in (ToolsUnitTests, ToolsIntegrationTests):
        _title = f"Test{_suite.__name__}_{_operation.name}"
        globals()[_title] = type(_title, (_OverTheSandbox, _suite), {"operation": _operation, "__module__": __name__})


def test_every_operation_has_an_example():
    assert set(EXAMPLES) == {operation.name for operation in OPERATIONS}
