"""What a call is about: project, session and window are resolved before anything else is asked."""

import httpx
import pytest

from openreplay_tools.errors import AuthenticationError, NotFoundError, TransportError
from openreplay_tools.openreplay.events import list_session_events
from openreplay_tools.openreplay.sessions import list_user_sessions
from openreplay_tools.sandbox import Failure
from tests.servers import PREFIX, RECORDED, SHOP, Scripted, client_over, toolkit_over

ID = "4113715799632532494"
LINK = f"https://openreplay.example.com/2/session/{ID}"


def test_the_list_of_projects_is_asked_for_once_a_minute(sandbox):
    with client_over(sandbox) as client:
        sandbox.requests.clear()
        for _ in range(3):
            client.run(list_user_sessions, user_id="ann@example.org")
        assert [one.path for one in sandbox.requests].count(f"{PREFIX}projects") == 1


def test_a_pasted_link_sets_project_and_moment(call):
    reply = call("list_session_events", session=f"{LINK}?jumpto=4056")
    assert reply.data["session_id"] == ID
    assert "· Acme Recorded ·" in reply.text
    assert f"The pasted link points at 0:04: {LINK}?jumpto=4056" in reply.text


def test_a_link_may_agree_with_the_project(call):
    for project in ("2", "acme recorded", RECORDED):
        assert call("list_session_events", session=LINK, project=project).data["total"] == 16


def test_a_link_that_contradicts_the_project_is_refused(refuse):
    text = refuse("list_session_events", session=LINK, project="Acme Shop")
    assert text == (
        "session: the link belongs to project id 2, project= names Acme Shop (id 1). "
        "Leave project empty, or give the link's own."
    )


def test_a_link_to_an_unknown_project_is_refused(refuse):
    assert refuse("list_session_events", session=LINK.replace("/2/", "/77/")).startswith('No project "77".')


def test_a_foreign_link_is_refused_before_any_request(refuse, asked):
    text = refuse("list_session_events", session=f"https://evil.example/2/session/{ID}")
    assert '"evil.example"; this toolkit reads openreplay.example.com only' in text
    assert not asked()


@pytest.mark.parametrize("field", ["since", "until"])
def test_an_unclear_time_is_refused_with_forms_and_zone(sandbox, field):
    with toolkit_over(sandbox, timezone="Europe/Berlin") as toolkit:
        sandbox.requests.clear()
        reply = toolkit.call("openreplay_list_user_sessions", {"user_id": "x", field: "last summer"})
    assert reply.is_error
    assert reply.text.startswith(f'Unclear time "last summer" in {field}. Use forms such as 24h, 7d,')
    assert reply.text.endswith("the zone is Europe/Berlin.")
    assert not sandbox.requests


def test_an_unknown_project_of_the_enterprise_edition_breaks_the_connection(sandbox):
    """There the server crashes instead of answering (contract §1.6): the project list decides what it means."""
    server = Scripted({})

    def broken(request):
        raise httpx.RemoteProtocolError("Server disconnected")

    server.routes = {f"POST {PREFIX}": broken, **server.routes}
    server.call("list_projects")
    with pytest.raises(TransportError):
        server.client.run(list_user_sessions, user_id="x")
    server.routes[f"GET {PREFIX}projects\\Z"] = {"data": []}
    with pytest.raises(NotFoundError, match="no longer knows project Acme Shop"):
        server.client.run(list_user_sessions, user_id="x")


@pytest.mark.parametrize(
    "reply", [httpx.Response(401), httpx.Response(502, text="<html>", headers={"Content-Type": "text/html"})]
)
def test_a_deleted_project_is_told_as_such(reply):
    server = Scripted({f"POST {PREFIX}": reply})
    server.call("list_projects")
    server.routes[f"GET {PREFIX}projects\\Z"] = {"data": [{"projectKey": "b" * 20, "projectId": 5, "name": "Other"}]}
    text = server.call("list_user_sessions", user_id="x").text
    assert text == f"The server no longer knows project Acme Shop. Projects here: Other ({'b' * 20}, id 5)."


def test_a_refused_key_stays_a_refused_key():
    server = Scripted({f"POST {PREFIX}": httpx.Response(401)})
    with pytest.raises(AuthenticationError, match=r"refused the key \(401\)"):
        server.client.run(list_user_sessions, user_id="x")


def test_a_broken_connection_stays_one(sandbox):
    sandbox.failures.add(Failure("drop", path="/users/", times=0))
    try:
        with client_over(sandbox, retries=0) as client, pytest.raises(TransportError, match="broke the connection off"):
            client.run(list_user_sessions, user_id="x")
    finally:
        sandbox.failures.clear()


def test_a_reply_of_the_wrong_shape_is_ours_to_explain():
    for data in (
        {"data": {"total": "many"}},
        {"data": None},
        {},
        {"data": {"total": 1, "sessions": [{"startTs": "soon"}]}},
    ):
        server = Scripted({f"POST {PREFIX}": data})
        reply = server.call("list_user_sessions", user_id="x")
        assert reply.is_error
        assert "reply is not what this operation returns" in reply.text


def test_strange_and_missing_keys_are_kept_and_tolerated():
    rows = [{"sessionId": ID, "newKey": {"deep": [1]}, "startTs": 1795196568000}]
    server = Scripted({f"POST {PREFIX}{SHOP}/users/": {"data": {"total": 1, "sessions": rows, "more": 1}, "also": 2}})
    (row,) = server.call("list_user_sessions", user_id="x").data["rows"]
    assert row["newKey"] == {"deep": [1]}
    assert row["events_count"] == 0


async def test_the_scope_is_the_same_async(sandbox):
    with toolkit_over(sandbox) as toolkit:
        given = {"session": f"{LINK}?jumpto=4056", "since": "2026-11-20"}
        expected = toolkit.call("openreplay_list_session_events", given)
        assert await toolkit.acall("openreplay_list_session_events", given) == expected
        await toolkit.async_client.aclose()
    assert list_session_events.tool_name == "openreplay_list_session_events"
