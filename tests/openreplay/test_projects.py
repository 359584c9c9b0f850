"""Projects: by any of their names, listed, shown, created."""

import httpx
import pytest

from openreplay_tools.errors import BadRequestError
from openreplay_tools.openreplay.projects import create_project, get_project, list_projects
from tests.servers import PREFIX, RECORDED, SHOP, Scripted, client_over, project


def test_the_list_holds_every_name_of_a_project(call, client):
    reply = call("list_projects")
    assert reply.text.startswith("2 of 2 projects · 127.0.0.1:")
    rows = [line.split("  ") for line in reply.text.splitlines()[2:4]]
    assert [[cell.strip() for cell in row if cell][:3] for row in rows] == [
        ["1", SHOP, "Acme Shop"],
        ["2", RECORDED, "Acme Recorded"],
    ]
    page = client.run(list_projects)
    assert page.total == 2
    assert page.rows[0].metadata == ["plan", "company", "experiment", "release"]
    assert list(client.iterate(list_projects)) == page.rows


@pytest.mark.parametrize("name", ["Acme Recorded", "acme recorded", " ACME RECORDED ", "2", RECORDED])
def test_a_project_is_known_by_key_id_and_name(call, name):
    reply = call("get_project", project=name)
    assert reply.data["project_key"] == RECORDED
    assert reply.text.startswith("Project Acme Recorded")
    assert "https://openreplay.example.com/2/sessions" in reply.text


def test_the_default_project_is_taken(call):
    assert call("get_project").data["project_key"] == SHOP


def test_an_unknown_project_is_refused_with_the_real_ones_and_nothing_is_asked(refuse, asked):
    text = refuse("get_project", project="Acme Shopp")
    assert (
        text == f'No project "Acme Shopp". Projects here: Acme Shop ({SHOP}, id 1); Acme Recorded ({RECORDED}, id 2).'
    )
    assert {path for _, path, _ in asked()} <= {"projects"}


def test_keys_are_case_sensitive(refuse):
    assert refuse("get_project", project=SHOP.lower()).startswith("No project")


def test_a_key_without_projects_says_so():
    for empty in (None, []):
        server = Scripted({})
        server.routes = {f"GET {PREFIX}projects": {"data": empty}}
        reply = server.call("list_projects")
        assert not reply.is_error
        assert reply.text.splitlines() == ["0 projects · openreplay.example.com", "No project is seen here."]
        assert server.call("get_project").is_error


def test_a_hundred_projects_may_not_be_all():
    many = [project(f"key{n:017}", n, f"Project {n}") for n in range(1, 101)]
    hidden = project("hiddenhiddenhiddenhi", 500, "Hidden")
    server = Scripted(
        {
            f"GET {PREFIX}projects\\Z": {"data": many},
            f"GET {PREFIX}projects/hiddenhiddenhiddenhi": {"data": hidden},
        }
    )
    assert "The server lists 100 projects at most" in server.call("list_projects").text
    assert server.call("get_project", project="hiddenhiddenhiddenhi").data["project_id"] == 500
    refused = server.call("get_project", project="Hidden").text
    assert "The server lists 100 projects at most; others answer to their key." in refused
    listed = refused.count("(key")
    assert 10 <= listed <= 20
    assert f"and {100 - listed} more." in refused


def test_an_unknown_key_beyond_the_hundred_is_an_unknown_project():
    many = [project(f"key{n:017}", n, f"Project {n}") for n in range(1, 101)]
    server = Scripted({f"GET {PREFIX}projects\\Z": {"data": many}, f"GET {PREFIX}projects/": httpx.Response(401)})
    assert server.call("get_project", project="nobodynobodynobodyno").text.startswith("No project")


def test_an_id_that_is_also_a_name_is_refused():
    server = Scripted({f"GET {PREFIX}projects\\Z": {"data": [project("a" * 20, 1, "2"), project("b" * 20, 2, "Two")]}})
    assert "Give the key" in server.call("get_project", project="2").text


def test_no_default_and_several_projects_is_a_question(sandbox):
    with (
        client_over(sandbox, project="") as client,
        pytest.raises(Exception, match="project is needed: no default is set"),
    ):
        client.run(get_project)


def test_the_only_project_needs_no_name():
    server = Scripted({f"POST {PREFIX}{SHOP}/users/x": {"data": {"total": 0, "sessions": None}}}, project="")
    assert "0 sessions of x · Acme Shop" in server.call("list_user_sessions", user_id="x").text


def test_a_new_project_is_created_once(own_call, own_sandbox):
    made = own_call("create_project", name="  Spaced & <odd> ", platform="ios")
    assert made.data["name"] == "  Spaced & <odd> "
    assert made.data["platform"] == "ios"
    assert made.data["project_id"] == 3
    assert own_call("list_projects").data["total"] == 3, "the remembered list is forgotten after a write"
    refused = own_call("create_project", name="acme shop")
    assert refused.is_error
    assert "exists already (case does not matter)" in refused.text


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "é" * 101])
def test_a_name_the_server_would_refuse_is_refused_before(own_call, own_sandbox, name):
    own_sandbox.requests.clear()
    assert own_call("create_project", name=name).is_error
    assert not own_sandbox.requests


def test_other_refusals_of_a_new_project_are_told():
    server = Scripted({f"POST {PREFIX}projects": httpx.Response(400, json={"errors": ["name is silly"]})})
    with pytest.raises(BadRequestError, match="name is silly"):
        server.client.run(create_project, name="x")
