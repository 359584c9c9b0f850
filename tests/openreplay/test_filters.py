"""Filters: what the server would ignore or falsify is asked in another form, or refused with the reason."""

import pytest

from openreplay_tools.openreplay.filters import CAPTURED_EVENTS, USER_COLUMNS
from tests.servers import PREFIX, Scripted


@pytest.fixture
def wire(call, asked):
    """Return the filters of the last search as they were sent."""

    def search(*filters, **arguments):
        call("search_users", filters=list(filters), **arguments)
        return next(body for _, path, body in asked() if path.endswith("/users")).get("filters", [])

    return search


@pytest.fixture
def refused(refuse, asked):
    """Return the text of a refusal that sent nothing."""

    def search(*filters, **arguments):
        text = refuse("search_users", filters=list(filters), **arguments)
        assert {path for _, path, _ in asked()} <= {"projects"}
        return text

    return search


def one(name, operator="is", *values):
    return {"name": name, "operator": operator, "values": list(values)}


# --- names ------------------------------------------------------------------------------------------------------------


def test_columns_have_names_people_use(wire):
    for name, column in USER_COLUMNS.items():
        value = "2026-11-01" if column in {"$created_at", "$last_seen", "$first_event_at"} else "de"
        operator = "less" if value != "de" else "is"
        assert wire(one(name, operator, value))[0]["name"] == column
        assert wire(one(column, operator, value))[0]["name"] == column


def test_a_country_is_a_code_of_two_letters(wire, refused):
    assert wire(one("country", "is", "de"))[0]["value"] == ["DE"]
    assert "two-letter country code" in refused(one("country", "is", "Germany"))


@pytest.mark.parametrize(
    ("name", "near"), [("countri", "country"), ("Country", "country"), ("$lastseen", "last_seen"), ("e-mail", "email")]
)
def test_an_unknown_name_is_refused_with_the_nearest(refused, name, near):
    text = refused(one(name, "is", "x"))
    assert text.startswith(f'Unknown filter "{name}". Nearest: ')
    assert near in text.split(".")[1]
    assert "A custom property is written property:<name>." in text


def test_a_custom_property_needs_the_prefix(refused, wire):
    assert refused(one("plan", "is", "pro")).startswith('Unknown filter "plan".')
    assert wire(one("property:plan", "is", "pro")) == [{"name": "plan", "operator": "is", "value": ["pro"]}]
    assert "write the property's name after property:" in refused(one("property:", "is", "x"))


# --- operators on columns ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("is", "is"),
        ("is_not", "isNot"),
        ("contains", "contains"),
        ("not_contains", "notContains"),
        ("starts_with", "startsWith"),
        ("ends_with", "endsWith"),
        ("regex", "regex"),
    ],
)
def test_text_operators_are_translated(wire, operator, expected):
    assert wire(one("email", operator, "a", "b")) == [{"name": "$email", "operator": expected, "value": ["a", "b"]}]


@pytest.mark.parametrize(
    ("operator", "value", "pattern"),
    [
        ("contains", "a_b", "(?i)a_b"),
        ("starts_with", "50%", "(?i)^50\\%"),
        ("ends_with", "_x.y", "(?i)_x\\.y$"),
        ("contains", "ü_(", "(?i)ü_\\("),
    ],
)
def test_wildcards_are_taken_literally(wire, operator, value, pattern):
    """The server reads % and _ as wildcards in these three (contract §2.10)."""
    assert wire(one("name", operator, value)) == [{"name": "$name", "operator": "regex", "value": [pattern]}]


def test_wildcards_match_only_themselves(call, world):
    rows = call("search_users", filters=[one("user_id", "contains", "%2F")], limit=200).data["rows"]
    assert [row["user_id"] for row in rows] == ["tenant%2Fops"]
    rows = call("search_users", filters=[one("user_id", "contains", "crm_1")], limit=200).data["rows"]
    assert rows == [], "crm|1-5 would match the wildcard"


def test_wildcards_in_exclusions_are_refused(refused):
    assert "would exclude too much" in refused(one("name", "not_contains", "a_b"))
    assert "would exclude too much" in refused(one("property:note", "not_contains", "50%"))


@pytest.mark.parametrize("operator", ["exists", "missing"])
def test_presence_of_a_column_is_refused(refused, operator):
    """Columns are never null on the server: isAny is no condition, isUndefined never true."""
    assert f"{operator} does not work on country" in refused(one("country", operator))
    assert "is a time" in refused(one("last_seen", operator))


