"""Each failure as a client meets it."""

from __future__ import annotations

import time

import httpx
import pytest

from openreplay_tools.sandbox import Failure

PATH = "/v2/api/public/projects"


@pytest.fixture
def fail(sandbox):
    sandbox.failures.clear()
    yield lambda *arguments, **more: sandbox.failures.add(Failure(*arguments, **more))
    sandbox.failures.clear()


def test_dropped_connection_gives_no_answer_once(fail, http_client, sandbox):
    fail("drop")
    with pytest.raises(httpx.RemoteProtocolError):
        http_client.get(PATH)
    assert sandbox.requests[-1].path == PATH
    assert http_client.get(PATH).status_code == 200


def test_truncated_body_is_noticed(fail, http_client):
    fail("truncate")
    with pytest.raises(httpx.RemoteProtocolError):
        http_client.get(PATH)
    assert http_client.get(PATH).status_code == 200


def test_delay_meets_a_time_out(fail, http_client):
    fail("delay", delay=0.3)
    with pytest.raises(httpx.ReadTimeout):
        http_client.get(PATH, timeout=0.05)
    fail("delay", delay=0.05)
    assert http_client.get(PATH).status_code == 200


def test_slow_body_arrives_whole(fail, http_client):
    fail("slow_body", delay=0.2)
    began = time.perf_counter()
    assert len(http_client.get(PATH).json()["data"]) == 2
    assert time.perf_counter() - began >= 0.2


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_error_is_nginx_html(fail, http_client, status):
    fail("status", status=status)
    reply = http_client.get(PATH)
    assert (reply.status_code, reply.headers["Content-Type"]) == (status, "text/html")
    assert "<center>nginx</center>" in reply.text


@pytest.mark.parametrize("retry_after", [None, 7])
def test_too_many_requests_is_text(fail, http_client, retry_after):
    fail("status", status=429, retry_after=retry_after)
    reply = http_client.get(PATH)
    assert (reply.status_code, reply.text) == (429, "Too Many Requests\n")
    assert reply.headers["Content-Type"].startswith("text/plain")
    assert reply.headers.get("Retry-After") == (None if retry_after is None else "7")


def test_wrong_content_types(fail, http_client):
    fail("html")
    assert http_client.get(PATH).text.startswith("<!doctype html>")
    fail("content_type")
    reply = http_client.get(PATH)
    assert (reply.headers["Content-Type"], len(reply.json()["data"])) == ("text/plain", 2)


def test_redirect_names_its_target(fail, http_client):
    fail("redirect", location="http://127.0.0.1:9/elsewhere")
    reply = http_client.get(PATH)
    assert (reply.status_code, reply.headers["Location"]) == (302, "http://127.0.0.1:9/elsewhere")


def test_failures_choose_by_path_method_and_count(fail, http_client):
    fail("status", path=r"/jobs\?page=2", method="GET", times=2)
    jobs = "/v2/api/public/7X2WHE68QaUo3L1nD60m/jobs"
    assert [http_client.get(f"{jobs}?page={page}").status_code for page in (1, 2, 2, 2)] == [200, 503, 503, 200]
    fail("status", method="POST", times=0)
    assert http_client.get(PATH).status_code == 200
    assert [http_client.post(PATH, json={}).status_code for _ in range(3)] == [503] * 3


def test_failing_request_that_crashes_the_handler_is_just_dropped(fail, http_client):
    fail("content_type")
    with pytest.raises(httpx.RemoteProtocolError):
        http_client.get("/v2/api/public/AAAAAAAAAAAAAAAAAAAA/jobs")


@pytest.mark.parametrize("arguments", [{"kind": "explode"}, {"kind": "status", "status": 418}])
def test_unknown_failure_is_refused(arguments):
    with pytest.raises(ValueError, match=r"unknown kind|status must be"):
        Failure(**arguments)
