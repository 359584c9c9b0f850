"""The benchmarks run; how fast anything is, is no matter for a test."""

import pytest

from benchmarks import run
from benchmarks.replies import events, users
from benchmarks.timing import Measure


@pytest.mark.usefixtures("unmeasured")
def test_every_measure_is_taken(monkeypatch, capsys):
    monkeypatch.setattr(run, "_LONG", 10_000)
    assert run.main(["--calls", "1", "--processes", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for said in (
        "Client.run, 1 user ÷",
        "AsyncClient.run, 200 users ÷",
        "LangChain tool, 50 users ÷",
        "import openreplay_tools ÷",
    ):
        assert any(line.startswith(said) for line in lines), said
    assert lines[-2].startswith("characters of the default tools")
    assert lines[-1].startswith("the same with a login besides")


def test_the_replies_are_recorded_rows_that_differ():
    assert users(200).count(b'"$email"') == 200
    assert len(set(events(200).split(b'"event_id":"'))) == 201


@pytest.mark.parametrize(("ours", "target", "verdict"), [(1.0, 1.3, "ok"), (2.0, 1.3, "OVER"), (2.0, None, "–")])
def test_a_measure_is_judged_by_its_ratio(ours, target, verdict):
    assert Measure("", ours, 1.0, target).verdict == verdict
