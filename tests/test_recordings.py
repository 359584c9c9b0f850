"""What the vendors' recordings have in common, under the names that the package gives."""

import pytest

import openreplay_tools
from openreplay_tools import Client, Highlight, Media, Moment, Session, recordings
from openreplay_tools.logrocket.highlights import logrocket_request_highlights
from openreplay_tools.notte.replay import notte_get_replay
from openreplay_tools.notte.sessions import notte_get_session
from openreplay_tools.sandbox import Sandbox, notte_data
from openreplay_tools.sandbox.logrocket_data import TROUBLED
from openreplay_tools.settings import Settings


@pytest.fixture(scope="module")
def client():
    with Sandbox() as server, Client(Settings.of_sandbox(server, siblings=True)) as made:
        yield made


@pytest.mark.parametrize("name", ["Session", "Moment", "Highlight", "Media"])
def test_the_package_gives_them(name):
    assert getattr(openreplay_tools, name) is getattr(recordings, name)
    assert name in openreplay_tools.__all__


def test_each_vendor_answers_with_them(client):
    found = client.run(logrocket_request_highlights, user_id=TROUBLED)
    assert isinstance(found.summary, Highlight)
    assert {type(each.session) for each in found.sessions} == {Session}
    assert {type(moment) for each in found.sessions for moment in each.moments} == {Moment}
    session = client.run(notte_get_session, session=notte_data.WITH_MP4)
    assert isinstance(session, Session)
    assert {session.vendor, found.sessions[0].session.vendor} == {"notte", "logrocket"}
    media = client.run(notte_get_replay, session=notte_data.WITH_MP4).media
    assert isinstance(media, Media)
    assert media.session_id == session.session_id
    assert str(media.url) == "**********", "an address that opens the video is a secret"
