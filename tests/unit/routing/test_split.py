"""A/B splits: shares are the weights, and who has been seen stays where they were."""

import itertools
import os
import random
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.messages import Payload, Request
from serve_app.core.plan import Assignment
from serve_app.errors import ConfigError
from serve_app.routing.rendezvous import ranked, score
from serve_app.routing.split import SplitRouter

USERS = 100_000


def chosen(weights, users=USERS, salt="e"):
    variants = list(weights.items())
    return [ranked(variants, salt=salt, key=f"user-{user}")[0] for user in range(users)]


def shares(answers):
    counts = Counter(answers)
    return {name: count / len(answers) for name, count in counts.items()}


def request(**keys):
    return Request("e", Payload({"x": [1.0]}, 1, keys), "r")


def test_ninety_to_ten_means_ninety_to_ten():
    found = shares(chosen({"a@1": 90, "b@1": 10}))
    # Three standard deviations of a share of 0.1 of 100,000 are 0.0028.
    assert found["b@1"] == pytest.approx(0.1, abs=0.003)


def test_only_those_move_who_must():
    before = chosen({"a": 0.34, "b": 0.33, "c": 0.33})
    after = chosen({"a": 0.5, "b": 0.25, "c": 0.25})
    moved = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert len(moved) / USERS == pytest.approx(0.16, abs=0.005)
    assert {new for _, new in moved} == {"a"}


def test_a_new_arm_takes_its_share_from_all_and_moves_nobody_else():
    before = chosen({"a": 1, "b": 1}, 20_000)
    after = chosen({"a": 1, "b": 1, "c": 1}, 20_000)
    moved = {new for old, new in zip(before, after, strict=True) if old != new}
    assert moved == {"c"}
    assert shares(after)["c"] == pytest.approx(1 / 3, abs=0.01)


def test_an_arm_that_leaves_leaves_all_others_where_they_are():
    before = chosen({"a": 1, "b": 2, "c": 1}, 20_000)
    after = chosen({"a": 1, "b": 2, "c": 0}, 20_000)
    assert all(new == old for old, new in zip(before, after, strict=True) if old != "c")


def test_weights_count_by_their_proportions_alone():
    assert chosen({"a": 90, "b": 10}, 5000) == chosen({"a": 0.9, "b": 0.1}, 5000)


def test_two_endpoints_split_the_same_users_independently():
    one, other = (chosen({"a": 1, "b": 1}, 20_000, salt=salt) for salt in ("one", "two"))
    alike = sum(x == y for x, y in zip(one, other, strict=True)) / len(one)
    assert alike == pytest.approx(0.5, abs=0.02)


SCRIPT = """
from serve_app.routing.rendezvous import ranked
variants = [("a@1", 50.0), ("b@1", 30.0), ("c@1", 20.0)]
print([ranked(variants, salt="e", key=str(user)) for user in range(300)])
"""


def test_every_process_and_hash_seed_agrees():
    def said(seed):
        return subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout

    assert said("0") == said("1") == said("random")


def test_assignments_are_those_of_last_year():
    # Written down once: to change them would move the users of every running experiment.
    variants = [("a@1", 50.0), ("b@1", 30.0), ("c@1", 20.0)]
    found = "".join(ranked(variants, salt="e", key=str(user))[0][0] for user in range(40))
    assert found == "cccacaaaaaaabcacaabaaabcaacbacbbcaacccba"


@given(
    st.lists(st.floats(0.01, 100), min_size=1, max_size=5),
    st.text(max_size=20),
    st.randoms(use_true_random=False),
)
def test_the_order_in_which_variants_are_listed_is_nothing(weights, key, rng):
    variants = [(f"v{index}@1", weight) for index, weight in enumerate(weights)]
    turned = variants.copy()
    rng.shuffle(turned)
    assert ranked(variants, salt="e", key=key) == ranked(turned, salt="e", key=key)


@given(st.floats(0.001, 1e6), st.text(), st.text(), st.text())
def test_scores_are_positive_and_grow_with_the_weight(weight, salt, key, variant):
    low = score(variant, weight, salt=salt, key=key)
    assert 0 < low < score(variant, weight * 2, salt=salt, key=key)


class TestWithoutAKey:
    def split(self, draws, key=None, **weights):
        drawn = iter(draws)
        variants = list(weights.items())
        return SplitRouter(variants, key=key, salt="e", draw=lambda: next(drawn))

    def test_chance_decides_in_proportion_to_the_weights(self):
        rng = random.Random(5)
        split = self.split(iter(rng.random, None), a=90, b=10)
        found = shares([split.plan(request()).variants[0] for _ in range(20_000)])
        assert found["b"] == pytest.approx(0.1, abs=0.01)

    def test_the_borders_between_variants_are_where_the_weights_say(self):
        split = self.split([0.0, 0.8999, 0.9, 0.999999], a=90, b=10)
        found = [split.plan(request()).variants[0] for _ in range(4)]
        assert found == ["a", "a", "b", "b"]

    def test_a_request_without_the_key_is_given_to_chance(self):
        split = self.split([0.0, 0.95], key="user", a=90, b=10)
        assert [split.plan(request()).variants[0] for _ in range(2)] == ["a", "b"]

    def test_the_others_follow_by_weight_for_when_the_first_cannot(self):
        split = self.split([0.0], a=1, b=2, c=3)
        assert split.plan(request()).variants == ("a", "c", "b")

    def test_a_plan_says_how_likely_it_was_and_how_it_came(self):
        split = self.split([0.5, 0.95], key="user", a=90, b=10)
        by_chance = [split.plan(request()) for _ in range(2)]
        assert [plan.propensity for plan in by_chance] == [0.9, 0.1]
        assert {plan.assignment for plan in by_chance} == {Assignment("random", "e")}
        by_key = {split.plan(request(user=user)) for user in range(200)}
        assert {plan.assignment for plan in by_key} == {Assignment("rendezvous", "e")}
        assert {plan.variants[0]: plan.propensity for plan in by_key} == {"a": 0.9, "b": 0.1}
        assert {plan.epoch for plan in (*by_chance, *by_key)} == {0}

    @pytest.mark.parametrize("count", [2, 4, 5, 9])
    def test_plans_by_key_are_the_ranking_whether_they_stand_ready_or_not(self, count):
        variants = [(f"v{number}@1", number + 1.0) for number in range(count)]
        split = SplitRouter(variants, key="user", salt="e", draw=itertools.count, epoch=7)
        total = sum(weight for _, weight in variants)
        for user in range(100):
            plan = split.plan(request(user=user))
            assert plan.variants == ranked(variants, salt="e", key=str(user))
            assert plan.propensity == dict(variants)[plan.variants[0]] / total
            assert plan.epoch == 7

    def test_a_key_needs_no_chance(self):
        split = self.split([], key="user", a=1, b=1)
        plans = {split.plan(request(user=7)) for _ in range(10)}
        assert len(plans) == 1


@pytest.mark.parametrize("key", ["", "  ", "header:", "header: "])
def test_a_key_that_names_nothing_is_refused(key):
    with pytest.raises(ConfigError, match="names nothing"):
        SplitRouter([("a", 1.0)], key=key, salt="e", draw=itertools.count)
