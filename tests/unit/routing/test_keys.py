"""One user has one key, however and wherever a client writes it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.messages import MISSING, Payload, Request
from serve_app.errors import ConfigError, InvalidInput
from serve_app.routing.keys import check, find


def request(columns=None, keys=None, **headers):
    columns = columns or {"x": [1.0]}
    rows = len(next(iter(columns.values())))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("e", Payload(columns, rows, keys or {}), "r", headers=named)


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (1, "1"),
        (1.0, "1"),
        ("1", "1"),
        (np.int64(1), "1"),
        (np.float64(1.0), "1"),
        ("01", "01"),
        (1.5, "1.5"),
        (10**30, str(10**30)),
        (True, "true"),
        ("true", "true"),
        (False, "false"),
        (np.str_("p"), "p"),
        ("ünï", "ünï"),
        (0, "0"),
        (None, None),
        ("", None),
        (float("nan"), None),
        (MISSING, None),
    ],
)
def test_a_value_is_the_same_user_in_whatever_type_it_comes(value, key):
    assert find(request(keys={"user": value}), "user") == key
    assert find(request(columns={"user": [value]}), "user") == key


@given(st.integers(-(2**53), 2**53))
def test_integers_are_the_same_user_as_floats_and_text(number):
    said = {find(request(keys={"user": v}), "user") for v in (number, float(number), str(number))}
    assert len(said) == 1


@pytest.mark.parametrize("value", [[1], {"a": 1}, (1,)])
def test_a_list_or_an_object_is_no_key(value):
    with pytest.raises(InvalidInput, match="user"):
        find(request(keys={"user": value}), "user")


@pytest.mark.parametrize("header", ["user_id", "x_user_id"])
def test_a_key_may_come_in_a_header_of_its_name(header):
    assert find(request(**{header: "p-1"}), "user_id") == "p-1"
    assert find(request(**{header: ""}), "user_id") is None


def test_a_key_of_a_header_is_looked_for_nowhere_else():
    named = "header:X-Session"
    assert find(request(x_session="s"), named) == "s"
    assert find(request(keys={"x-session": "s"}, columns={"x-session": ["s"]}), named) is None


def test_the_body_comes_before_headers_and_headers_before_rows():
    columns = {"user": ["row"]}
    assert find(request(columns, {"user": "body"}, user="header"), "user") == "body"
    assert find(request(columns, user="header"), "user") == "header"
    assert find(request(columns), "user") == "row"


def test_rows_of_one_user_have_one_key():
    assert find(request({"user": [7, 7.0, "7"]}), "user") == "7"
    assert find(request({"user": np.array([7, 7])}), "user") == "7"


def test_rows_of_several_users_are_refused():
    with pytest.raises(InvalidInput, match="3"):
        find(request({"user": [1, 2, None]}), "user")


def test_a_request_without_the_key_has_none():
    assert find(request(), "user") is None
    assert find(request({"user": []}), "user") is None


def test_a_user_is_one_in_the_body_in_a_header_and_in_the_rows():
    found = [
        find(request(keys={"user_id": 1}), "user_id"),
        find(request(keys={"user_id": 1.0}), "user_id"),
        find(request(keys={"user_id": "1"}), "user_id"),
        find(request(user_id="1"), "user_id"),
        find(request(x_user_id="1"), "user_id"),
        find(request(x_user_id="1"), "header:x-user-id"),
        find(request({"user_id": np.array([1.0, 1.0])}), "user_id"),
    ]
    assert set(found) == {"1"}


@pytest.mark.parametrize("empty", [None, "", float("nan")])
def test_a_key_that_the_body_leaves_empty_is_looked_for_further(empty):
    assert find(request(keys={"user": empty}, user="header"), "user") == "header"
    assert find(request({"user": ["row"]}, keys={"user": empty}), "user") == "row"


@pytest.mark.parametrize("value", [-0.0, 0.0, 0, "0"])
def test_zero_is_a_user_and_has_no_sign(value):
    assert find(request(keys={"user": value}), "user") == "0"


def test_a_refused_key_is_named():
    with pytest.raises(InvalidInput) as caught:
        find(request(keys={"user": {"id": 1}}), "user")
    assert caught.value.details == {"key": "user"}
    assert "must be text or a number, got a dict" in caught.value.message


@pytest.mark.parametrize("name", ["user", "header:x-user", "header: x-user "])
def test_the_name_of_a_field_or_header_is_a_key(name):
    check(name)


@pytest.mark.parametrize("name", ["", " ", "header:", "header:  "])
def test_a_name_that_names_nothing_is_refused_with_what_to_write(name):
    with pytest.raises(ConfigError, match="write the name of a field, such as patient_id"):
        check(name)
