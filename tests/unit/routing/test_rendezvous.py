"""Who answers for a key: each by weight, and nobody moves without a reason."""

import itertools
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from serve_app.routing.rendezvous import ranked, score

WEIGHT = st.floats(0.01, 100)
KEYS = [f"user-{user}" for user in range(300)]


def named(weights):
    return [(f"v{index}@1", weight) for index, weight in enumerate(weights)]


def first(weights, key, salt="e"):
    return ranked(named(weights), salt=salt, key=key)[0]


@given(st.lists(st.tuples(WEIGHT, WEIGHT), min_size=2, max_size=5))
def test_a_key_moves_only_to_an_arm_that_gained_on_the_one_it_leaves(changes):
    before, after = zip(*changes, strict=True)
    grown = {f"v{index}@1": new / old for index, (old, new) in enumerate(changes)}
    for key in KEYS:
        left, joined = first(before, key), first(after, key)
        assert joined == left or grown[joined] > grown[left]


@given(st.lists(WEIGHT, min_size=1, max_size=4), WEIGHT)
def test_a_new_arm_takes_keys_and_moves_none_between_the_others(weights, new):
    for key in KEYS:
        assert first([*weights, new], key) in {f"v{len(weights)}@1", first(weights, key)}


@given(st.lists(WEIGHT, min_size=2, max_size=5))
def test_whoever_comes_second_answers_when_the_first_is_gone(weights):
    for key in KEYS[:50]:
        order = ranked(named(weights), salt="e", key=key)
        left = [variant for variant in named(weights) if variant[0] != order[0]]
        assert ranked(left, salt="e", key=key) == order[1:]


@given(st.lists(st.sampled_from([0.0, 1.0, 5.0]), max_size=6))
def test_all_of_a_weight_above_zero_are_ranked_once_and_no_others(weights):
    found = ranked(named(weights), salt="e", key="k")
    assert sorted(found) == [name for name, weight in named(weights) if weight > 0]


@given(st.lists(WEIGHT, min_size=1, max_size=5), st.sampled_from([0.25, 2.0, 1024.0]))
def test_only_proportions_count(weights, factor):
    scaled = [weight * factor for weight in weights]
    for key in KEYS[:50]:
        assert first(weights, key) == first(scaled, key)


@pytest.mark.parametrize("weights", [(1.0, 1e-6), (1e-300, 1e-306), (1e300, 1e294)])
def test_weights_far_from_one_share_as_they_say(weights):
    found = [first(weights, f"user-{user}") for user in range(2000)]
    # One in a million: of 2,000 users, none with a probability of 99.8 %.
    assert set(found) == {"v0@1"}


def test_salt_key_and_name_are_kept_apart():
    fields = [("a", "bc", "d"), ("ab", "c", "d"), ("a", "b", "cd"), ("", "abc", "d")]
    scores = {score(variant, 1.0, salt=salt, key=key) for salt, key, variant in fields}
    assert len(scores) == len(fields)


@given(st.text(max_size=6), st.text(max_size=6), st.text(max_size=6), st.text(max_size=6))
def test_another_key_or_salt_is_another_score(salt, key, other_salt, other_key):
    assume((salt, key) != (other_salt, other_key))
    one = score("a@1", 1.0, salt=salt, key=key)
    assert one != score("a@1", 1.0, salt=other_salt, key=other_key)


@pytest.mark.parametrize("key", ["", "ünï", "病人", "\x00", "\ud800", "k" * 10_000])
def test_any_text_is_a_key(key):
    found = score("a@1", 1.0, salt="e", key=key)
    assert found > 0
    assert math.isfinite(found)


def test_the_second_choices_of_those_who_leave_are_shared_by_weight():
    order = [ranked(named((6, 3, 1)), salt="e", key=f"user-{user}") for user in range(20_000)]
    seconds = [rest[0] for leaves, *rest in order if leaves == "v0@1"]
    # Three standard deviations of a share of 0.25 of some 12,000 are 0.012.
    assert seconds.count("v2@1") / len(seconds) == pytest.approx(0.25, abs=0.012)


def test_neighbouring_keys_are_no_closer_than_others():
    found = [first((1, 1), str(number)) for number in range(20_000)]
    same = sum(one == other for one, other in itertools.pairwise(found)) / len(found)
    assert same == pytest.approx(0.5, abs=0.011)