@pytest.mark.parametrize("operator", ["greater", "less", "greater_or_equal", "less_or_equal"])
def test_text_is_not_compared(refused, operator):
    assert "compares numbers and times; country is text" in refused(one("country", operator, "5"))


@pytest.mark.parametrize("name", ["country", "property:plan", "last_seen"])
def test_no_value_is_refused(refused, name):
    """With no value the server silently ignores the filter."""
    operator = "greater" if name == "last_seen" else "is"
    assert "needs at least one value" in refused(one(name, operator))
    assert "needs at least one value" in refused(one(name, operator, ""))
    assert "needs at least one value" in refused(one(name, operator, "x", ""))


# --- times ------------------------------------------------------------------------------------------------------------

DAY, NEXT = "1793664000000", "1793750400000"  # 2026-11-03 and 2026-11-04, 00:00 UTC


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("greater", ("onOrAfter", NEXT)),
        ("greater_or_equal", ("onOrAfter", DAY)),
        ("less", ("before", DAY)),
        ("less_or_equal", ("before", NEXT)),
    ],
)
def test_times_are_sent_as_times(wire, operator, expected):
    """Without the data type, or as a date, the server compares nonsense and says nothing (observed §A10, §A11)."""
    assert wire(one("created", operator, "2026-11-03")) == [
        {"name": "$created_at", "operator": expected[0], "value": [expected[1]], "dataType": "timestamp"}
    ]


@pytest.mark.parametrize("operator", ["is", "contains", "regex", "is_not"])
def test_a_time_is_only_compared(refused, operator):
    assert "created is a time: use greater, less" in refused(one("created", operator, "2026-11-03"))


def test_an_unclear_time_in_a_filter_is_refused(refused):
    assert refused(one("last_seen", "greater", "soonish")).startswith('Unclear time "soonish" in filters.')
    assert "takes one value" in refused(one("last_seen", "greater", "7d", "8d"))


def test_spans_of_time_become_two_conditions(wire):
    found = wire(last_seen_since="2026-11-03", last_seen_until="2026-11-03")
    assert found == [
        {"name": "$last_seen", "operator": "onOrAfter", "value": [DAY], "dataType": "timestamp"},
        {"name": "$last_seen", "operator": "before", "value": [NEXT], "dataType": "timestamp"},
    ]
    found = wire(created_until="2026-11-03")
    assert found == [{"name": "$created_at", "operator": "before", "value": [NEXT], "dataType": "timestamp"}]


def test_an_unclear_span_names_its_argument(refused):
    assert 'Unclear time "soonish" in created_since.' in refused(created_since="soonish")


def test_an_empty_span_names_its_arguments(refused):
    assert "last_seen_until" in refused(last_seen_since="2026-11-05", last_seen_until="2026-11-03")


# --- custom properties ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operator", "expected"), [("greater", ">"), ("less_or_equal", "<="), ("less", "<"), ("greater_or_equal", ">=")]
)
def test_numbers_are_compared_as_numbers(wire, operator, expected):
    """Without the data type the server compares text: 9 > 10 (observed §A17)."""
    assert wire(one("property:age", operator, "9.5")) == [
        {"name": "age", "operator": expected, "value": ["9.5"], "dataType": "number"}
    ]


def test_numbers_really_compare_as_numbers(call, world):
    for bound in ("3", "9", "30.5"):
        total = call("search_users", filters=[one("property:visits", "greater", bound)]).data["total"]
        assert total == sum(user["properties"].get("visits", 0) > float(bound) for user in world.users)
        assert 0 < total < 300


@pytest.mark.parametrize("value", ["2026-11-03", "seven", "1e5", "0x1", "9 ", "\u0663"])
def test_only_numbers_are_compared(refused, value):
    assert "compares numbers only; the server gets times in custom properties wrong" in refused(
        one("property:age", "greater", value)
    )


@pytest.mark.parametrize(("operator", "expected"), [("exists", "isAny"), ("missing", "isUndefined")])
def test_presence_of_a_property_can_be_asked_for(wire, call, world, operator, expected):
    assert wire(one("property:company", operator)) == [{"name": "company", "operator": expected, "value": []}]
    total = call("search_users", filters=[one("property:company", operator)]).data["total"]
    assert total == sum(("company" in user["properties"]) == (operator == "exists") for user in world.users)


