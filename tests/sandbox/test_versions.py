"""What an installation of each version and edition answers to whoever looks at it from outside (contract §5)."""

from __future__ import annotations

import httpx
import pytest

from openreplay_tools.cli import main
from openreplay_tools.sandbox import Sandbox
from openreplay_tools.sandbox.versions import VERSIONS
from tests.sandbox.conftest import PROJECT
from tests.sandbox.fidelity import sign_in

KEY = PROJECT.rpartition("/")[2]
EDITIONS = ("foss", "ee")


@pytest.fixture(scope="module")
def installed(small_world):
    """A sandbox of each version and edition, started when first asked for."""
    running = {}

    def get(version, edition="foss", **more):
        name = (version, edition, *more.items())
        if name not in running:
            running[name] = Sandbox(version=version, edition=edition, **more).start()
        return running[name]

    yield get
    for sandbox in running.values():
        sandbox.stop()


def get(sandbox, path, authorization=None):
    headers = {"Authorization": authorization} if authorization else {}
    return httpx.get(sandbox.url + path, headers=headers)


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize(
    ("version", "status", "start"),
    [
        ("1.22", 200, "<!doctype html>"),
        ("1.26", 404, "404 page not found"),
        ("1.27", 200, '{"data":['),
        ("1.27.0", 200, '{"data":['),
    ],
)
def test_api_v2_is_there_from_1_27_on(installed, version, edition, status, start):
    sandbox = installed(version, edition)
    reply = get(sandbox, "/v2/api/public/projects", f"Bearer {sandbox.api_key}")
    assert (reply.status_code, reply.text.startswith(start)) == (status, True)


@pytest.mark.parametrize("version", VERSIONS)
def test_api_v1_is_everywhere_but_in_the_newest(installed, version):
    sandbox = installed(version)
    reply = get(sandbox, f"/api/v1/projects/{KEY}", sandbox.api_key)
    if version == "1.27":
        assert (reply.status_code, reply.json()) == (404, {"detail": "Not Found"})
    else:
        assert reply.json()["data"]["name"] == "Acme Shop"


@pytest.mark.parametrize(("version", "api_v1"), [("1.27", True), ("1.26", False)])
def test_api_v1_can_be_told_apart_from_the_version(installed, version, api_v1):
    sandbox = installed(version, api_v1=api_v1)
    assert (get(sandbox, f"/api/v1/projects/{KEY}", sandbox.api_key).status_code == 200) is api_v1


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("version", VERSIONS)
def test_anybody_can_ask_for_the_edition_and_a_login_for_the_version(installed, version, edition):
    sandbox = installed(version, edition)
    assert get(sandbox, "/api/signup").json()["data"]["edition"] == edition
    account = get(sandbox, "/api/account", f"Bearer {sign_in(sandbox)}").json()["data"]
    assert account["versionNumber"] == f"v{version[:4]}.0"
    assert account["apiKey"] == sandbox.api_key


@pytest.mark.parametrize(
    ("version", "vary"), [("1.22", None), ("1.26", None), ("1.27", "Origin"), ("1.27.0", "Origin")]
)
def test_only_the_newest_legacy_service_knows_about_origins(installed, version, vary):
    assert get(installed(version), "/api/signup").headers.get("vary") == vary
    assert get(installed(version), "/api/nope").headers.get("vary") == vary
    assert get(installed(version), "/api/v1/nope").headers.get("vary") is None


def test_1_26_has_the_dashboards_routes_but_not_what_came_later(installed):
    sandbox = installed("1.26")
    token = f"Bearer {sign_in(sandbox)}"
    assert get(sandbox, "/v2/api/").status_code == 200
    assert get(sandbox, "/v2/api/1/sessions/anything", token).status_code == 501
    assert get(sandbox, "/v2/api/1/sessions/anything").status_code == 401
    tags = get(sandbox, "/v2/api/1/tags", token)
    assert (tags.status_code, tags.text) == (404, "404 page not found\n")


def test_1_26_has_one_route_for_the_key_which_enterprise_never_opens(installed):
    sandbox = installed("1.26")
    reply = get(sandbox, f"/v2/api/v1/projects/{KEY}", f"Bearer {sandbox.api_key}")
    assert reply.json()["data"]["projectKey"] == KEY
    enterprise = installed("1.26", "ee")
    assert get(enterprise, f"/v2/api/v1/projects/{KEY}", f"Bearer {enterprise.api_key}").status_code == 401
    newest = installed("1.27")
    assert get(newest, f"/v2/api/v1/projects/{KEY}", f"Bearer {newest.api_key}").status_code == 404


@pytest.mark.parametrize("path", ["/v2/api", "/v2/api/", "/v2/api/1/sessions/search", "/nowhere"])
def test_1_22_shows_the_front_page_for_all_that_is_not_legacy(installed, path):
    reply = get(installed("1.22"), path)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/html")


@pytest.mark.parametrize("base", ["/v2/api", "/api"])
def test_a_base_without_its_slash_is_sent_there(installed, base):
    sandbox = installed("1.27")
    reply = get(sandbox, base)
    assert (reply.status_code, reply.headers["location"]) == (301, f"{sandbox.url}{base}/")


def test_the_command_line_runs_every_version(small_world, monkeypatch, capsys):
    seen = []
    monkeypatch.setattr(Sandbox, "serve_forever", lambda self: (seen.append(self.version), self.stop()))
    for version in VERSIONS:
        assert main(["sandbox", "--port", "0", "--version", version]) == 0
    assert tuple(seen) == VERSIONS
    with pytest.raises(SystemExit):
        main(["sandbox", "--version", "1.23"])
    assert "1.27.0" in capsys.readouterr().err


@pytest.mark.parametrize(("version", "status"), [("1.22", 501), ("1.26", 501), ("1.27", 404)])
def test_legacy_session_search_is_unknown_before_1_27_and_gone_since(installed, version, status):
    sandbox = installed(version)
    token = {"Authorization": f"Bearer {sign_in(sandbox)}"}
    assert httpx.post(f"{sandbox.url}/api/1/sessions/search", json={}, headers=token).status_code == status
