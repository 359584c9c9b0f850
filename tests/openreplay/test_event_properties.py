"""What an event may be asked for by with a key alone, where the server says nothing about a wrong name."""

import pytest

from openreplay_tools.errors import ArgumentsError
from openreplay_tools.openreplay.event_properties import property_name
from openreplay_tools.sandbox.columns import EVENT_COLUMNS


@pytest.mark.parametrize(
    ("event", "given", "name"),
    [
        ("REQUEST", "status", "status"),
        ("ISSUE", "issue_type", "issue_type"),
        ("CLICK", "page_title", "page_title"),
        ("CLICK", "browser", "$browser"),
        ("CLICK", "$browser", "$browser"),
        ("checkout_failed", "reason", "reason"),
        ("checkout_failed", "browser", "$browser"),
        ("checkout_failed", "property:browser", "browser"),
        ("REQUEST", "property:added_lately", "added_lately"),
        ("LOCATION", " lcp ", "lcp"),
    ],
)
def test_a_name_is_the_servers(event, given, name):
    assert property_name(event, given) == name


@pytest.mark.parametrize(
    ("event", "given", "nearest"),
    [("ISSUE", "type", "issue_type"), ("REQUEST", "statuss", "status"), ("CLICK", "os_", "os")],
)
def test_a_name_that_would_find_nothing_is_refused_with_the_nearest(event, given, nearest):
    with pytest.raises(ArgumentsError) as refused:
        property_name(event, given)
    assert nearest in str(refused.value).partition("It records")[0]
    assert "property:<name>" in str(refused.value)


def test_what_the_sandbox_records_may_be_asked_for(world):
    for event in world.events:
        if event["$auto_captured"]:
            for name in event["$properties"]:
                assert property_name(event["$event_name"], name) == name


def test_the_columns_exist():
    for friendly in ("browser", "os", "country", "city", "current_url", "duration_s"):
        assert property_name("CLICK", friendly) in EVENT_COLUMNS


def test_a_search_of_users_refuses_it_before_asking(refuse, asked):
    text = refuse("search_users", events=[{"event": "ISSUE", "property": "type", "values": ["click_rage"]}])
    assert text.startswith('events: the tracker records no property "type" of ISSUE. Nearest: ')
    assert [path for _, path, _ in asked()] in ([], ["projects"])


def test_the_browser_of_an_event_is_a_column(call, world):
    found = call("search_users", events=[{"event": "checkout_failed", "property": "browser", "values": ["Safari"]}])
    known = {one["$user_id"] for one in world.users}  # of ids given when the tracker started there is no record
    users = {
        one["$user_id"]
        for one in world.events
        if one["$event_name"] == "checkout_failed" and one["$browser"] == "Safari"
    }
    assert found.data["total"] == len(users & known) > 0