def test_values_of_a_presence_filter_are_ignored_by_the_server_and_not_said(call):
    text = call("search_users", filters=[one("property:company", "exists", "Globex")]).text
    assert "Globex" not in text.split("\n")[0]


# --- events -----------------------------------------------------------------------------------------------------------


def test_an_event_is_asked_for(wire):
    for name in ("purchase", "CLICK"):
        assert wire(events=[{"event": name}]) == [
            {
                "name": name,
                "operator": "is",
                "isEvent": True,
                "propertyOrder": "and",
                "autoCaptured": name in CAPTURED_EVENTS,
            }
        ]


def test_a_property_of_an_event_is_looked_up_where_it_is_kept(wire):
    (sent,) = wire(events=[{"event": "REQUEST", "property": "status", "operator": "greater", "values": ["499"]}])
    assert sent["filters"] == [
        {"name": "status", "operator": ">", "value": ["499"], "dataType": "number", "autoCaptured": True}
    ]
    (sent,) = wire(events=[{"event": "add_to_cart", "property": "sku", "values": ["OUT-101"]}])
    assert sent["filters"] == [{"name": "sku", "operator": "is", "value": ["OUT-101"], "autoCaptured": False}]


def test_several_events_are_alternatives_and_said_so(call, asked):
    text = call("search_users", events=[{"event": "checkout_failed"}, {"event": "signup_done"}]).text
    assert 'did "checkout_failed" or did "signup_done"' in text.split("\n")[0]
    assert len(asked()[-1][2]["filters"]) == 2


def test_several_events_with_properties_are_refused(refused):
    """The server pools their properties into one alternative (contract §2.10)."""
    text = refused(events=[{"event": "CLICK", "property": "label", "values": ["x"]}, {"event": "INPUT"}])
    assert "with several events the server mixes up their properties" in text


def test_values_without_a_property_are_refused(refused):
    assert "values need a property" in refused(events=[{"event": "CLICK", "values": ["x"]}])
    assert "values need a property" in refused(events=[{"event": "CLICK", "operator": "exists"}])


def test_a_property_without_values_is_refused(refused):
    assert "needs at least one value" in refused(events=[{"event": "CLICK", "property": "label"}])


def test_absence_is_refused(refused):
    assert refused(events=[{"event": "purchase", "absent": True}]).startswith("events: absent")


def test_the_span_of_events_needs_events(refused, asked, call):
    text = refused(events_since="7d")
    assert "last_seen_since" in text
    call("search_users", events=[{"event": "CLICK"}], events_since="2026-11-03", events_until="2026-11-03")
    body = asked()[-1][2]
    assert (body["startTimestamp"], body["endTimestamp"]) == (int(DAY), int(NEXT) - 1)


def test_without_events_no_span_is_sent(call, asked):
    call("search_users", last_seen_since="7d")
    assert not {"startTimestamp", "endTimestamp"} & set(asked()[-1][2])


def test_properties_are_not_asked_for_together_with_a_filter_on_one(call, asked):
    """The column and the filter together are a 500 (observed §B, §2.4)."""
    call("search_users", filters=[one("property:plan", "is", "pro")])
    assert "properties" not in asked()[-1][2]["columns"]


@pytest.mark.parametrize(("field", "count"), [("filters", 11), ("events", 6)])
def test_too_many_conditions_are_refused(refused, field, count):
    filters = [one("country", "is", "DE")] * (count if field == "filters" else 0)
    events = [{"event": "x"}] * (count if field == "events" else 0)
    assert refused(*filters, events=events).startswith(field)


def test_values_are_bounded_as_the_server_bounds_them(refused):
    assert refused(one("country", "is", *["x"] * 11)).startswith("filters.0.values")
    assert refused(one("country", "is", "x" * 257)).startswith("filters.0.values.0")


def test_a_pattern_is_bounded_too():
    server = Scripted({f"POST {PREFIX}": {"data": {"total": 0, "users": []}}})
    server.call("search_users", filters=[one("name", "contains", "_" + "." * 200)])
    sent = [value for body in server.bodies("/users") for filter_ in body["filters"] for value in filter_["value"]]
    assert all(len(value) <= 256 for value in sent)


def test_a_pattern_is_one_the_server_reads(wire):
    (sent,) = wire(one("name", "contains", "a_\tb"))
    assert sent["value"] == ["(?i)a_\\x09b"]
