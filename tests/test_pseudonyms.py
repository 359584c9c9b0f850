import json
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from openreplay_tools.answer import Answer, Row, Tally
from openreplay_tools.errors import ArgumentsError, ConfigurationError, NotFoundError
from openreplay_tools.openreplay.signatures import message_template
from openreplay_tools.openreplay.users import User, UserPage
from openreplay_tools.personal import kind_of
from openreplay_tools.persons import persons, persons_in
from openreplay_tools.pseudonyms import LEGEND, Pseudonyms
from openreplay_tools.render import Fence, phrase, render
from openreplay_tools.sandbox import Sandbox
from openreplay_tools.settings import Settings
from openreplay_tools.text import Given, Own, Recorded, identifier, name
from openreplay_tools.toolkit import Toolkit
from tests import doors
from tests.servers import toolkit_over

FENCE = Fence("7f3a")
KNOWN = [
    ("user", "ann@example.org"),
    ("user", "ann/lee#1"),
    ("user", "u-77"),
    ("user", "7"),
    ("user", "Zoë & co"),
    ("name", "Ann Lee"),
    ("name", "Ann"),
    ("name", "Annabel"),
    ("phone", "+49 170 1234567"),
]


@pytest.fixture
def people():
    made = Pseudonyms()
    for kind, value in KNOWN:
        made.alias(kind, value)
    return made


def test_aliases_are_numbered_by_kind_in_the_order_of_meeting(people):
    aliases = [people.alias(kind, value) for kind, value in KNOWN]
    assert aliases == ["user-1", "user-2", "user-3", "user-4", "user-5", "name-1", "name-2", "name-3", "phone-1"]
    assert people.alias("email", "ann@example.org") == "user-1"  # what is a user's id already
    assert people.alias("email", "bob@example.org") == "email-1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ann@example.org", "user-1"),
        ("mail to Ann@Example.org.", "mail to user-1."),
        ("joann@example.org", "email-1"),
        ("ann@example.org.uk", "email-1"),
        ("?mail=ann%40example.org&x=1", "?mail=user-1&x=1"),
        ("?next=%2Fu%3Fm%3Dann%2540example.org%26x", "?next=%2Fu%3Fm%3Duser-1%26x"),
        ("mailto:bob@example.org?subject=x", "mailto:email-1?subject=x"),
        ("&lt;bob&#64;example.org&gt;", "&lt;email-1&gt;"),
        (r'{"by":"bob\u0040example.org","x":"\nann@example.org"}', r'{"by":"email-1","x":"\nuser-1"}'),
        ("/users/ann%2Flee%231/edit", "/users/user-2/edit"),
        ("Zo%C3%AB+%26+co and Zoë &amp; co", "user-5 and user-5"),
        ("Hello Annabel! ANNABEL'S page", "Hello name-3! name-3'S page"),
        ("Ann, Berlin DE", "name-2, Berlin DE"),
        ("call +49 170 1234567, +491701234567 or (555) 010-9999", "call phone-1, phone-1 or phone-2"),
        ("tel=%2B49%20170%201234567", "tel=phone-1"),
        ("from 203.0.113.7 and 2001:db8::1", "from ip-1 and ip-2"),
        ("::ffff:203.0.113.9 at 203.0.113.9:8080", "::ffff:ip-1 at ip-1:8080"),
        ("+49 (0)170 1234567 and tel:+1-555-010-9999", "phone-2 and tel:phone-3"),
        ("ann@exam… and so on", "user-1… and so on"),
        ("eve@exam… and so on", "email… and so on"),
        ("Annab…", "name-3…"),
    ],
)
def test_people_in_a_text_are_named_by_their_aliases(people, text, said):
    assert people.text(text) == said


@pytest.mark.parametrize(
    "text",
    [
        "4113715799632532494",
        "session 4113715799632532494 at 2026-11-20 17:42:48.123",
        "2026-11-20T17:42:48+01:00",
        "1,234.56 +12.5% +1234 (404) -5",
        "3 of 7, page 7, HTTP 500",
        "Safari 18.2.1.4, Chrome/131.0.6778.86, Chrome/131.0.0.0, v1.2.3.4, version 4.3.2.1, 10.0.0.0/8",
        "127.0.0.1 ::1 12:30:45 aa:bb:cc:dd:ee:ff a::before",
        "logo@2x.png react@18.2.0 @media",
        "UTC+1 2026-11-20, +1 2026-11-20, amount=+1500 eur, at app.js:19:27635",
        "https://user:pa55@example.org/",
        "Ann was here, and Banner too, order_annabel",
        "u-778 xu-77",
        "984de0be-8dcc-449e-b8cb-03560bcb4a61",
        "",
    ],
)
def test_what_names_nobody_stays(people, text):
    assert people.text(text) == text


