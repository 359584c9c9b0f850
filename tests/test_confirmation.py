"""Destruction takes two calls: the token of the first is bound, signed and short-lived."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from openreplay_tools.confirmation import LIFETIME_SECONDS, Confirmations
from openreplay_tools.errors import ArgumentsError

NOW = datetime(2026, 11, 20, 18, 15, tzinfo=UTC)
WHAT = ("delete_user", "7X2WHE68QaUo3L1nD60m", "ann@example.org")
FOREIGN = "confirm: this token was not made for these arguments."
EXPIRED = "confirm: this token has expired."
USED = "confirm: this token has been used."


def fresh():
    """Return what a process has at its start; its tokens are the same each time."""
    return Confirmations("secret of the process")


def refusal(token, what=WHAT, now=NOW, confirmations=None):
    with pytest.raises(ArgumentsError) as caught:
        (confirmations or fresh()).check(token, what, now)
    text = str(caught.value)
    assert text.endswith("Call again without confirm for a preview and a new token.")
    return text.partition(" Call again")[0]


@pytest.mark.parametrize("later", [0, 1, LIFETIME_SECONDS - 1, LIFETIME_SECONDS])
def test_a_token_is_good_for_ten_minutes(later):
    confirmations = fresh()
    confirmations.check(confirmations.token(WHAT, NOW), WHAT, NOW + timedelta(seconds=later))


@pytest.mark.parametrize("later", [LIFETIME_SECONDS + 1, 86_400])
def test_a_token_expires(later):
    assert refusal(fresh().token(WHAT, NOW), now=NOW + timedelta(seconds=later)) == EXPIRED


@pytest.mark.parametrize(
    "what",
    [
        ("cancel_job", *WHAT[1:]),
        (WHAT[0], "LbifiKjlu7VmVoyauxnK", WHAT[2]),
        (*WHAT[:2], "bob@example.org"),
        WHAT[:2],
        (*WHAT, ""),
        (),
    ],
)
def test_a_token_is_bound_to_what_it_confirms(what):
    assert refusal(fresh().token(WHAT, NOW), what) == FOREIGN


@pytest.mark.parametrize("pair", [(("a", "b"), ("ab",)), (("a", "bc"), ("ab", "c")), (("a", ""), ("a",))])
def test_what_is_confirmed_is_compared_part_by_part(pair):
    assert refusal(fresh().token(pair[0], NOW), pair[1]) == FOREIGN


def test_a_part_cannot_hold_the_separator():
    assert refusal(fresh().token(("a\0b",), NOW), ("a", "b")) == FOREIGN


def test_a_token_of_another_process_is_foreign():
    assert refusal(Confirmations("other").token(WHAT, NOW)) == FOREIGN


def test_a_longer_life_cannot_be_written_into_a_token():
    expiry, signature = fresh().token(WHAT, NOW).split("-")
    assert refusal(f"{int(expiry) + 600}-{signature}", now=NOW + timedelta(minutes=15)) == FOREIGN


@pytest.mark.parametrize("place", [0, 5, -1])
def test_a_changed_character_is_noticed(place):
    token = list(fresh().token(WHAT, NOW))
    token[place] = "1" if token[place] != "1" else "2"
    assert refusal("".join(token)) == FOREIGN


def test_a_token_can_stand_anywhere():
    """It travels through models, shells and URLs."""
    token = fresh().token(WHAT, NOW)
    assert token.isascii()
    assert all(char.isalnum() or char == "-" for char in token)
    assert len(token) <= 40


def test_the_same_moment_gives_the_same_token_and_another_one_another():
    assert fresh().token(WHAT, NOW) == Confirmations("secret of the process").token(WHAT, NOW)
    assert fresh().token(WHAT, NOW) != fresh().token(WHAT, NOW + timedelta(seconds=1))


def test_neither_secret_nor_used_tokens_are_shown():
    confirmations = fresh()
    token = confirmations.token(WHAT, NOW)
    confirmations.check(token, WHAT, NOW)
    assert "secret of the process" not in repr(confirmations)
    assert token not in repr(confirmations)


@given(st.text(st.characters(exclude_categories=["Cs"])) | st.from_regex(r"\d{1,14}-?[0-9a-f]{0,24}"))
@example("")
@example("-")
@example("١٢٣-abc")
@example("²-abc")
@example("9" * 5000 + "-abc")
@example("1795198500-\0")
def test_no_text_is_more_than_refused(text):
    assert refusal(text) in {FOREIGN, EXPIRED}


def test_lone_surrogates_are_no_more_than_refused():
    assert refusal("1795198500-\ud800") == FOREIGN


def test_a_subject_with_lone_surrogates_can_be_confirmed():
    what = (*WHAT[:2], "ann\ud800")
    fresh().check(fresh().token(what, NOW), what, NOW)


# --- Once ---


def test_a_token_is_good_for_one_use():
    confirmations = fresh()
    token = confirmations.token(WHAT, NOW)
    confirmations.check(token, WHAT, NOW)
    for later in (0, 1, LIFETIME_SECONDS, LIFETIME_SECONDS + 1):
        assert refusal(token, now=NOW + timedelta(seconds=later), confirmations=confirmations) in {USED, EXPIRED}
    assert refusal(token, confirmations=confirmations) == USED


@pytest.mark.parametrize(
    ("what", "now"), [(("cancel_job", *WHAT[1:]), NOW), (WHAT, NOW + timedelta(seconds=LIFETIME_SECONDS + 1))]
)
def test_a_refusal_does_not_spend_a_token(what, now):
    confirmations = fresh()
    token = confirmations.token(WHAT, NOW)
    refusal(token, what, now, confirmations)
    confirmations.check(token, WHAT, NOW)


def test_other_tokens_stay_good():
    confirmations = fresh()
    first, second = confirmations.token(WHAT, NOW), confirmations.token(("other",), NOW)
    confirmations.check(first, WHAT, NOW)
    confirmations.check(second, ("other",), NOW)


def test_a_preview_after_a_use_gives_a_token_that_works():
    """The sandbox's clock stands still: delete, call the job off, delete again."""
    confirmations = fresh()
    confirmations.check(confirmations.token(WHAT, NOW), WHAT, NOW)
    confirmations.check(confirmations.token(WHAT, NOW), WHAT, NOW)


def test_of_many_threads_with_one_token_one_gets_through():
    confirmations = fresh()
    token, gate = confirmations.token(WHAT, NOW), threading.Barrier(8)

    def use(_):
        gate.wait()
        try:
            confirmations.check(token, WHAT, NOW)
        except ArgumentsError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(use, range(8))) == 1
