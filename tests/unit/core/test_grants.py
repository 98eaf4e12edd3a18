"""What scopes grant: an action, on some endpoints."""

import pytest

from serve_app.core.grants import ACTIONS, EVERYTHING, grants_of
from serve_app.errors import InvalidInput


def test_a_scope_is_for_the_endpoints_that_it_names():
    grants = grants_of(["predict:diag*", "feedback:churn"])
    assert grants.allow("predict", "diagnosis")
    assert not grants.allow("predict", "churn")
    assert not grants.allow("feedback", "diagnosis")
    assert grants.allow("feedback", "churn")


def test_endpoints_that_can_be_used_can_be_seen_and_no_others():
    grants = grants_of(["explain:a"])
    assert grants.show("a")
    assert not grants.show("ab")


def test_what_concerns_no_single_endpoint_needs_all_of_them():
    assert grants_of(["admin:keys"]).allow_everywhere("admin:keys")
    assert not grants_of(["admin:weights:a"]).allow_everywhere("admin:weights")
    assert not grants_of(["admin:weights"], ["a"]).allow_everywhere("admin:weights")


@pytest.mark.parametrize(
    ("scope", "granted"),
    [
        ("*", set(ACTIONS)),
        ("read", {one for one in ACTIONS if one.startswith("read:")}),
        ("admin", {one for one in ACTIONS if one.startswith("admin:")}),
        ("admin:keys", {"admin:keys"}),
    ],
)
def test_a_wide_scope_is_every_action_below_it(scope, granted):
    assert {one.action for one in grants_of([scope]).all} == granted


def test_scopes_without_endpoints_keep_to_those_of_the_principal():
    grants = grants_of(["predict", "read:metadata:b-1"], ["a", "b-*"])
    assert grants.allow("predict", "a")
    assert grants.allow("predict", "b-2")
    assert not grants.allow("predict", "c")
    assert grants.allow("read:metadata", "b-1")
    assert not grants.allow("read:metadata", "b-2")


@pytest.mark.parametrize(
    ("scopes", "endpoints", "words"),
    [
        (["predicts"], ["*"], "'predicts' is no scope"),
        (["admin:"], ["*"], "no scope"),
        (["predict:"], ["*"], "fits no endpoint"),
        (["predict:a b"], ["*"], "'a b' fits no endpoint"),
        (["predict"], ["a/b"], "'a/b' fits no endpoint"),
        (["predict:c"], ["a", "b*"], "outside of a, b\\*"),
        (["predict:*"], ["a"], "outside of a"),
    ],
)
def test_what_grants_nothing_is_refused(scopes, endpoints, words):
    with pytest.raises(InvalidInput, match=words):
        grants_of(scopes, endpoints)


def test_a_dot_of_a_pattern_stands_for_itself():
    assert not grants_of(["predict:a.b"]).allow("predict", "axb")


def test_a_pattern_of_many_stars_takes_no_time_on_a_near_miss():
    """With a regular expression of as many `.*` it would not end."""
    assert not grants_of(["predict:" + "*a" * 90]).allow("predict", "a" * 150 + "b")
    assert grants_of(["predict:" + "*a" * 90]).allow("predict", "ba" * 90)


def test_everything_is_every_action_on_every_endpoint():
    assert all(EVERYTHING.allow(action, "any") for action in ACTIONS)
