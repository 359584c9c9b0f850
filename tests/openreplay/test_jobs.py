"""Deletion jobs: previewed, scheduled, listed, cancelled."""

from datetime import UTC, datetime

import httpx
import pytest

from openreplay_tools.errors import ArgumentsError, ConflictError, NotFoundError
from openreplay_tools.openreplay.jobs import cancel_job, delete_user, get_job, list_jobs
from openreplay_tools.sandbox import FIXED_NOW
from tests.openreplay.recorded import older, replayed
from tests.servers import PREFIX, RECORDED, SHOP, Scripted, client_over, sent

ANN = "ann@example.org"


@pytest.fixture
def client(own_sandbox):
    with client_over(own_sandbox) as bound:
        yield bound


def scheduled(server, count):
    for number in range(count):
        server.store.schedule_deletion(1, f"user {number}", FIXED_NOW)


def test_the_preview_counts_what_would_go(own_call, world):
    reply = own_call("delete_user", user_id=ANN)
    theirs = [event for event in world.events if event["$user_id"] == ANN]
    assert reply.data["sessions"] == len({event["session_id"] for event in theirs})
    first = datetime.fromtimestamp(min(event["created_at"] for event in theirs) / 1000, UTC)
    assert f"{first:%Y-%m-%d %H:%M:%S} to 2026-11-19" in reply.text
    assert "Would stay: the user's record" in reply.text
    assert "midnight UTC" in reply.text
    assert reply.data["job"] is None


def test_a_job_goes_its_way(own_call, own_sandbox):
    token = own_call("delete_user", user_id=ANN).data["confirm"]
    job = own_call("delete_user", user_id=ANN, confirm=token).data["job"]
    assert job["status"] == "scheduled"
    assert job["start_at"] == "2026-11-21T00:00:00Z"
    listed = own_call("list_jobs")
    assert listed.text.startswith("1 of 1 job · Acme Shop")
    assert listed.data["rows"][0]["reference_id"] == ANN
    shown = own_call("get_job", job_id=job["job_id"])
    assert "Status scheduled: it waits for its start." in shown.text
    assert own_call("cancel_job", job_id=job["job_id"]).data["status"] == "cancelled"
    again = own_call("cancel_job", job_id=job["job_id"])
    assert again.is_error
    assert "is cancelled already" in again.text
    own_sandbox.store.set_job_status(job["job_id"], "completed")
    assert "is completed already" in own_call("cancel_job", job_id=job["job_id"]).text


def test_a_second_deletion_is_a_conflict(client, own_sandbox):
    token = client.run(delete_user, user_id=ANN).confirm
    own_sandbox.store.schedule_deletion(1, ANN, FIXED_NOW)
    with pytest.raises(
        ConflictError, match=r"scheduled or running already\. openreplay_list_jobs shows it\."
    ) as caught:
        client.run(delete_user, user_id=ANN, confirm=token)
    assert caught.value.status == 409


def test_a_failed_job_tells_why(own_call, own_sandbox):
    scheduled(own_sandbox, 1)
    own_sandbox.store.set_job_status(1, "failed", errors="boom <b> & more")
    text = own_call("get_job", job_id=1).text
    assert "Status failed: it ended with an error." in text
    assert "Error: ⟦" in text


def test_all_jobs_are_walked_without_a_total(client, own_sandbox):
    scheduled(own_sandbox, 450)
    own_sandbox.requests.clear()
    numbers = [job.job_id for job in client.iterate(list_jobs)]
    assert numbers == list(range(450, 0, -1))
    assert len([one for one in sent(own_sandbox) if "jobs" in one[1]]) == 4


def test_pages_of_jobs(own_call, own_sandbox):
    scheduled(own_sandbox, 12)
    first = own_call("list_jobs", limit=5)
    assert first.data["total"] is None
    assert first.text.startswith("5 jobs")
    assert "There may be more: page=2." in first.text
    last = own_call("list_jobs", limit=5, page=3)
    assert [row["job_id"] for row in last.data["rows"]] == [2, 1]
    assert "more" not in last.text
    assert own_call("list_jobs", limit=5, page=9).text.startswith("No more jobs")


def test_jobs_of_another_project_are_unknown(client, own_sandbox):
    own_sandbox.store.schedule_deletion(2, "x", FIXED_NOW)
    with pytest.raises(NotFoundError, match=r"job_id: this project has no job 1\. openreplay_list_jobs"):
        client.run(get_job, job_id=1)
    with pytest.raises(NotFoundError):
        client.run(cancel_job, job_id=1)
    assert client.run(get_job, job_id=1, project="2").reference_id == "x"