def test_another_spelling_of_an_identifier_is_another_alias(people):
    assert people.text("ANN@example.org") == "user-1"
    assert people.text("ANN@example.org", exact=True) == "user-6"
    assert people.text("U-77", identifier=True) == "user-7"
    assert people.text("ann%2Flee%231", exact=True) == "user-8"
    assert [people.reveal(f"user-{number}") for number in (1, 6, 7, 8)] == [
        "ann@example.org", "ANN@example.org", "U-77", "ann%2Flee%231",
    ]  # fmt: skip


def test_short_numbers_are_aliases_only_as_identifiers(people):
    assert people.text("7") == "7"
    assert people.text("7", identifier=True) == "user-4"


@pytest.mark.parametrize(
    "text",
    [
        '{"first_name":"Zia","note":"Zia"}',
        r"{\"firstName\":\"Zia\",\"note\":\"Zia\"}",
        "%7B%22first_name%22%3A%22Zia%22%7D",
        "?user[first_name]=Zia&x=1",
        "first_name=Zia&plan=pro",
        '{"fields":[{"first_name": "Zia"}]}',
        "&#34;lastName&#34;:&#34;Zia&#34;",
    ],
)
def test_names_in_forms_and_json_are_known_by_their_fields(text):
    people = Pseudonyms()
    assert people.text(text) == text.replace("Zia", "name-1")
    assert people.text("Zia") == "name-1"


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("first_name", "name"), ("lastName", "name"), ("fullName", "name"), ("surname", "name"), ("$name", "name"),
        ("customer name", "name"), ("customer.email", "email"), ("e-mail", "email"), ("EMAIL_ADDRESS", "email"),
        ("phone", "phone"), ("mobileNumber", "phone"), ("tel", "phone"), ("ip", "ip"), ("client_ip", "ip"),
        ("ipAddress", "ip"), ("user_id", "user"), ("$user_id", "user"), ("userId", "user"), ("user id", "user"),
        ("username", "user"), ("login", "user"), ("customerId", "user"),
        ("name", None), ("filename", None), ("event_name", None), ("order_id", None), ("zip", None), ("trip", None),
        ("session_id", None), ("hotel", None), ("title", None), ("description", None), ("productName", None),
    ],
)  # fmt: skip
def test_names_of_fields_tell_what_is_personal(key, kind):
    assert kind_of(key) == kind


def test_values_that_are_nobody_are_not_personal():
    empty = {
        "email": "yes",
        "phone": "1",
        "ip": "unknown",
        "user_id": "0",
        "name": "x",
        "login": True,
        "first_name": "-",
    }
    assert list(persons_in(empty)) == []


def test_a_bare_name_is_personal_beside_a_person_only():
    assert list(persons_in({"name": "Widget", "price": 7})) == []
    assert ("name", "Zia") in persons_in({"name": "Zia", "email": "z@x.org"})
    assert ("name", "Zia") in persons_in({"customer": {"name": "Zia"}})
    assert ("email", "z@x.org") in persons_in([{"field": "email", "value": "z@x.org"}])
    assert ("user", "42") in persons_in({"filters": [{"name": "userId", "value": ["42"]}]})


def test_deep_data_is_walked_without_recursion(people):
    deep = here = {}
    for _ in range(5000):
        here["x"] = here = {}
    here["first_name"] = "Zia"
    assert list(persons_in(deep)) == [("name", "Zia")]
    told = people.tree(deep)
    for _ in range(5000):
        told = told["x"]
    assert told == {"first_name": "Zia"}  # nobody met it: `meet` comes first


def test_a_tree_names_people_by_their_aliases_and_is_a_copy(people):
    data = {
        "ann@example.org": [{"user_id": 7, "n": 7, "by": "Ann", "link": "https://x.example/7/session/77"}],
        "t": None,
    }
    kept = json.dumps(data)
    assert people.tree(data) == {
        "user-1": [{"user_id": "user-4", "n": 7, "by": "name-2", "link": "https://x.example/7/session/77"}],
        "t": None,
    }
    assert json.dumps(data) == kept


