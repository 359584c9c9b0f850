"""The catalogue of filters: any spelling means one name, what the server gets wrong is refused, nothing is guessed."""

import httpx
import pytest

from openreplay_tools.answer import Answer
from openreplay_tools.errors import ApiError, ArgumentsError, OpenReplayToolsError, UnexpectedReplyError
from openreplay_tools.openreplay.filter_catalogue import fetch_catalogue, nearest, wire_type
from openreplay_tools.openreplay.scope import in_project
from openreplay_tools.openreplay.vocabulary import ListFiltersArgs
from openreplay_tools.operation import Record, operation
from tests.openreplay.catalogued import queries, recorded, scripted


class Held(Record):
    """A catalogue, so that a test can have one."""

    catalogue: object = None


@operation(ListFiltersArgs, group="sessions", prepare=in_project, present=lambda *_: Answer(), needs="login")
def get_catalogue(args, scope) -> "Held":
    """Fetch the catalogue."""
    return Held(catalogue=(yield from fetch_catalogue(scope)))


def fetched(reply=None):
    routes = {r"GET /api/pa/1/filters\Z": reply} if reply is not None else {}
    return scripted(routes).client.run(get_catalogue).catalogue


@pytest.fixture(scope="module")
def catalogue():
    return fetched()


def changed(change):
    reply = recorded("app_projects-filters")
    change(reply["data"])
    return reply


def item(name, label="", **more):
    return {"id": "1", "name": name, "displayName": label, "possibleTypes": ["string"], "dataType": "string", **more}


@pytest.mark.parametrize(
    ("given", "wire"),
    [
        ("browser", "userBrowser"), ("user_browser", "userBrowser"), ("userBrowser", "userBrowser"),
        ("User Browser", "userBrowser"), ("BROWSER", "userBrowser"), (" browser ", "userBrowser"),
        ("browser version", "userBrowserVersion"), ("OS", "userOs"), ("country", "userCountry"),
        ("device-type", "userDeviceType"), ("State / Province", "userState"), ("utm_source", "utmSource"),
        ("UTM Source", "utmSource"), ("screen_width", "screenWidth"), ("user_id", "userId"), ("userid", "userId"),
        ("issue", "issue"), ("duration", "duration"), ("referrer", "referrer"), ("platform", "platform"),
        ("os_version", "userOsVersion"), ("anonymous_id", "userAnonymousId"),
        ("plan", "metadata_1"), ("Plan", "metadata_1"), ("metadata:release", "metadata_4"),
        ("metadata_3", "metadata_3"), ("metadata: company ", "metadata_2"),
    ],
)  # fmt: skip
def test_a_name_in_any_spelling_means_one_filter(catalogue, given, wire):
    assert catalogue.find_filter(given).wire == wire
    assert catalogue.filter(given).wire == wire


def test_every_recorded_filter_is_there_once_by_its_own_name(catalogue):
    data = recorded("app_projects-filters")["data"]
    listed = {each["name"] for part in ("session", "user", "metadata") for each in data[part]["list"]}
    wires = [each.wire for each in catalogue.filters]
    assert set(wires) == listed | {"platform", "userOsVersion", "userAnonymousId"}
    assert len(set(wires)) == len(wires)
    names = [each.name for each in catalogue.filters]
    assert len(set(names)) == len(names)
    for each in catalogue.filters:
        assert catalogue.find_filter(each.name) is each


def test_events_are_those_of_the_catalogue(catalogue):
    data = recorded("app_projects-filters")["data"]["events"]["list"]
    assert [(each.name, each.auto_captured) for each in catalogue.events] == [
        (each["name"], each["autoCaptured"]) for each in data
    ]


@pytest.mark.parametrize(
    ("given", "name"),
    [("CLICK", "CLICK"), ("click", "CLICK"), ("clicks", "CLICK"), ("Page View", "LOCATION"), ("page", "LOCATION"),
     ("network request", "REQUEST"), ("purchase", "purchase"), (" purchase ", "purchase"), ("Purchase", "purchase"),
     ("add to cart", "add_to_cart"), ("signup step", "signup_step")],
)  # fmt: skip
def test_an_event_is_found_by_name_and_by_label(catalogue, given, name):
    assert catalogue.event(given).name == name


