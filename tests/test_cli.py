"""The command line: selection, calls, exit codes, and what stands on which stream."""

import io
import re

import pytest

from openreplay_tools import search_users
from openreplay_tools.cli import main
from openreplay_tools.sandbox import Sandbox
from openreplay_tools.sandbox.notte_data import WITH_MP4
from tests import siblings

SAVED = f"session={WITH_MP4}"


@pytest.fixture
def shell(monkeypatch, sandbox, capsys):
    """Run a command against the sandbox, as an operator with an environment would."""
    monkeypatch.setenv("OPENREPLAY_API_KEY", sandbox.api_key)
    monkeypatch.setenv("OPENREPLAY_BASE_URL", sandbox.url)
    monkeypatch.setenv("OPENREPLAY_PROJECT", "Acme Shop")

    def run(*words):
        code = main(words)
        return (code, *capsys.readouterr())

    return run


def test_tools_are_listed_with_arguments_and_effects(shell):
    code, out, err = shell("tools")
    assert (code, err) == (0, "")
    assert "openreplay_search_users [read]\n  Find tracked users" in out
    assert f"    query: {search_users.schema['properties']['query']['description']}\n" in out
    assert "[write]" not in out


def test_the_selection_is_the_toolkits(shell):
    code, out, _ = shell("tools", "--groups", "jobs,users", "--effects", "all")
    names = [line.split(" ")[0] for line in out.splitlines() if line.startswith("openreplay_")]
    assert code == 0
    assert set(names) == {
        f"openreplay_{name}"
        for name in (
            "search_users",
            "get_user",
            "delete_user",
            "list_jobs",
            "get_job",
            "cancel_job",
        )
    }
    assert shell("tools", "--tools", "openreplay_get_user")[1].count("openreplay_get_user [read]") == 1
    code, out, err = shell("tools", "--groups", "user")
    assert (code, out) == (1, "")
    assert err == "groups: unknown name 'user'. Nearest: users.\n"


def test_a_call_prints_the_answer(shell):
    code, out, err = shell("call", "get_user", "user_id=ann@example.org")
    assert (code, err) == (0, "")
    assert out.startswith("User ann@example.org · Acme Shop\n")


def test_a_login_brings_its_tools(shell, monkeypatch, unpaced):
    code, out, err = shell("call", "search_sessions", "limit=2")
    assert (code, out) == (1, "")
    assert err.startswith("openreplay_search_sessions needs a dashboard login")
    monkeypatch.setenv("OPENREPLAY_EMAIL", Sandbox.email)
    monkeypatch.setenv("OPENREPLAY_PASSWORD", Sandbox.password)
    code, out, err = shell("call", "search_sessions", "limit=2", 'filters=[{"name":"browser","values":["Safari"]}]')
    assert (code, err) == (0, "")
    assert re.match(r"2 of \d+ sessions · Acme Shop · ", out)
    assert shell("call", "request", "path=/v2/api/1/notes", "method=POST", "body={}")[0] == 0
    assert shell("tools")[1].count(" [read]\n") == 12
    assert Sandbox.password not in out


def test_the_embedded_server_has_a_login_when_asked(capsys):
    assert main(["tools", "--sandbox"]) == 0
    assert "openreplay_search_sessions" not in [line.split(" ")[0] for line in capsys.readouterr().out.splitlines()]
    assert main(["tools", "--sandbox", "--login"]) == 0
    assert "openreplay_search_sessions" in [line.split(" ")[0] for line in capsys.readouterr().out.splitlines()]
    assert main(["call", "list_notes", "--sandbox", "--login"]) == 0
    assert capsys.readouterr().out.startswith("3 of 3 notes · Acme Shop")


