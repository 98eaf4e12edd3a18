"""Sessions are opened by whoever has their secret, for an hour, and by nobody else."""

import base64
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.security.sessions import SESSION_S, Sessions
from tests.clocks import Clock

SECRET = b"s" * 32
KEY = "sa_0123456789_secret"


def sessions(secret=SECRET, now_s=1_000.0):
    return Sessions(secret, clock=Clock(now_s), random_bytes=secrets.token_bytes)


@given(st.text(min_size=1, max_size=500))
def test_what_was_sealed_is_opened_by_all_who_have_the_secret(credential):
    assert sessions().credential(sessions().seal(credential)) == credential


def test_a_cookie_does_not_show_what_is_in_it_and_no_two_are_alike():
    one, other = sessions().seal(KEY), sessions().seal(KEY)
    assert one != other
    assert KEY.encode() not in base64.urlsafe_b64decode(one + "==")
    assert "=" not in one
    assert ";" not in one


def test_a_session_ends_after_an_hour():
    sealed = sessions().seal(KEY)
    assert sessions(now_s=1_000.0 + SESSION_S - 1).credential(sealed) == KEY
    assert sessions(now_s=1_000.0 + SESSION_S).credential(sealed) is None


@given(st.data())
def test_a_session_that_was_changed_is_none(data):
    sealed = sessions().seal(KEY)
    at = data.draw(st.integers(0, len(sealed) - 2))
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    letter = data.draw(st.sampled_from(letters.replace(sealed[at], "")))
    assert sessions().credential(sealed[:at] + letter + sealed[at + 1 :]) is None


@pytest.mark.parametrize("cookie", ["", "x", "====", "\N{PILE OF POO}", "A" * 5_000, "AAAA" * 10])
def test_what_is_no_session_is_none(cookie):
    assert sessions().credential(cookie) is None


def test_another_secret_opens_none_and_makes_other_tokens():
    made = sessions()
    sealed, token = made.seal(KEY), made.form_token("visit", "")
    made.take(b"t" * 32)
    assert made.credential(sealed) is None
    assert not made.is_form_token(token, "visit", "")


def test_a_token_fits_its_visit_and_session_alone():
    made = sessions()
    token = made.form_token("visit", "session")
    assert made.is_form_token(token, "visit", "session")
    for visit, session in (("other", "session"), ("visit", ""), ("visit", "other")):
        assert not made.is_form_token(token, visit, session)
    assert not made.is_form_token(made.form_token("", ""), "", "")
