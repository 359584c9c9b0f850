"""The notebooks run, and what they show is what is committed."""

import json
import re
from functools import cache

import pytest

from notebooks import build
from openreplay_tools.sandbox import FIXED_NOW
from openreplay_tools.sandbox.world import build as build_world

_SHARE = r"(\S+) +(\d+)% of these sessions, +(\d+)% of all"
_COUNTS = re.compile(r"^(\S.*?) {4,}(\d+) +(\d+)$", re.MULTILINE)


def shown(path):
    cells = json.loads(path.read_text("utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return "\n".join("".join(output.get("text") or output["data"]["text/plain"]) for output in outputs)


@cache
def incidents():
    return build_world(int(FIXED_NOW.timestamp() * 1000)).incidents


def incident(name):
    return next(one for one in incidents() if one.name == name).numbers


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("path", build.NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_shows_what_it_does(path):
    assert build.same(build.executed(path), path.read_text("utf-8")), "run `make notebooks`"


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
    # The same from all sessions at once; those who finished after a refusal are among them.
    sessions, users = re.search(r"POST /api/signup/phone → 422: (\d+) of 2000 sessions, (\d+) users", text).groups()
    assert int(sessions) >= int(users) >= truth["refused"]
    shares = {name: (int(part), int(whole)) for name, part, whole in re.findall(_SHARE, text)}
    assert shares["BR"][0] > 2 * shares["BR"][1] > 0
    assert shares["Chrome"][0] < 1.5 * shares["Chrome"][1]


def test_the_second_notebook_finds_who_cannot_pay():
    truth = incident("checkout")
    text = shown(build.NOTEBOOKS[1])
    assert f"{truth['users'] - 1} users" in text
    rows = [(*name.split(), int(failed)) for name, failed, _ in re.findall(_COUNTS, text)]
    assert [name for *name, failed in rows if failed] == [["Safari", "Mac", "OS", "X"]]
    checkouts = re.findall(r"^(\w+) +([\d.]+) +(\d+) of +(\d+) checkouts failed$", text, re.MULTILINE)
    failing = [
        (browser, release, int(failed), int(tried)) for browser, release, failed, tried in checkouts if failed != "0"
    ]
    assert failing == [("Safari", "4.2.0", truth["sessions"], truth["sessions"])]
    assert f"Safari {truth['sessions']} of" in text


def test_the_third_notebook_goes_from_one_vendors_moment_to_the_others_replay():
    text = shown(build.NOTEBOOKS[2])
    at, link = re.search(r"^(\S+ \S+) An error was shown\n.*\n(https://openreplay\S+)$", text, re.MULTILINE).groups()
    assert at.startswith("2026-11-19 23:26:51")
    # 3 s after the moment at which OpenReplay's own summary of ann@example.org has her payment fail.
    assert re.fullmatch(r".*/1/session/4112611775002542897\?jumpto=47\d{3}", link)
    assert "[masked]" not in text
    assert "X-Amz" not in text


def test_only_a_pictures_bytes_may_differ():
    known = build.NOTEBOOKS[2].read_text("utf-8")
    assert '"image/jpeg"' in known
    picture = re.search(r'"image/jpeg": "([^"\\]{40})', known)[1]
    assert build.same(known.replace(picture, "A" * 40), known)
    assert not build.same(known.replace("An error was shown", "Nothing"), known)