@pytest.mark.parametrize("job_id", [0, -1, 2**31, "abc", "../users", 1.5])
def test_a_job_number_is_checked_before_any_request(own_call, own_sandbox, job_id):
    own_sandbox.requests.clear()
    assert own_call("get_job", job_id=job_id).is_error
    assert not own_sandbox.requests


@pytest.mark.parametrize("user_id", ["team/eve", "..", "."])
def test_an_id_that_cannot_stand_in_a_path_cannot_be_deleted(own_call, own_sandbox, user_id):
    own_sandbox.requests.clear()
    reply = own_call("delete_user", user_id=user_id)
    assert reply.is_error
    assert "Only the server's operator can" in reply.text
    assert {path for _, path, _ in sent(own_sandbox)} <= {"projects"}


def test_the_id_is_encoded_in_the_deletion(own_call, own_sandbox):
    user_id = "crm|1-5"
    token = own_call("delete_user", user_id=user_id).data["confirm"]
    sent(own_sandbox)
    assert own_call("delete_user", user_id=user_id, confirm=token).data["job"]["reference_id"] == user_id
    assert sent(own_sandbox) == [("DELETE", f"{SHOP}/users/crm%7C1-5", None)]


@pytest.mark.parametrize(("user_id", "path"), [("?x=1#y", "%3Fx%3D1%23y"), ("a%2Fb", "a%252Fb"), ("ü b", "%C3%BC%20b")])
def test_every_character_of_an_id_is_encoded(user_id, path):
    visits = {"data": {"total": 1, "sessions": [{"startTs": 1795196569000}]}}
    server = Scripted({f"POST {PREFIX}": visits, f"DELETE {PREFIX}": {"data": {"jobId": 1, "referenceId": user_id}}})
    token = server.call("delete_user", user_id=user_id).data["confirm"]
    assert not server.call("delete_user", user_id=user_id, confirm=token).is_error
    assert server.requests[-1].url.raw_path.decode() == f"{PREFIX}{SHOP}/users/{path}"


def test_an_id_with_half_a_character_is_refused_or_served(own_call):
    own_call("delete_user", user_id="\ud800")


def test_the_preview_of_an_unknown_user_says_so(own_call):
    text = own_call("delete_user", user_id="nobody").text
    assert text.startswith("Nothing to delete: no recorded session of nobody · Acme Shop\n")
    assert "openreplay_search_users" in text
    assert "confirm" not in text


def test_a_cancelled_job_does_not_start(own_call, own_sandbox):
    scheduled(own_sandbox, 1)
    assert "Starts after" not in own_call("cancel_job", job_id=1).text


def test_a_project_that_went_is_not_told_as_a_missing_job():
    server = Scripted({f"GET {PREFIX}\\w+/jobs/": httpx.Response(401)})
    server.call("list_projects")
    server.routes[f"GET {PREFIX}projects\\Z"] = {"data": []}
    assert server.call("get_job", job_id=1).text.startswith("The server no longer knows project Acme Shop")


def test_other_refusals_of_a_cancellation_are_told():
    """The server says this of any failure of its database (contract §2.9)."""
    server = Scripted({f"DELETE {PREFIX}": httpx.Response(400, json={"error": "failed to cancel job: no"})})
    text = server.call("cancel_job", job_id=1).text
    assert "failed to cancel job: no" in text


JOBS = f"/api/v1/{RECORDED}/jobs"
USERS = f"/api/v1/{RECORDED}/users"


def test_api_v1_lists_its_jobs_newest_first():
    server = older({f"GET {JOBS}\\Z": replayed("v1-jobs")})
    reply = server.call("list_jobs")
    assert [row["job_id"] for row in reply.data["rows"]] == [9, 8]
    assert reply.data["total"] == 2
    assert reply.text.startswith("2 of 2 jobs · Acme Shop · newest first")
    assert "v1-nobody" in reply.text
    assert [job.job_id for job in server.client.iterate(list_jobs)] == [9, 8]


def test_jobs_of_api_v1_come_in_pages_all_the_same():
    rows = [{"jobId": number, "status": "scheduled"} for number in (3, 1, 5, 2, 4)]
    server = older({f"GET {JOBS}\\Z": {"data": rows}})
    first, last = (server.call("list_jobs", limit=2, page=page) for page in (1, 3))
    assert [row["job_id"] for row in first.data["rows"]] == [5, 4]
    assert first.text.startswith("2 of 5 jobs")
    assert "More: page=2." in first.text
    assert [row["job_id"] for row in last.data["rows"]] == [1]
    assert "More" not in last.text
    assert server.call("list_jobs", limit=2, page=4).text.startswith("No more jobs")


def test_no_jobs_at_api_v1():
    assert older({f"GET {JOBS}\\Z": replayed("v1-jobs-empty")}).call("list_jobs").text.startswith("0 jobs")


