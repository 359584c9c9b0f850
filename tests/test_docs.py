"""The generated parts of README.md: written, found stale, and refused with a clear message."""

import re

import pytest

from openreplay_tools import docs
from openreplay_tools.catalogue import OPERATIONS
from openreplay_tools.settings import Settings

EMPTY = (
    "# Title\n\n<!-- settings -->\n<!-- /settings -->\nBetween.\n<!-- masking -->\n<!-- /masking -->\n"
    "<!-- operations -->\nold\n<!-- /operations -->\nEnd.\n"
)


@pytest.fixture
def readme(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(EMPTY, "utf-8")
    return path


def run(path, *words):
    return docs.main([*words, "--readme", str(path)])


def test_the_readme_of_the_repository_is_fresh(capsys):
    assert docs.main(["--check"]) == 0, capsys.readouterr().err


def test_a_stale_document_is_named_and_left_alone(readme, capsys):
    assert run(readme, "--check") == 1
    said = capsys.readouterr().err
    assert said == "README.md is stale: operations, settings, masking. Run: python -m openreplay_tools.docs\n"
    assert readme.read_text("utf-8") == EMPTY


def test_only_what_is_stale_is_named(readme, capsys):
    run(readme)
    readme.write_text(readme.read_text("utf-8").replace("| `budget` |", "| `limit` |"), "utf-8")
    assert run(readme, "--check") == 1
    assert "stale: settings." in capsys.readouterr().err


def test_leftovers_between_the_marks_are_stale_too(readme, capsys):
    run(readme)
    readme.write_text(readme.read_text("utf-8").replace("<!-- /operations -->", "more\n<!-- /operations -->"), "utf-8")
    assert run(readme, "--check") == 1
    assert "stale: operations." in capsys.readouterr().err


def test_writing_makes_it_fresh_and_keeps_the_rest(readme):
    assert run(readme) == 0
    assert run(readme, "--check") == 0
    text = readme.read_text("utf-8")
    assert text.startswith("# Title\n\n<!-- settings -->\n| environment ")
    assert "<!-- /settings -->\nBetween.\n<!-- masking -->\n| masked " in text
    assert text.endswith("<!-- /operations -->\nEnd.\n")
    assert "old" not in text.splitlines()


@pytest.mark.parametrize(
    "text",
    [
        "nothing",
        EMPTY.replace("<!-- /settings -->", ""),
        EMPTY + "<!-- operations -->\n",
        "<!-- /operations -->\n<!-- operations -->\n<!-- settings -->\n<!-- /settings -->\n",
    ],
)
def test_wrong_marks_are_refused(readme, text, capsys):
    readme.write_text(text, "utf-8")
    assert run(readme) == 1
    assert "each once, in this order" in capsys.readouterr().err
    assert readme.read_text("utf-8") == text


def test_a_missing_document_is_refused(tmp_path, capsys):
    assert run(tmp_path / "README.md") == 1
    assert "No such file" in capsys.readouterr().err


def rows(table):
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_every_operation_has_a_row_with_one_sentence():
    found = rows(docs.operations_table())
    assert [row[0] for row in found] == [f"`{operation.tool_name}`" for operation in OPERATIONS]
    assert all(row[1].endswith(".") and row[1].count(". ") == 0 for row in found)
    assert [row[2:4] for row in found] == [[operation.effect, operation.group] for operation in OPERATIONS]


def test_the_default_only_reads():
    assert {row[2] for row in rows(docs.operations_table()) if row[5] != "no"} == {"read"}


def test_a_row_tells_which_credential_opens_the_tool_and_brings_it_into_the_default():
    found = {row[0].strip("`"): row[4:6] for row in rows(docs.operations_table())}
    assert found["openreplay_list_projects"] == ["key or login or key (API v1)", "key, login"]
    assert found["openreplay_search_users"] == ["key or login", "key, login, all"]
    assert found["openreplay_search_sessions"] == ["login", "login, all"]
    assert found["openreplay_create_note"] == ["login", "no"]
    assert found["openreplay_delete_user"] == ["key or key (API v1)", "no"]
    assert found["openreplay_send"] == ["key or login or key (API v1)", "no"]
    assert found["logrocket_get_highlights"] == ["LogRocket key", "LogRocket key, all"]
    assert found["logrocket_list_exports"] == ["LogRocket key", "LogRocket key"]
    assert found["logrocket_identify_user"] == ["LogRocket key", "no"]
    assert found["notte_get_frames"] == ["Notte key", "Notte key, all"]
    vendors = {default for name, (_, default) in found.items() if not name.startswith("openreplay_")}
    assert vendors == {"LogRocket key", "LogRocket key, all", "Notte key", "Notte key, all", "no"}
    openreplay = {default for name, (_, default) in found.items() if name.startswith("openreplay_")}
    assert openreplay == {"key, login", "key, login, all", "login", "login, all", "no"}


def test_the_sizes_of_the_defaults_are_told():
    told = docs.operations_table().splitlines()[-1]
    tools = [int(count) for count in re.findall(r"(\d+) tools", told)]
    key, login, everything = (int(size.replace(",", "")) for size in re.findall(r"([\d,]+) characters", told))
    assert tools == [9, 12, 12]
    assert 1000 < key < login < 16_000
    assert everything < 16_000


def test_every_setting_has_a_row_and_no_secret_a_value():
    found = {row[1].strip("`"): row for row in rows(docs.settings_table())}
    assert list(found) == list(Settings.model_fields)
    assert all(row[3] for row in found.values())
    assert found["secret"][2] == found["api_key"][2] == ""
