"""Failures that are the same have one signature, others do not, and no recorded text breaks that."""

from __future__ import annotations

import json
from datetime import datetime
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openreplay_tools.openreplay.signatures import message_template, origin_file, signature_of, url_template
from openreplay_tools.openreplay.timeline import Event

HOST = "shop.example.test"

URLS = {
    "": "",
    "/": "/",
    "/orders/123": "/orders/:id",
    "/orders/7": "/orders/:id",
    "/orders/123/": "/orders/:id",
    "/orders//123": "/orders/:id",
    "/orders/123?from=mail#top": "/orders/:id",
    "/login?next=https://other.example/a/1": "/login",
    f"https://{HOST}/orders/123": "/orders/:id",
    f"HTTPS://{HOST.upper()}:443/orders/123": "/orders/:id",
    f"https://{HOST}": "/",
    f"https://{HOST}?utm_source=x": "/",
    "https://api.example.com/orders/123": "https://api.example.com/orders/:id",
    "https://user:secret@api.example.com/x": "https://api.example.com/x",
    "//cdn.example.com/app.js": "//cdn.example.com/app.js",
    "http://localhost:3000/x": "http://localhost:3000/x",
    "/api/v2/users/507f1f77bcf86cd799439011": "/api/v2/users/:id",
    "/api/v1.2/users": "/api/v1.2/users",
    "/o/9b2e4c1a-1111-4222-8333-abcdefabcdef/lines": "/o/:id/lines",
    "/t/01ARZ3NDEKTSV4RRFFQ69G5FAV": "/t/:id",
    "/w/dQw4w9WgXcQ": "/w/:id",
    "/n/V1StGXR8_Z5jdHi6B-myT": "/n/:id",
    "/b/aGVsbG8gd29ybGQhIQ==": "/b/:id",
    "/c/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N": "/c/:id",
    "/u/ann@example.org/edit": "/u/:id/edit",
    "/u/ann%40example.org/edit": "/u/:id/edit",
    "/order/ord-57261": "/order/:id",
    "/shoes/red-running-shoes-48213": "/shoes/:id",
    "/blog/2026-11-20": "/blog/:date",
    "/blog/20261120": "/blog/:date",
    "/blog/2026/11/20/how-to-pay": "/blog/:date/how-to-pay",
    "/archive/2026/11": "/archive/:date",
    "/signup/step-3": "/signup/step-3",
    "/blog/top-10-tips": "/blog/top-10-tips",
    "/product/trail-tent": "/product/trail-tent",
    "/de-DE/getUserProfile": "/de-DE/getUserProfile",
    "/tools/sha256/base64/md5": "/tools/sha256/base64/md5",
    "/static/app.3f2a9b1c.js": "/static/app.:id.js",
    "/static/main.chunk.js": "/static/main.chunk.js",
    "/invoices/INV-3141.pdf": "/invoices/:id.pdf",
    "/cart;jsessionid=0A1B2C": "/cart",
    "data:image/png;base64,AAAA": "data:",
    f"blob:https://{HOST}/9b2e4c1a-1111-4222-8333-abcdefabcdef": "blob:",
    "about:blank": "about:blank",
    "orders/123": "orders/:id",
}


@pytest.mark.parametrize(("url", "template"), URLS.items())
def test_an_address_loses_what_differs_from_visit_to_visit(url: str, template: str) -> None:
    assert url_template(url, HOST) == template