def test_results_tell_of_their_persons():
    user = User(user_id="u-1", email="e@x.org", name="Zia Kant", phone="1", properties={"company_email": "c@x.org"})
    assert list(persons(UserPage(rows=[user, User(user_id="u-2")]))) == [
        ("user", "u-1"), ("email", "e@x.org"), ("name", "Zia Kant"), ("phone", "1"), ("user", "u-2"),
        ("email", "c@x.org"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["Will Price", "WILL PRICE", "Price, Will", "Price Will", "W. Price", "/by/will-price", "will_price",
     "?n=Will+Price"],
)  # fmt: skip
def test_a_name_is_known_in_full_in_any_order_and_in_addresses(text):
    people = Pseudonyms()
    people.meet(UserPage(rows=[User(user_id="u-1", name="Will Price")]))
    assert "name-1" in people.text(text)
    assert not re.search("will|price", people.text(text), re.IGNORECASE)


def test_a_part_of_a_name_alone_is_a_word():
    people = Pseudonyms()
    people.meet(UserPage(rows=[User(user_id="u-1", name="Will Price"), User(user_id="u-2", name="Grant")]))
    for text in ("Price: 3 €", "Will be sent", "Power bank", "Grant access to all"):
        assert people.text(text) == text
    assert people.text("by Grant, ") == "by Grant, "
    assert people.text('"Grant"') == '"name-2"'


@pytest.mark.parametrize("text", ["Soren Muller", "Søren Müller", "SOREN MULLER", "soren-muller", "Soren Mueller"])
def test_a_name_is_known_without_its_accents(text):
    people = Pseudonyms()
    people.alias("name", "Søren Müller")
    assert people.text(f"/u/{text}") == "/u/name-1"


# --- and back ---


def test_aliases_are_revealed_alone_in_prose_paths_and_json(people):
    assert people.reveal("user-2") == "ann/lee#1"
    assert people.reveal(" USER-2 ") == "ann/lee#1"
    assert people.reveal("tell user-1 about name-1, not user-11 or xuser-1") == (
        "tell ann@example.org about Ann Lee, not user-11 or xuser-1"
    )
    assert people.reveal("/v2/api/1/users/user-2/sessions") == "/v2/api/1/users/ann%2Flee%231/sessions"
    assert people.reveal("/users/user-1") == "/users/ann@example.org"
    people.alias("user", 'o"neil\\')
    assert json.loads(people.reveal('{"query": "user-6", "deep": [{"user-1": "x user-1"}]}')) == {
        "query": 'o"neil\\', "deep": [{"ann@example.org": "x ann@example.org"}],
    }  # fmt: skip
    assert people.reveal("{user-1") == "{ann@example.org"
    assert people.reveal("user-99") == "user-99"
    assert people.unknown("user-99")
    assert not people.unknown("user-1")
    assert not people.unknown("ann")


def test_a_real_id_that_looks_like_an_alias_is_aliased_too():
    people = Pseudonyms()
    assert people.alias("user", "user-2") == "user-x1"
    assert people.alias("user", "ann") == "user-x2"
    assert people.alias("user", "user-1") == "user-x3"
    assert people.text("user-2") == "user-x1"
    assert people.text("from user-2 to user-1") == "from user-x1 to user-x3"
    assert [people.reveal(alias) for alias in ("user-x1", "user-2", "user-x3")] == ["user-2", "user-2", "user-1"]
    assert people.reveal("user-1") == "user-1"  # the real one
    assert not people.unknown("user-1")


def test_real_ids_are_kept_free_before_any_alias_is_given():
    people = Pseudonyms()
    people.meet(UserPage(rows=[User(user_id=f"user-{number}") for number in (3, 2, 1)]))
    told = {people.alias("user", f"user-{number}") for number in (1, 2, 3)}
    assert not told & {"user-1", "user-2", "user-3"}
    assert [people.reveal(people.alias("user", f"user-{number}")) for number in (1, 2, 3)] == [
        "user-1", "user-2", "user-3",
    ]  # fmt: skip


def test_an_alias_that_turns_out_to_be_a_real_id_is_refused_from_then_on():
    people = Pseudonyms()
    assert people.alias("user", "zora") == "user-1"
    people.meet(UserPage(rows=[User(user_id="user-1")]))
    for text in ("user-1", "USER-1", "of user-1, please", '{"id": "user-1"}', "/users/user-1"):
        with pytest.raises(ArgumentsError, match="was an alias here and is also a real id") as refused:
            people.reveal(text)
        assert "zora" not in str(refused.value)
    ann, other = people.text("zora"), people.text("user-1", identifier=True)
    assert people.text("hello zora") == f"hello {ann}"
    assert ann != other
    assert {ann, other}.isdisjoint({"user-1"})
    assert (people.reveal(ann), people.reveal(other)) == ("zora", "user-1")


def test_recorded_text_that_looks_like_an_alias_gets_one_of_its_own():
    people = Pseudonyms()
    people.alias("user", "ann")
    said = people.text("Row user-1 of email-2")
    assert said == "Row user-2 of email-2"  # nobody is email-2, and nobody will be
    assert people.reveal(said) == "Row user-1 of email-2"
    assert people.reveal("user-1") == "ann"  # a page cannot take the alias from a person
    assert people.tree({"label": "user-1"}) == {"label": "user-2"}


@pytest.mark.parametrize(
    "text",
    ['input[name="user-1"]', "#user-1", "/docs/user-1", "https://shop.example/docs/user-1?tab=user-1", "my-user-1",
     "user-1@x.org", "user-1-b", '{"selector": "#user-1"}'],
)  # fmt: skip
def test_what_only_looks_like_an_alias_is_passed_on_as_it_is(text):
    people = Pseudonyms()
    people.alias("user", "ann")
    assert people.reveal(text) == text


@pytest.mark.parametrize("text", ["/u/zora/x", "https://shop.example/profile/zora?by=zora", "#zora", "[name=zora]"])
def test_what_was_shown_with_an_alias_comes_back(text):
    people = Pseudonyms()
    people.alias("user", "zora")
    said = people.text(text)
    assert "zora" not in said
    assert people.reveal(said) == text


def test_pasted_links_are_revealed(people):
    assert people.reveal("https://x.example/1/data-management/user/user-3") == (
        "https://x.example/1/data-management/user/u-77"
    )
    assert (
        people.reveal("https://x.example/1/sessions?userId=is|user-3") == "https://x.example/1/sessions?userId=is|u-77"
    )


def test_only_the_texts_of_json_are_revealed(people):
    body = '{"a":"user-3", "n":1e400,"f":1.10, "id": 12345678901234567890 , "s":"\\u00fc"}'
    assert people.reveal(body) == body.replace("user-3", "u-77")
    assert people.reveal('[1, "user-3" ') == '[1, "u-77" '


def test_names_of_our_own_fields_stay_and_recorded_names_do_not():
    people = Pseudonyms()
    page = UserPage(rows=[User(user_id=one, properties={"rows": "x", "by": one}) for one in ("rows", "user_id", "kim")])
    people.meet(page)
    told = people.tree(page.model_dump(mode="json"), page)
    assert set(told) == set(UserPage.model_fields)
    assert all(set(row) == set(User.model_fields) for row in told["rows"])
    assert [row["user_id"] for row in told["rows"]] == ["user-1", "user-2", "user-3"]
    assert told["rows"][2]["properties"] == {"user-1": "x", "by": "user-3"}


def test_keys_that_meet_are_all_kept(people):
    given = {"Ann@example.org": 1, "ann@example.org": 2, "x u-77": 3, "x%20u-77": 4, "to U-77": 5, "to u-77": 6}
    told = people.tree(given)
    assert sorted(told.values()) == [1, 2, 3, 4, 5, 6]
    assert told["user-1"] == 2
    assert not re.search("u-77|ann", json.dumps(told), re.IGNORECASE)


HIDDEN = [
    "Mail ann\u200b@exam\u00adple.org",
    "Mail ann\uff20example.org",
    "Mail \uff41nn@example.org",
    "by\u00a0Ann\u00a0\u200bLee\u2060!",
]


@pytest.mark.parametrize("text", HIDDEN)
def test_nobody_hides_behind_what_is_not_seen(people, text):
    for said in (phrase((Recorded(text),), FENCE, people.part), people.tree({"note": text})["note"]):
        assert re.search("user-1|name-1", said)
        assert not re.search("ann|lee", said, re.IGNORECASE)


def test_an_identifier_with_invisible_characters_is_somebody_of_its_own(people):
    assert people.text("u-\u200b77", identifier=True) == "user-6"
    assert people.reveal("user-6") == "u-\u200b77"
    assert people.text("Zo\u00ad\u00eb-x", identifier=True) == "Zo\u00ad\u00eb-x"


@pytest.mark.parametrize("value", ["pavel.garcia521", "anna_kowalska_82", "garcia-4711"])
def test_what_is_left_of_an_id_in_a_template_is_nobody(value):
    people = Pseudonyms()
    people.alias("user", value)
    assert people.text(message_template(f"User {value} has no card")) == "User <user> has no card"


def test_templates_of_ordinary_words_stay():
    people = Pseudonyms()
    people.alias("user", "user 42")
    assert people.text("user <n> has no card") == "user <n> has no card"


def test_only_links_to_our_dashboard_are_ours():
    people = Pseudonyms()
    people.alias("user", "pavelg")

    class Shown(BaseModel):
        link: str
        properties: dict[str, str]

    ours, others = "https://or.example/1/session/77?user=pavelg", "https://shop.example/1/user/7?uid=pavelg"
    for first, second in ((ours, ours), (others, ours)):
        made = Shown(link=first, properties={"link": second})
        told = people.tree(made.model_dump(), made, "https://or.example")
        assert told["link"] == (ours if first == ours else others.replace("pavelg", "user-1"))
        assert told["properties"]["link"] == ours.replace("pavelg", "user-1")


@pytest.mark.parametrize("value", ["Safari", "POST", "4.2.0", "/checkout", "Mobile Safari"])
def test_a_visitor_called_like_a_thing_hides_no_thing(value):
    people = Pseudonyms()
    people.meet(UserPage(rows=[User(user_id=value, name=value)]))
    assert people.text(value, identifier=True) == value
    assert people.text(f"on {value} 500") == f"on {value} 500"


def test_a_field_that_holds_a_thing_stays_whoever_is_called_so():
    people = Pseudonyms()
    people.alias("user", "Paris")

    class Visit(BaseModel):
        city: str
        title: str

    visit = Visit(city="Paris", title="Paris")
    assert people.tree(visit.model_dump(), visit) == {"city": "Paris", "title": "user-1"}


@pytest.mark.parametrize(
    ("text", "found"),
    [("order 11209", 0), ("€ 11,209", 0), ("11209 ms", 0), ("took 11209", 0), ("user 11209 left", 1),
     ("/users/11209/edit", 1), ("id: 11209", 1), ('"11209"', 1), ("11209", 1), ("x 112090", 0)],
)  # fmt: skip
def test_ids_of_digits_are_known_between_marks(text, found):
    people = Pseudonyms()
    people.alias("user", "11209")
    assert people.text(text).count("user-1") == found


@pytest.mark.parametrize(
    "item",
    [{"vorname": "Zia"}, {"nachname": "Zia"}, {"nom": "Zia"}, {"prenom": "Zia"}, {"assignee": "Zia"},
     {"contact": "Zia"}, {"prénom": "Zia"}, {"display_name": "Zia", "email": "z@x.org"}],
)  # fmt: skip
def test_more_names_of_fields_are_known(item):
    assert ("name", "Zia") in persons_in(item)


def test_encoded_dots_of_an_address_are_read():
    assert Pseudonyms().text("to=bob%40example%2Eorg&x") == "to=email-1&x"


def test_an_alias_that_a_visitor_wrote_is_never_given():
    people = Pseudonyms()
    assert people.text("I am user-1") == "I am user-1"
    assert people.alias("user", "ann") == "user-2"
    assert people.reveal("I am user-1") == "I am user-1"


VALUES = st.one_of(
    st.emails(),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=30),
    st.from_regex(r"[a-z]{1,12}[0-9]{0,6}", fullmatch=True),
    st.from_regex(r"[A-Z][a-z]{1,10} [A-Z][a-z]{1,10}", fullmatch=True),
)
WORDS = st.one_of(
    st.from_regex(r"[a-z][a-z0-9.+-]{0,8}[a-z0-9]@[a-z]{2,8}\.(org|example\.com)", fullmatch=True),
    st.from_regex(r"[a-z]{1,12}[0-9]{0,6}", fullmatch=True),
    st.from_regex(r"[A-Z][a-z]{1,10} [A-Z][a-z]{1,10}", fullmatch=True),
    st.from_regex(r"[a-z0-9]{1,6}[|/#: ][a-z0-9]{1,6}", fullmatch=True),
)
LIKE_AN_ALIAS = re.compile(r"(?:user|email|name|phone|ip)-\d", re.IGNORECASE)