@pytest.mark.parametrize(("given", "near"), [("purchas", "purchase"), ("CLIK", "CLICK")])
def test_an_event_that_does_not_occur_is_refused_with_the_nearest(catalogue, given, near):
    with pytest.raises(ArgumentsError, match=f"kinds: no event .* Nearest: {near}") as caught:
        catalogue.event(given, "kinds")
    assert "openreplay_list_filters lists all 22." in str(caught.value)


@pytest.mark.parametrize("given", ["", "  ", "TAP", "!!"])
def test_what_is_no_event_here_is_none(catalogue, given):
    assert catalogue.find_event(given) is None


def test_own_names_differ_by_case():
    twice = changed(lambda data: data["events"]["list"].extend([item("Order"), item("order")]))
    catalogue = fetched(twice)
    assert catalogue.event("Order").name == "Order"
    assert catalogue.event("order").name == "order"
    assert catalogue.find_event("ORDER") is None, "either could be meant"


@pytest.mark.parametrize(
    ("given", "reason"),
    [("revId", "never matches"), ("rev_id", "never matches"), ("Version ID", "never matches"),
     ("issueType", "use issue"), ("issue_type", "use issue"), ("eventsCount", "a property of events"),
     ("pages_count", "a property of events"), ("errorsCount", "js_exception")],
)  # fmt: skip
def test_what_the_server_ignores_or_falsifies_is_refused_with_the_reason(catalogue, given, reason):
    with pytest.raises(ArgumentsError, match=f"filters: .* cannot be used: .*{reason}"):
        catalogue.filter(given)


def test_an_unknown_filter_is_refused_with_the_nearest(catalogue):
    with pytest.raises(ArgumentsError) as caught:
        catalogue.filter("browzer", "filters[0]")
    assert str(caught.value) == (
        'filters[0]: unknown filter "browzer". Nearest: browser, browser_version. openreplay_list_filters lists all 24.'
    )
    with pytest.raises(ArgumentsError, match=r'unknown filter "qqq"\. openreplay_list_filters'):
        catalogue.filter("qqq")
    assert catalogue.find_filter("") is None
    assert catalogue.find_filter("metadata:nope") is None


def test_types_and_values_are_the_wires(catalogue):
    def of(name):
        found = catalogue.find_filter(name)
        return found.kind, found.data_type

    assert of("screen_width") == ("number", "number")
    assert of("duration") == ("duration", "number")
    assert of("issue") == ("issue", "string")
    assert of("browser") == ("text", "string")
    assert catalogue.find_filter("issue").values[:2] == ["js_exception", "bad_request"]
    assert catalogue.find_filter("device_type").values == ["desktop", "mobile", "tablet"]
    assert catalogue.find_filter("platform").values == ["web", "mobile"]
    assert len(catalogue.find_filter("country").values) == 249
    assert "1.27.7" in catalogue.find_filter("device_type").caveat
    assert catalogue.find_filter("browser").caveat == ""


@pytest.mark.parametrize(
    ("told", "expected"),
    [("string", "string"), ("UInt16", "number"), ("int", "number"), ("Int64", "number"), ("Float64", "number"),
     ("Nullable(String)", "string"), ("LowCardinality(Nullable(UInt8))", "number"), ("Bool", "boolean"),
     ("boolean", "boolean"), ("timestamp", "timestamp"), ("DateTime64", "timestamp"), ("", "string"),
     ("Array(Nullable(String))", "string")],
)  # fmt: skip
def test_data_types_of_the_catalogue_become_those_of_the_wire(told, expected):
    assert wire_type(told) == expected


def test_metadata_is_found_by_name_and_slot(catalogue):
    assert catalogue.find_filter("plan").wire == "metadata_1"
    assert catalogue.find_filter("metadata_4").label == "release"


def test_metadata_called_like_a_session_filter_must_be_prefixed():
    catalogue = fetched(changed(lambda data: data["metadata"]["list"].append(item("metadata_5", "Country"))))
    assert catalogue.find_filter("country").wire == "userCountry"
    found = catalogue.find_filter("metadata:country")
    assert (found.wire, found.name) == ("metadata_5", "metadata:Country")
    assert catalogue.find_filter(found.name) is found