MESSAGES = {
    "Payment provider timeout after 3000ms <gateway&id=7>": "Payment provider timeout after <n> <gateway&id=<n>>",
    "took 1,234.56 s, not 5 seconds": "took <n>, not <n>",
    "-5 of 50%, $12.50 or 3 €": "<n> of <n>, <n> or <n>",
    "Request failed with status code 404": "Request failed with status code 404",
    "status 500": "status 500",
    '{"status":404,"id":17}': '{"status":404,"id":<n>}',
    "HTTP/1.1 503 Service Unavailable": "HTTP/1.1 503 Service Unavailable",
    "code 1001": "code <n>",
    "order ORD-12345 of user42 is gone": "order ORD-<n> of user<n> is gone",
    "id 9b2e4c1a-1111-4222-8333-abcdefabcdef": "id <id>",
    "commit 3f2a9b1c": "commit <id>",
    "key sk_live_4eC39HqLyjWDarjtT1zdp7dc": "key <id>",
    "at 0x7ffee4b2": "at <address>",
    "user ann.o'brien+x@mail.example.org not found": "user ann.o'<email> not found",
    "GET https://api.example.com/orders/123?x=1, twice": "GET https://api.example.com/orders/:id, twice",
    "Failed to load https://api.example.com/orders/9.": "Failed to load https://api.example.com/orders/:id.",
    "image data:image/png;base64,iVBORw0KGgo broke": "image <url> broke",
    "2026-11-20T17:42:48.123Z late": "<time> late",
    "2026-11-20 17:42 late": "<time> late",
    "Fri, 20 Nov 2026 17:42:48 GMT late": "<time> late",
    "Nov 20, 2026 5:42 PM late": "<time> late",
    "at 17:42:48": "at <time>",
    "app.js:19:27635": "app.js:<n>:<n>",
    "No coupon 'SPRING 10' in \"cart\"": "No coupon <value> in <value>",
    "can't open user's file": "can't open user's file",
    "Cannot read properties of null (reading 'items')": "Cannot read properties of null (reading 'items')",
    "utf8 and base64 in IPv4": "utf8 and base64 in IPv4",
    "  two \n\t lines ": "two lines",
    "192.168.1.1:8080 refused": "<n>:<n> refused",
    "\u0635\u0641\u062d\u0629 \u0664\u0662": "\u0635\u0641\u062d\u0629 <n>",
    "": "",
}


@pytest.mark.parametrize(("text", "template"), MESSAGES.items())
def test_a_message_loses_what_differs_from_case_to_case(text: str, template: str) -> None:
    assert message_template(text) == template


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Payment declined", "Payment accepted"),
        ("failed with status 404", "failed with status 500"),
        ("Request failed with status code 404", "Request failed with status code 503"),
        ("x is null (reading 'items')", "x is null (reading 'total')"),
        ("HTTP 500", "HTTP 502"),
        ("in utf8", "in sha256"),
    ],
)
def test_messages_that_differ_in_words_or_status_stay_apart(one: str, other: str) -> None:
    assert message_template(one) != message_template(other)


ANYTHING = st.text(st.characters(), max_size=200)  # surrogates, controls and all
AWKWARD = st.text(st.sampled_from("aZ09-_.:/?#@%'\"`<>=+, ()[]{}\u2018\u2019\u201c\u201d…\n"), max_size=120)
PIECES = st.lists(
    st.sampled_from([*MESSAGES, *URLS, "blob:", "://", "\u2018", "'", '"', "status", "200", "<n>", ":id", "…", "é²٣"]),
    max_size=8,
)
RECORDED = ANYTHING | AWKWARD | PIECES.map("".join) | PIECES.map(" ".join) | PIECES.map("/".join)


@given(RECORDED)
def test_a_template_of_an_address_is_its_own_bounded_and_without_query(url: str) -> None:
    template = url_template(url, HOST)
    assert url_template(template, HOST) == template
    assert len(template) <= 240
    assert "?" not in template
    assert "#" not in template


@given(RECORDED)
def test_a_template_of_a_message_is_its_own_and_bounded(text: str) -> None:
    template = message_template(text)
    assert message_template(template) == template
    assert len(template) <= 300
    assert template == " ".join(template.split())


WORDS = st.lists(st.sampled_from(["order", "of", "customer", "was", "refused", "by", "bank"]), min_size=1, max_size=6)
KINDS: dict[str, st.SearchStrategy[str]] = {
    "number": st.integers(0, 10**9).map(str) | st.floats(0.1, 1e4).map(lambda figure: f"{figure:.2f}"),
    "duration": st.builds("{}{}".format, st.integers(0, 10**6), st.sampled_from(["ms", " s", " seconds", " ms"])),
    "uuid": st.uuids().map(str),
    "email": st.builds("{}@{}.example".format, st.sampled_from(["ann", "b.ob", "c+d"]), st.sampled_from(["a", "b-c"])),
    "time": st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(datetime.isoformat),  # noqa: DTZ001
    "quoted": st.text("abc XYZ 19", max_size=12).map(lambda text: f'"{text}"'),
    "address": st.integers(1, 2**48).map(hex),
    "url": st.integers(0, 10**9).map(lambda n: f"https://api.example.com/orders/{n}?token={n * 7}"),
    "place": st.integers(1, 10**5).map(lambda n: f"app.js:{n}:{n % 97 + 1}"),
}


@given(WORDS, st.sampled_from(sorted(KINDS)), st.data())
def test_messages_that_differ_in_values_only_are_one(words: list[str], kind: str, data: Any) -> None:
    one, other = (" ".join([*words, data.draw(KINDS[kind]), *words]) for _ in range(2))
    assert message_template(one) == message_template(other)