@settings(max_examples=120, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["user", "name"]), VALUES), min_size=1, max_size=8))
def test_every_value_comes_back_exactly(found):
    people = Pseudonyms()
    aliases = {value: people.alias(kind, value) for kind, value in found}
    for value, alias in aliases.items():
        assert people.alias("email", value) == alias
        assert people.text(value, identifier=True) == alias
        assert people.reveal(alias) == value
        assert people.reveal(alias.upper()) == value
    assert len(set(aliases.values())) == len(aliases)


@settings(max_examples=120, deadline=None)
@given(
    st.lists(WORDS, max_size=5), st.lists(st.sampled_from([" ", ", ", "\n", "/", "?a=", '"', "(", ") ", "x ", "; "]))
)
def test_rewriting_leaves_no_address_and_can_be_undone(values, glue):
    text = "".join(part for pair in zip([*glue, *[" "] * len(values)], values, strict=False) for part in pair)
    assume(not LIKE_AN_ALIAS.search(text))
    people = Pseudonyms()
    for value in values[::2]:
        people.alias("user", value)
    once = people.text(text)
    assert people.text(text) == once
    for value in values[::2]:
        if re.fullmatch(r"[\w.+-]+@[\w-]+(\.[a-z]{2,9})+", value):
            assert not re.search(rf"(?<![\w.+%'-]){re.escape(value)}(?![\w.-])", once)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(["ann@example.org", "ann/lee#1", "u-77", "Annabel", "Ann Lee", "and", "x7"]), max_size=12)
)
def test_a_text_of_known_people_comes_back(words):
    people = Pseudonyms()
    for kind, value in KNOWN:
        people.alias(kind, value)
    text = " ".join(words)
    said = people.text(text)
    assert people.reveal(said) == text
    assert not {"ann@example.org", "ann/lee#1", "u-77", "Annabel", "Ann Lee"} & set(re.split(r"(?<!Ann) ", said))