def test_metadata_names_that_differ_by_case_only_are_told_apart_or_refused():
    catalogue = fetched(changed(lambda data: data["metadata"]["list"].append(item("metadata_5", "PLAN"))))
    assert catalogue.find_filter("plan").wire == "metadata_1"
    assert catalogue.find_filter("PLAN").wire == "metadata_5"
    with pytest.raises(ArgumentsError, match=r"may mean several: plan \(metadata_1\), PLAN \(metadata_5\)"):
        catalogue.find_filter("Plan")
    assert catalogue.find_filter("metadata_5").wire == "metadata_5"


def test_an_empty_metadata_slot_name_falls_back_to_the_slot():
    catalogue = fetched(changed(lambda data: data["metadata"]["list"].append(item("metadata_5", ""))))
    assert catalogue.find_filter("metadata_5").name == "metadata_5"


def test_nearest_names_are_alike_or_hold_what_was_given():
    names = ["purchase", "browser", "browser_version", "rev_id"]
    assert nearest("purchase_", names) == ["purchase"]
    assert nearest("brows", names)[0] == "browser"
    assert nearest("", ["a"]) == []
    assert nearest("用", ["用户"]) == ["用户"]


def _without(part):
    return changed(lambda data: data.pop(part))


@pytest.mark.parametrize(
    "reply",
    [
        {"data": []},
        {"data": {}},
        {"data": None},
        {"errors": []},
        _without("events"),
        _without("session"),
        _without("metadata"),
        _without("user"),
        changed(lambda data: data["session"].update(list=[])),
        changed(lambda data: data["session"].pop("list")),
        changed(lambda data: data["events"].update(list=None)),
        changed(lambda data: data["session"]["list"][0].update(name="")),
        changed(lambda data: data["session"]["list"][0].update(name=7)),
        changed(lambda data: data["session"]["list"][5].update(possibleValues=[{"name": "no id"}])),
    ],
)
def test_an_oddly_shaped_catalogue_is_an_error_not_an_empty_list(reply):
    with pytest.raises(UnexpectedReplyError, match="catalogue of filters cannot be read"):
        fetched(reply)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (httpx.Response(500, json={"errors": ["Internal server error."]}), "500"),
        (httpx.Response(404, json={"detail": "Not Found"}), "no catalogue of filters"),
        (httpx.Response(200, text="<html>", headers={"content-type": "text/html"}), "web page"),
    ],
)
def test_a_catalogue_that_cannot_be_fetched_is_an_error(reply, said):
    with pytest.raises(OpenReplayToolsError, match=said):
        fetched(reply)


def test_a_missing_catalogue_keeps_its_status():
    with pytest.raises(ApiError) as caught:
        fetched(httpx.Response(404, json={"detail": "Not Found"}))
    assert caught.value.status == 404


def test_a_new_project_without_events_and_metadata_is_no_error():
    def bare(data):
        data["events"]["list"] = data["metadata"]["list"] = []

    catalogue = fetched(changed(bare))
    assert catalogue.events == ()
    assert {each.group for each in catalogue.filters} == {"session", "user"}


def test_what_the_server_lists_by_now_is_not_added_twice():
    def listing(data):
        data["session"]["list"].append(item("platform", "Platform", possibleValues=["web"]))

    catalogue = fetched(changed(listing))
    assert [each.values for each in catalogue.filters if each.wire == "platform"] == [["web"]]


def test_a_filter_the_server_learns_later_is_called_as_the_server_calls_it():
    catalogue = fetched(changed(lambda data: data["session"]["list"].append(item("userTimeZone", "Time Zone"))))
    assert catalogue.find_filter("time zone").name == "user_time_zone"


def test_it_is_read_once_in_five_minutes():
    server = scripted()
    for _ in range(3):
        server.client.run(get_catalogue)
    assert len(queries(server, "/pa/1/filters")) == 1
    (request,) = [each for each in server.requests if "/pa/" in str(each.url)]
    assert request.headers["authorization"] == "Bearer t"