@given(st.lists(st.sampled_from(["pay", "declined", "accepted", "later", "now"]), max_size=5), st.data())
def test_messages_of_words_are_their_own_template(words: list[str], data: Any) -> None:
    assert message_template(" ".join(words)) == " ".join(words)
    number = data.draw(KINDS["number"])
    assert message_template(" ".join([*words, number])) == " ".join([*words, "<n>"])


@pytest.mark.parametrize(
    "piece", ["'\"`", "a.b-c@", "a-1B", "12:34:", "blob:", "/2026/11", "\u2018 ", "(", "%25", "Nov 20 "]
)
def test_long_texts_take_no_longer_than_their_length(piece: str) -> None:
    text = piece * (2_000_000 // len(piece))
    begun = perf_counter()
    message_template(text)
    url_template(text, HOST)
    assert perf_counter() - begun < 1


FRAMES = json.dumps([{"fileName": "https://shop.example.test/static/app.3f2a9b1c.js?v=2", "lineNumber": 19}])


def event(kind: str, captured: dict[str, Any], **more: Any) -> Event:
    return Event.model_validate({"kind": kind, "captured": captured, **more})


def error(message: str, frames: str = FRAMES) -> Event:
    return event("ERROR", {"name": "TypeError", "message": message, "payload": frames})


def request(status: object, url: str = f"https://{HOST}/orders/7", **more: Any) -> Event:
    return event("REQUEST", {"method": "post", "status": status, **more}, url=url)


def issue(kind: str, context: str) -> Event:
    return event("ISSUE", {"context_string": context}, issue_type=kind)


def test_an_error_is_known_by_name_message_and_file() -> None:
    assert signature_of(error("no order 12"), HOST) == ("error", "TypeError", "no order <n>", "app.:id.js")
    assert signature_of(event("CRASH", {"name": "SIGSEGV", "reason": "bad access at 0x10"}), HOST) == (
        "crash", "SIGSEGV", "bad access at <address>", "",
    )  # fmt: skip


@pytest.mark.parametrize("frames", ["", "[", "null", "[]", "[null]", "[1]", "{}", '[{"fileName":null}]', "[" * 5000])
def test_a_stack_that_cannot_be_read_tells_no_file(frames: str) -> None:
    assert origin_file(error("x", frames)) == ""


def test_a_failed_request_is_known_by_method_address_and_status() -> None:
    assert signature_of(request(500), HOST) == ("request", "POST", "/orders/:id", "500")
    assert signature_of(request("422"), HOST) == ("request", "POST", "/orders/:id", "422")
    assert signature_of(request(0, success=False), HOST) == ("request", "POST", "/orders/:id", "0")
    assert signature_of(request(200), HOST) is None
    assert signature_of(request(200, response_body='{"error":"declined"}'), HOST) is None


def test_an_issue_is_known_by_what_it_is_about() -> None:
    assert signature_of(issue("bad_request", f"https://{HOST}/orders/7"), HOST) == ("request", "", "/orders/:id", "")
    assert signature_of(issue("click_rage", "Apply coupon"), HOST) == ("click_rage", "Apply coupon")
    assert signature_of(issue("dead_click", "Cart 3"), HOST) == ("dead_click", "Cart <n>")
    assert signature_of(issue("slow_page_load", "/orders/7"), HOST) == ("slow_page_load", "/orders/:id")
    assert signature_of(issue("missing_resource", "https://cdn.example.com/a/12.png"), HOST) == (
        "missing_resource", "https://cdn.example.com/a/:id.png",
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["custom", "js_exception", "crash", "incident", ""])
def test_an_issue_that_repeats_another_event_is_none(kind: str) -> None:
    assert signature_of(issue(kind, "checkout_failed"), HOST) is None


@pytest.mark.parametrize("kind", ["CLICK", "LOCATION", "INPUT", "PERFORMANCE", "purchase", ""])
def test_what_did_not_fail_has_no_signature(kind: str) -> None:
    assert signature_of(event(kind, {"message": "x", "status": 500}), HOST) is None


KEYS = ["name", "message", "reason", "payload", "status", "method", "url", "context_string", "issue_type"]
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | RECORDED | st.lists(st.integers(), max_size=2)


@given(st.sampled_from(["ERROR", "REQUEST", "ISSUE", "CRASH"]), st.dictionaries(st.sampled_from(KEYS), VALUES))
def test_any_event_has_a_bounded_signature_or_none(kind: str, captured: dict[str, Any]) -> None:
    found = signature_of(event(kind, captured), HOST)
    assert found is None or (all(isinstance(part, str) for part in found) and sum(map(len, found)) < 800)