@settings(max_examples=120, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_any_text_is_read(text):
    people = Pseudonyms()
    people.alias("user", "ann@example.org")
    people.text(text)
    people.reveal(text)


@pytest.mark.parametrize(
    "piece",
    ["a.", "a@", "+1 ", "1.", "a:", '"email":"', "%40", "(1", "name=", "…", "a'", "\\n", "x-1", "a…", "u-7…", "user-1"],
)
def test_hostile_texts_are_read_in_linear_time(people, piece):
    people.text(piece * 20_000)  # a quadratic one would take minutes


# --- presenting ---


def test_rendering_rewrites_what_is_recorded_or_given_and_not_what_is_ours(people):
    line = (
        Own("User u-77 "),
        identifier("u-77"),
        Given("Ann"),
        name("Annabel"),
        Recorded("by Annabel"),
        identifier("x y"),
    )
    assert phrase(line, FENCE, people.part) == ('User u-77 user-3"name-2"name-3⟦7f3a by name-3 7f3a⟧⟦7f3a x y 7f3a⟧')
    assert phrase(line, FENCE) == 'User u-77 u-77"Ann"Annabel⟦7f3a by Annabel 7f3a⟧⟦7f3a x y 7f3a⟧'


def test_an_odd_id_in_a_long_subject_is_an_alias(people):
    people.alias("user", "\u202e" * 300)
    answer = Answer(
        (Own("User "), identifier("\u202e" * 300)), tally=Tally("x", 1), rows=(Row(((identifier("u-77"),),)),)
    )
    assert render(answer, budget=500, fence=FENCE, rewrite=people.part).startswith("1 of 1 x User user-6")


def test_no_alias_is_cut_in_half():
    people = Pseudonyms()
    for number in range(30):
        people.alias("user", f"visitor{number}")
    for limit in range(8, 40):
        said = phrase((Recorded("seen by visitor11 and visitor12 today or later", limit=limit),), FENCE, people.part)
        assert not re.search(r"user-1(?!\d)", said)


def test_the_legend_stands_where_an_alias_does_and_where_it_fits(people):
    assert people.explained("of user-1", []) == f"of user-1\n{LEGEND}"
    assert people.explained("of nobody", []) == "of nobody"
    assert people.explained("of user-1", [], 40) == "of user-1"
    assert "No alias user-99 is known" in people.explained("of user-99", ["user-99", 3])
    assert "No alias user-99 is known" in people.explained("No record user-99.", {"user_ids": ["user-99"]})
    assert len(people.explained("x" * 20 + "user-99", ["user-99"], 500)) <= 20 + 7 + people.room(["user-99"])


def test_nothing_of_the_mapping_is_in_a_repr(people):
    assert repr(people) == "<pseudonyms of 9 values>"


# --- toolkits ---

SECRET = "pseudonyms-test"


def private(sandbox, secret=SECRET, **more):
    return toolkit_over(sandbox, **doors.LOGIN, privacy="pseudonyms", secret=secret, **more)


def test_privacy_is_a_setting(monkeypatch):
    assert Settings.make().privacy == "secrets"
    monkeypatch.setenv("OPENREPLAY_PRIVACY", "pseudonyms")
    assert Settings.from_env().privacy == "pseudonyms"
    monkeypatch.setenv("OPENREPLAY_PRIVACY", "none")
    with pytest.raises(ConfigurationError, match=r"OPENREPLAY_PRIVACY: .*'secrets' or 'pseudonyms'"):
        Settings.from_env()


DOORS = {"direct": doors.direct, "direct async": doors.direct_async, "langchain": doors.langchain}
DOORS |= {"langchain async": doors.langchain_async, "llama_index": doors.llama_index, "mcp": doors.mcp}
DOORS |= {"llama_index async": doors.llama_index_async}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_a_model_walks_by_aliases_through_every_framework(sandbox, door):
    with private(sandbox, secret=f"walk {door}") as toolkit, toolkit_over(sandbox, **doors.LOGIN) as plain:
        found = door(toolkit, "openreplay_search_users", {"query": "ann", "limit": 3})
        alias = found.data["rows"][0]["user_id"]
        assert re.fullmatch(r"user-\d", alias)
        assert alias in found.text
        assert "@" not in found.text + json.dumps(found.data)
        sessions = door(toolkit, "openreplay_list_user_sessions", {"user_id": alias})
        real = plain.call("openreplay_search_users", {"query": "ann", "limit": 3}).data["rows"][0]["user_id"]
        known = plain.call("openreplay_list_user_sessions", {"user_id": real})
        assert [row["session_id"] for row in sessions.data["rows"]] == [row["session_id"] for row in known.data["rows"]]
        assert {row["user_id"] for row in sessions.data["rows"]} == {alias}
        assert f"sessions of {alias} ·" in sessions.text
        session = sessions.data["rows"][0]["session_id"]
        events = door(toolkit, "openreplay_list_session_events", {"session": session})
        assert events.data["user_id"] == alias
        assert events.data["link"] == known.data["rows"][0]["link"]
        assert f"\n{alias} · " in events.text
        assert real not in events.text + json.dumps(events.data)
        assert (
            door(toolkit, "openreplay_list_user_sessions", {"user_id": real}) == sessions
        )  # also when a person says it


def test_without_pseudonyms_nothing_changes(sandbox):
    with toolkit_over(sandbox, **doors.LOGIN) as plain, toolkit_over(sandbox, **doors.LOGIN, privacy="secrets") as same:
        given = {"query": "user-1", "limit": 5}
        assert plain.call("openreplay_search_users", given) == same.call("openreplay_search_users", given)
        assert plain._people is None


def test_two_toolkits_of_a_process_agree_and_another_secret_does_not(sandbox):
    with private(sandbox, secret="agree") as one, private(sandbox, secret="agree") as two:
        first = one.call("openreplay_search_users", {"limit": 5})
        two.call("openreplay_search_users", {"limit": 50, "order": "asc"})
        assert two.call("openreplay_search_users", {"limit": 5}) == first
        assert one._people is two._people
    with private(sandbox, secret="other") as other:
        assert other._people is not one._people


def test_filters_bodies_and_fenced_aliases_are_understood(sandbox):
    with private(sandbox, secret="filters") as toolkit:
        alias = toolkit.call("openreplay_search_users", {"query": "ann@"}).data["rows"][0]["user_id"]
        total = toolkit.call("openreplay_list_user_sessions", {"user_id": alias}).data["total"]
        by_filter = {"filters": [{"name": "user_id", "values": [alias.upper()]}], "since": "2026-01-01"}
        assert toolkit.call("openreplay_search_sessions", by_filter).data["total"] == total
        fenced = toolkit._fence.around(alias)
        assert toolkit.call("openreplay_list_user_sessions", {"user_id": fenced}).data["total"] == total
        body = json.dumps(
            {"limit": 1, "page": 1, "filters": [{"name": "$user_id", "operator": "is", "value": [alias]}]}
        )
        raw = toolkit.call("openreplay_request", {"path": "/v2/api/1/users", "method": "POST", "body": body})
        assert raw.data["body"]["data"]["total"] == 1
        assert raw.data["body"]["data"]["users"][0]["$user_id"] == alias


def test_an_alias_of_nobody_is_said_to_be_one(sandbox):
    with private(sandbox, secret="nobody") as toolkit:
        missing = toolkit.call("openreplay_get_user", {"user_id": "user-4711"})
        assert missing.is_error
        assert "No alias user-4711 is known in this process" in missing.text
        empty = toolkit.call("openreplay_list_user_sessions", {"user_id": "user-4711"})
        assert "No alias user-4711 is known in this process" in empty.text
        assert toolkit.refusal(NotFoundError("No user record ", identifier("ann"), ".")).text == "No user record ann."


def test_refusals_name_people_by_alias(sandbox):
    with private(sandbox, secret="refusals") as toolkit:
        alias = toolkit.call("openreplay_search_users", {"query": "ann@"}).data["rows"][0]["user_id"]
        for wrong in (
            {"user_id": alias, "since": alias},
            {"user_id": alias, "project": alias},
            {"user_id": alias, "limit": alias},
            {"user_id": alias, alias: 1},
            {"user_id": alias, "since": f"10/11/2026 {alias}"},
        ):
            refused = toolkit.call("openreplay_list_user_sessions", wrong)
            assert refused.is_error
            assert alias in refused.text
            assert "@" not in refused.text


def test_budgets_hold_with_the_legend(sandbox):
    for budget in (500, 700, 6000):
        with private(sandbox, secret="budget", budget=budget) as toolkit:
            for given in ({"limit": 50}, {"limit": 50, "detail": "brief"}):
                text = toolkit.call("openreplay_search_users", given).text
                assert len(text) <= max(500, budget)
                assert LEGEND in text or budget < 600 or given.get("detail")


def test_the_operators_log_keeps_real_ids_and_the_token_stands_for_them(caplog):
    with Sandbox() as server, private(server, secret="audit") as toolkit, caplog.at_level(logging.DEBUG):
        user = toolkit.call("openreplay_search_users", {"limit": 1}).data["rows"][0]["user_id"]
        real = toolkit._people.reveal(user)
        preview = toolkit.call("openreplay_delete_user", {"user_id": user})
        caplog.clear()
        done = toolkit.call("openreplay_delete_user", {"user_id": user, "confirm": preview.data["confirm"]})
        assert not done.is_error
        assert f"user {user}." in done.text
        assert real not in done.text + json.dumps(done.data)
    audit = [record.getMessage() for record in caplog.records if record.name == "openreplay_tools.audit"]
    assert any(quote(real, safe="") in line or real in line for line in audit)
    assert not [one for one in caplog.records if one.name.startswith("openreplay_tools") and one.name[-5:] != "audit"
                and real in one.getMessage()]  # fmt: skip


def test_no_person_is_in_the_repr_of_a_toolkit(sandbox):
    with private(sandbox, secret="repr") as toolkit:
        real = toolkit._people.reveal(toolkit.call("openreplay_search_users", {}).data["rows"][0]["user_id"])
        tools = [
            doors.langchain_tool(toolkit, "openreplay_get_user"),
            doors.llama_index_tool(toolkit, "openreplay_get_user"),
        ]
        shown = [repr(one) for one in (toolkit, toolkit.client, toolkit.settings, toolkit._people, *tools)]
        assert not [text for text in shown if real in text]


def test_threads_agree_on_aliases(sandbox):
    with private(sandbox, secret="threads") as toolkit, ThreadPoolExecutor(8) as pool:
        given = [{"limit": 50, "page": number % 4 + 1} for number in range(24)]
        replies = list(pool.map(lambda one: toolkit.call("openreplay_search_users", one), given))
        by_page = {}
        for one, reply in zip(given, replies, strict=True):
            ids = [row["user_id"] for row in reply.data["rows"]]
            assert by_page.setdefault(one["page"], ids) == ids
        everyone = [user for ids in by_page.values() for user in ids]
        assert len(set(everyone)) == len(everyone) == 200
        assert len({toolkit._people.reveal(user) for user in everyone}) == 200


def test_many_threads_give_one_alias_to_a_value():
    people = Pseudonyms()
    values = [f"visitor{number}@example.org" for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        rounds = list(pool.map(lambda _: [people.alias("user", value) for value in values], range(16)))
    assert all(one == rounds[0] for one in rounds)
    assert len(set(rounds[0])) == 200


def test_python_callers_get_people_as_they_are(sandbox):
    with private(sandbox, secret="python") as toolkit:
        from openreplay_tools.catalogue import search_users

        assert any("@" in row.user_id for row in toolkit.client.run(search_users, limit=20).rows)
        assert isinstance(toolkit, Toolkit)
