"""Notte as an agent sees it: the tools, what they say through a toolkit, and what there is no tool for."""

import json

import pytest

from openreplay_tools import Toolkit
from openreplay_tools.catalogue import OPERATIONS
from openreplay_tools.notte.unserved import UNSERVED
from openreplay_tools.sandbox import notte_data as planted
from openreplay_tools.settings import Settings

TOOLS = [each.tool_name for each in OPERATIONS if each.provider == "notte"]
FRAMES = "notte_get_frames"
LEAKS = ("X-Amz", "/storage/", planted.CDP_SECRET, planted.VIEWER_SECRET)


@pytest.fixture
def toolkit(sandbox, tmp_path):
    given = {"siblings": True, "downloads": str(tmp_path), "retries": 0}
    with Toolkit(Settings.of_sandbox(sandbox, **given), groups=("notte",)) as made:
        yield made


def test_the_tools_are_these_and_only_read(toolkit):
    assert [each.tool_name for each in toolkit.operations] == TOOLS
    assert sorted(TOOLS) == [
        "notte_get_frames",
        "notte_get_replay",
        "notte_get_session",
        "notte_list_sessions",
        "notte_save_replay",
    ]
    assert {each.effect for each in toolkit.operations} == {"read"}


@pytest.mark.parametrize(
    ("tool", "given"),
    [
        ("notte_list_sessions", {"limit": 100, "detail": "full"}),
        ("notte_get_session", {"session": planted.INJECTED}),
        ("notte_get_replay", {"session": planted.WITH_MP4}),
        ("notte_get_replay", {"session": planted.TS_PLAYLIST}),
        ("notte_save_replay", {"session": planted.TS_PLAYLIST}),
        ("notte_get_frames", {"session": planted.TS_PLAYLIST, "at": ["0:03", "0:07"]}),
    ],
)
async def test_sync_and_async_code_get_the_same_and_nothing_secret(toolkit, sandbox, tool, given):
    again = {**given, "overwrite": True} if tool == "notte_save_replay" else given
    reply, other = toolkit.call(tool, given), await toolkit.acall(tool, again)
    assert (reply.is_error, other.is_error) == (False, False)
    assert (reply.text, reply.data) == (other.text, other.data)
    assert len(reply.pictures) == len(other.pictures) == len(given.get("at", ()))
    told = reply.text + json.dumps(reply.data) + repr(reply)
    assert all(leak not in told for leak in (*LEAKS, sandbox.notte_api_key))
    await toolkit.async_client.aclose()


def test_a_long_list_is_cut_to_the_budget_and_says_how_to_go_on(toolkit):
    reply = toolkit.call("notte_list_sessions", {"limit": 100, "detail": "brief"})
    assert len(reply.text) <= toolkit.settings.budget // 3
    assert "page=2 goes on" in reply.text
    assert len(reply.data["rows"]) == 38


def test_these_are_told():
    assert [operation.tool_name for operation in UNSERVED] == [
        "notte_list_session_events",
        "notte_list_console_logs",
        "notte_list_network_logs",
        "notte_search_sessions",
        "notte_search_users",
        "notte_summarize_session",
    ]


@pytest.mark.parametrize("operation", UNSERVED, ids=lambda operation: operation.tool_name)
def test_what_notte_has_no_api_for_says_what_to_use_instead(toolkit, operation):
    assert operation.tool_name not in TOOLS
    reply = toolkit.call(operation.tool_name, {"session": planted.WITH_MP4, "anything": 1})
    assert reply.is_error
    assert reply.text.startswith(("Notte", f"{operation.tool_name} is not available: Notte"))
    assert any(tool in reply.text for tool in TOOLS)
    assert toolkit.unavailable[operation.tool_name]


async def test_a_model_that_is_to_see_aliases_only_is_offered_no_pictures(sandbox, tmp_path):
    given = {"siblings": True, "downloads": str(tmp_path), "privacy": "pseudonyms"}
    why = "It shows pictures, and with them people as they are: privacy is set to pseudonyms."
    with Toolkit(Settings.of_sandbox(sandbox, **given), groups=("notte",)) as toolkit:

        def refused():
            offered = [each.tool_name for each in toolkit.operations]
            return offered == [name for name in TOOLS if name != FRAMES] and toolkit.unavailable[FRAMES] == why

        assert refused()
        toolkit.probe()
        assert refused()
        await toolkit.aprobe()
        assert refused()
        sandbox.requests.clear()
        reply = toolkit.call(FRAMES, {"session": planted.WITH_MP4, "at": "end"})
        await toolkit.async_client.aclose()
    assert (reply.is_error, reply.text, reply.pictures) == (True, f"{FRAMES} is not available: {why}", ())
    assert not sandbox.requests


def test_what_shows_people_is_known_of_the_operation():
    assert [each.tool_name for each in OPERATIONS if each.shows_people] == [FRAMES]


def test_why_pictures_cannot_be_had_at_all_is_told_before_that_they_show_people(sandbox):
    with Toolkit(Settings.of_sandbox(sandbox, privacy="pseudonyms"), groups=("notte",)) as toolkit:
        assert "NOTTE_API_KEY" in toolkit.unavailable[FRAMES]


def test_without_a_directory_saving_is_not_offered(sandbox):
    with Toolkit(Settings.of_sandbox(sandbox, siblings=True), groups=("notte",)) as toolkit:
        assert "notte_save_replay" not in [each.tool_name for each in toolkit.operations]
        reply = toolkit.call("notte_save_replay", {"session": planted.WITH_MP4})
    assert reply.is_error
    assert "OPENREPLAY_DOWNLOADS" in reply.text


def test_without_a_key_it_says_which(sandbox):
    with Toolkit(Settings.of_sandbox(sandbox), groups=("notte",)) as toolkit:
        reply = toolkit.call("notte_list_sessions", {})
    assert reply.is_error
    assert "NOTTE_API_KEY" in reply.text


def test_a_wrong_key_is_told_with_its_variable_and_not_repeated(sandbox):
    settings = Settings.of_sandbox(sandbox, siblings=True, notte_api_key="wrong-sekret-key")
    with Toolkit(settings, groups=("notte",)) as toolkit:
        reply = toolkit.call("notte_get_frames", {"session": planted.WITH_MP4, "at": "1"})
    assert reply.is_error
    assert "NOTTE_API_KEY" in reply.text
    assert "sekret" not in reply.text


def test_an_id_in_our_own_fence_is_taken_back(toolkit):
    fence = toolkit._fence  # as a model copies it
    assert not toolkit.call("notte_get_session", {"session": fence.around(planted.WITH_MP4)}).is_error