def test_api_v1_shows_a_job():
    job = older({f"GET {JOBS}/8\\Z": replayed("v1-job")}).client.run(get_job, job_id=8)
    assert (job.job_id, job.status, job.reference_id) == (8, "scheduled", "v1-nobody")
    assert job.start_at == datetime(2026, 11, 21, tzinfo=UTC)


def test_an_unknown_job_is_told_alike():
    """API v1 shows an unknown job as an empty one, and cancels it with a 404 (contract §3.8)."""
    routes = {f"GET {JOBS}/99999\\Z": replayed("v1-job-unknown")}
    routes[f"DELETE {JOBS}/99999\\Z"] = replayed("v1-job-cancel-unknown")
    server = older(routes)
    for operation in (get_job, cancel_job):
        with pytest.raises(
            NotFoundError, match=r"job_id: this project has no job 99999\. openreplay_list_jobs"
        ) as caught:
            server.client.run(operation, job_id=99999)
        assert caught.value.status == 404


def test_api_v1_cancels_once():
    server = older({f"DELETE {JOBS}/8\\Z": replayed("v1-job-cancel")})
    assert server.client.run(cancel_job, job_id=8).status == "cancelled"
    server.routes[f"DELETE {JOBS}/8\\Z"] = replayed("v1-job-cancel-again")
    with pytest.raises(ConflictError, match=r"job 8 is cancelled or completed already") as caught:
        server.client.run(cancel_job, job_id=8)
    assert caught.value.status == 400


def deleting(jobs):
    return older(
        {
            f"GET {USERS}/v1-nobody\\Z": {
                "data": {
                    "userId": "v1-nobody",
                    "sessionCount": 3,
                    "firstSeen": 1795196399060,
                    "lastSeen": 1795196568649,
                }
            },
            f"GET {JOBS}\\Z": jobs,
            f"DELETE {USERS}/v1-nobody\\Z": replayed("v1-user-delete"),
        }
    )


def test_api_v1_deletes_what_it_previewed():
    server = deleting(replayed("v1-jobs-empty"))
    preview = server.call("delete_user", user_id="v1-nobody")
    assert "the replays of 3 sessions, 2026-11-20 17:39:59 to 2026-11-20 17:42:48 UTC" in preview.text
    assert [one.method for one in server.requests if "/users" in one.url.path] == ["GET"]
    with pytest.raises(ArgumentsError, match="confirm"):
        server.client.run(delete_user, user_id="v1-nobody", confirm="1795199100-0000000000000000000f")
    job = server.client.run(delete_user, user_id="v1-nobody", confirm=preview.data["confirm"]).job
    assert (job.job_id, job.status) == (8, "scheduled")
    assert [one.method for one in server.requests if "/users" in one.url.path] == ["GET", "DELETE"]


@pytest.mark.parametrize("status", ["scheduled", "running"])
def test_a_second_deletion_at_api_v1_is_a_conflict_too(status):
    """API v1 would make another job at every call (contract §3.7)."""
    server = deleting({"data": [{"jobId": 8, "referenceId": "v1-nobody", "status": status}]})
    token = server.client.run(delete_user, user_id="v1-nobody").confirm
    with pytest.raises(
        ConflictError, match=r"scheduled or running already\. openreplay_list_jobs shows it\."
    ) as caught:
        server.client.run(delete_user, user_id="v1-nobody", confirm=token)
    assert caught.value.status == 409
    assert "DELETE" not in {one.method for one in server.requests}


@pytest.mark.parametrize(
    "job",
    [
        {"jobId": 8, "referenceId": "v1-nobody", "status": "cancelled"},
        {"jobId": 8, "referenceId": "v1-nobody", "status": "failed"},
        {"jobId": 8, "referenceId": "v1-nobody", "status": "completed"},
        {"jobId": 8, "referenceId": "someone else", "status": "scheduled"},
    ],
)
def test_jobs_that_are_over_or_another_users_do_not_block(job):
    server = deleting({"data": [job]})
    token = server.client.run(delete_user, user_id="v1-nobody").confirm
    assert server.client.run(delete_user, user_id="v1-nobody", confirm=token).job.job_id == 8


def test_nothing_to_delete_at_api_v1():
    server = older({f"GET {USERS}/nobody\\Z": replayed("v1-user-unknown")})
    preview = server.client.run(delete_user, user_id="nobody")
    assert (preview.sessions, preview.confirm) == (0, "")


def test_an_id_that_cannot_stand_in_a_path_cannot_be_deleted_at_api_v1_either():
    server = older({})
    with pytest.raises(ArgumentsError, match="Only the server's operator can"):
        server.client.run(delete_user, user_id="team/eve")
    assert not [one for one in server.requests if "/users" in one.url.path]
