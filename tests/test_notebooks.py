"""The notebooks run, and what they show is what is committed."""

import json

import pytest

from notebooks import build
from openreplay_tools.sandbox import FIXED_NOW
from openreplay_tools.sandbox.world import build as build_world


def shown(path):
    cells = json.loads(path.read_text("utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return "\n".join("".join(output.get("text") or output["data"]["text/plain"]) for output in outputs)


def incident(name):
    world = build_world(int(FIXED_NOW.timestamp() * 1000))
    return next(one for one in world.incidents if one.name == name).numbers


@pytest.mark.parametrize("path", build.NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_shows_what_it_does(path):
    assert build.executed(path) == path.read_text("utf-8"), "run `make notebooks`"


@pytest.mark.parametrize("path", build.NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_holds_no_address_of_the_sandbox(path):
    assert "127.0.0.1" not in path.read_text("utf-8")


def test_the_first_notebook_finds_where_sign_up_loses_people():
    truth = incident("phone")
    text = shown(build.NOTEBOOKS[0])
    dropped = truth["started"] - truth["finished"]
    assert f"{truth['started']} started, {truth['finished']} finished, {dropped} dropped out" in text
    assert f"3: {truth['users']}" in text
    assert f"{truth['refused']} of {dropped}" in text


def test_the_second_notebook_finds_who_cannot_pay():
    text = shown(build.NOTEBOOKS[1])
    failing = [line.split() for line in text.splitlines() if line.endswith("     0") and "4." in line]
    assert [(row[0], row[-3]) for row in failing] == [("Safari", "4.2.0")]
    assert f"{incident('checkout')['users'] - 1} users" in text