def test_the_embedded_server_has_the_other_vendors_when_asked(capsys, tmp_path):
    def listed(*words):
        assert main(["tools", "--sandbox", *words]) == 0
        names = [line.split(" ")[0] for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")]
        return {name for name in names if not name.startswith("openreplay_")}

    assert listed() == set()
    assert listed("--siblings") == {
        "logrocket_request_highlights", "logrocket_get_highlights", "notte_list_sessions", "notte_get_session",
        "notte_get_frames",
    }  # fmt: skip
    everything = listed("--siblings", "--groups", "all", "--effects", "all", "--downloads", str(tmp_path))
    assert everything == set(siblings.NAMES)
    assert everything - listed("--siblings", "--groups", "all", "--effects", "all") == {"notte_save_replay"}


def test_a_call_at_another_vendor_needs_no_more_than_its_name(capsys, tmp_path):
    """Whoever names a tool of LogRocket or Notte need not say --siblings as well."""
    assert main(["call", "--sandbox", "notte_list_sessions", "limit=2"]) == 0
    assert capsys.readouterr().out.startswith("2 sessions · Notte · all states · in Notte's order\n")
    assert main(["call", "--sandbox", "logrocket_list_exports", "limit=1"]) == 0
    assert capsys.readouterr().out.startswith("1 export file · LogRocket acme/shop · oldest first\n")
    assert main(["call", "--sandbox", "--downloads", str(tmp_path / "files"), "notte_save_replay", SAVED]) == 0
    (file,) = (tmp_path / "files").iterdir()
    out, err = capsys.readouterr()
    assert f"File: {file}\n" in out
    assert "X-Amz" not in out + err
    assert main(["call", "--sandbox", "notte_save_replay", SAVED]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "OPENREPLAY_DOWNLOADS" in err


def test_a_key_of_another_vendor_is_enough(monkeypatch, sandbox, capsys):
    monkeypatch.setenv("NOTTE_API_KEY", sandbox.notte_api_key)
    monkeypatch.setenv("NOTTE_API_URL", sandbox.notte_url)
    assert main(["call", "notte_list_sessions", "limit=1"]) == 0
    assert capsys.readouterr().out.startswith("1 session · Notte · ")
    assert main(["call", "logrocket_list_exports"]) == 1
    assert capsys.readouterr().err.startswith("logrocket_list_exports needs a LogRocket key (LOGROCKET_API_KEY).")


def test_a_refusal_goes_to_standard_error(shell):
    code, out, err = shell("call", "get_user", "user_id=nobody")
    assert (code, out) == (1, "")
    assert err.startswith("No user record nobody.")
    assert err.count("\n") == 1


def test_lists_come_as_json_or_with_commas(shell):
    session = "session=4113715799632532494"
    one = shell("call", "list_session_events", session, "project=2", 'kinds=["CLICK","ERROR"]')
    two = shell("call", "list_session_events", session, "project=2", "kinds=CLICK,ERROR")
    assert one[0] == two[0] == 0
    assert one[1].splitlines()[0] == two[1].splitlines()[0]
    assert "whole session · CLICK, ERROR" in one[1].splitlines()[0]


def test_values_may_hold_equals_signs_and_spaces(shell):
    code, out, _ = shell("call", "search_users", "query=a=b c")
    assert code == 0
    assert 'query "a=b c"' in out


def test_a_word_that_is_no_argument_is_misuse(shell):
    with pytest.raises(SystemExit) as left:
        shell("call", "get_user", "ann@example.org")
    assert left.value.code == 2


@pytest.mark.parametrize("words", [(), ("nonsense",), ("call",), ("sandbox", "--edition", "gold")])
def test_misuse_ends_with_2(words, capsys):
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 2
    assert capsys.readouterr().out == ""


def test_without_a_key_it_says_what_to_set(capsys):
    assert main(["call", "list_projects"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("OPENREPLAY_API_KEY is not set.")
    assert err.count("\n") == 1


def test_reading_is_the_default(shell):
    code, _, err = shell("call", "create_project", "name=x")
    assert code == 1
    assert "create_project" not in err or "effects" in err


def test_the_key_is_never_printed(shell, sandbox, monkeypatch):
    monkeypatch.setenv("OPENREPLAY_API_KEY", "wrongwrongwrongwrong")
    code, out, err = shell("call", "list_projects")
    assert code == 1
    assert "401" in err
    assert "wrongwrong" not in out + err


def test_an_interrupt_ends_quietly(monkeypatch, capsys):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Sandbox, "serve_forever", interrupted)
    assert main(["sandbox", "--port", "0"]) == 0
    assert capsys.readouterr().err == ""


def test_the_standing_sandbox_prints_what_to_set(monkeypatch, capsys):
    seen = {}
    monkeypatch.setattr(Sandbox, "serve_forever", lambda self: seen.update(edition=self.edition, port=self.port))
    assert main(["sandbox", "--port", "8799", "--edition", "foss"]) == 0
    assert seen == {"edition": "foss", "port": 8799}
    line = capsys.readouterr().out
    assert line == (
        f"OPENREPLAY_BASE_URL=http://127.0.0.1:8799 OPENREPLAY_API_KEY={Sandbox.api_key} "
        f"OPENREPLAY_PROJECT='Acme Shop' OPENREPLAY_EMAIL={Sandbox.email} OPENREPLAY_PASSWORD={Sandbox.password} "
        f"LOGROCKET_BASE_URL=http://127.0.0.1:8799/logrocket LOGROCKET_API_KEY={Sandbox.logrocket_api_key} "
        f"NOTTE_API_URL=http://127.0.0.1:8799/notte NOTTE_API_KEY={Sandbox.notte_api_key}\n"
    )


def test_a_broken_list_of_filters_is_explained(shell):
    code, _, err = shell("call", "search_users", "filters=[{")
    assert code == 1
    assert err.startswith("filters")


# --- destruction ------------------------------------------------------------------------------------------------------

DELETE = ("call", "delete_user", "user_id=ann@example.org", "--effects", "all", "--sandbox")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_destroying_is_previewed_where_nobody_can_be_asked(capsys):
    assert main(DELETE) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Preview, nothing is deleted yet")
    assert err == ""


def test_the_preview_on_the_command_line_names_its_own_way_on(capsys):
    main(DELETE)
    assert "--yes" in capsys.readouterr().out


def test_destroying_with_yes_needs_no_answer(capsys):
    assert main([*DELETE, "--yes"]) == 0
    assert capsys.readouterr().out.startswith("Deletion scheduled for ann@example.org")


@pytest.mark.parametrize(
    ("said", "begins"), [("yes\n", "Deletion scheduled"), ("y\n", "Preview, nothing"), ("\n", "Preview, nothing")]
)
def test_a_person_is_asked(monkeypatch, capsys, said, begins):
    monkeypatch.setattr("sys.stdin", Terminal(said))
    assert main(DELETE) == 0
    out, err = capsys.readouterr()
    assert err.startswith("Preview, nothing is deleted yet")
    assert begins in out
