"""Who is in an experiment: coverage only adds, layers exclude, a holdout is in none."""

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.messages import Payload, Request
from serve_app.core.plan import Assignment
from serve_app.core.snapshot import RouteSpec, Variant
from serve_app.errors import ConfigError, InvalidInput
from serve_app.routing import route_of
from serve_app.routing.hashing import HASHES

USERS = 4_000
OUT = ("excluded", "holdout")
TWO = (("a", 50.0), ("b", 50.0))


def spec(variants=TWO, **settings):
    named = tuple(Variant(f"{name}@1", weight) for name, weight in variants)
    return RouteSpec("split", named, {"key": "user", **settings})


def router(route, name="e"):
    return route_of(route).router(salt=name, epoch=4, draw=lambda: 0.5)


def request(user=None):
    return Request("e", Payload({}, 1, {} if user is None else {"user": user}), "r")


def plans(route, name="e", users=USERS):
    decided = router(route, name)
    return [decided.plan(request(f"user-{number}")) for number in range(users)]


def is_in(plan):
    return plan.assignment.algorithm not in OUT


def part(start, end, *, holdout=0.0, name="ranking", hashed="blake2b"):
    return {
        "name": name,
        "seed": name,
        "hash": hashed,
        "holdout": holdout,
        "from": start,
        "to": end,
    }


@pytest.mark.parametrize("hashed", HASHES)
def test_nobody_changes_arms_on_a_ramp_of_the_coverage(hashed):
    ramp = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0)
    steps = [
        plans(spec(assignment={"hash": hashed, "coverage": coverage}), users=2_000)
        for coverage in ramp
    ]
    for coverage, step in zip(ramp, steps, strict=True):
        share = sum(map(is_in, step)) / len(step)
        assert share == pytest.approx(coverage, abs=5 * (0.25 / len(step)) ** 0.5)
    assert not any(map(is_in, steps[0]))
    assert all(map(is_in, steps[-1]))
    for before, after in itertools.pairwise(steps):
        for old, new in zip(before, after, strict=True):
            if is_in(old):
                assert is_in(new)
                assert new.variants[0] == old.variants[0]


@pytest.mark.parametrize("hashed", ["blake2b", "growthbook-v1", "optimizely", "eppo"])
def test_nobody_is_in_two_experiments_of_a_layer(hashed):
    cuts = (0.0, 0.3, 0.5, 1.0)
    experiments = [
        plans(spec(layer=part(start, end, holdout=0.05, hashed=hashed)), name)
        for name, (start, end) in zip("efg", itertools.pairwise(cuts), strict=True)
    ]
    memberships = [sum(map(is_in, one)) for one in zip(*experiments, strict=True)]
    assert set(memberships) <= {0, 1}
    held_out = [one[0].assignment.algorithm == "holdout" for one in zip(*experiments, strict=True)]
    # Who is held out of one is held out of all, and nobody else is in none.
    assert [n == 0 for n in memberships] == held_out
    assert sum(held_out) / USERS == pytest.approx(0.05, abs=0.015)
    for experiment, (start, end) in zip(experiments, itertools.pairwise(cuts), strict=True):
        share = sum(map(is_in, experiment)) / USERS
        assert share == pytest.approx(0.95 * (end - start), abs=0.035)


@given(st.floats(0.01, 0.99), st.text(min_size=1, max_size=12))
def test_a_cut_anywhere_gives_every_subject_to_one_side(cut, user):
    sides = [router(spec(layer=part(*ends))) for ends in ((0.0, cut), (cut, 1.0))]
    assert sum(is_in(one.plan(request(user))) for one in sides) == 1


def test_a_part_of_a_layer_has_nothing_to_do_with_the_arms_in_it():
    arms = Counter(
        plan.variants[0] for plan in plans(spec(layer=part(0.0, 0.5)), users=8_000) if is_in(plan)
    )
    assert arms["a@1"] / arms.total() == pytest.approx(0.5, abs=0.04)


def test_who_is_in_none_gets_the_baseline_and_records_say_so():
    layer = part(0.0, 0.5, holdout=0.2)
    route = spec((("a", 10.0), ("b", 30.0), ("c", 60.0)), baseline="b@1", layer=layer)
    seen = plans(route)
    out = [plan for plan in seen if not is_in(plan)]
    assert {plan.variants for plan in out} == {("b@1", "c@1", "a@1")}
    assert {(plan.propensity, plan.epoch) for plan in seen if not is_in(plan)} == {(1.0, 4)}
    kinds = {(plan.assignment.algorithm, plan.assignment.salt) for plan in out}
    assert kinds == {("holdout", "ranking/holdout"), ("excluded", "ranking")}
    assert all(0 <= plan.assignment.bucket < 1_000_000 for plan in out)
    shares = {plan.variants[0]: plan.propensity for plan in seen if is_in(plan)}
    assert shares == {"a@1": 0.1, "b@1": 0.3, "c@1": 0.6}


def test_the_baseline_is_the_first_variant_that_answers_where_none_is_named():
    variants = (("a", 0.0), ("b", 1.0), ("c", 5.0))
    out = plans(spec(variants, assignment={"coverage": 0.0}), users=50)
    assert {plan.variants[0] for plan in out} == {"b@1"}


def test_a_request_without_the_key_is_in_no_experiment():
    plan = router(spec(assignment={"coverage": 0.5})).plan(request())
    assert plan.variants == ("a@1", "b@1")
    assert (plan.propensity, plan.assignment) == (1.0, Assignment("excluded", "e"))


def test_records_tell_hash_seed_bucket_propensity_and_epoch():
    settings = {"hash": "growthbook-v2", "seed": "checkout"}
    # The published hash of ("seed", "a") is 0.0505, so the first of two arms.
    plan = router(spec(assignment={"hash": "growthbook-v2", "seed": "seed"})).plan(request("a"))
    assert plan.variants[0] == "a@1"
    assert plan.assignment == Assignment("growthbook-v2", "seed", 505)
    assert (plan.propensity, plan.epoch) == (0.5, 4)
    assert {one.assignment.salt for one in plans(spec(assignment=settings), users=9)} == {
        "checkout"
    }


def test_another_version_of_the_salt_assigns_anew():
    first, again = (plans(spec(assignment={"salt_version": n})) for n in (0, 1))
    alike = sum(x.variants == y.variants for x, y in zip(first, again, strict=True)) / USERS
    assert alike == pytest.approx(0.5, abs=0.04)
    assert {one.assignment.salt for one in again} == {"e/1"}


def test_a_named_seed_makes_two_endpoints_assign_alike():
    assignment = {"seed": "one experiment"}
    assert plans(spec(assignment=assignment), "e") == plans(spec(assignment=assignment), "f")


def test_without_a_key_there_are_no_subjects():
    route = RouteSpec("split", spec().variants, {"assignment": {"hash": "eppo"}})
    with pytest.raises(ConfigError, match="no key to know them by"):
        router(route)


@pytest.mark.parametrize(
    ("baseline", "words"), [("c@1", "no variant of this route"), ("b@1", "must be above 0")]
)
def test_a_baseline_answers(baseline, words):
    route = spec((("a", 1.0), ("b", 0.0)), baseline=baseline, layer=part(0.0, 1.0))
    assert [(key, words in message) for key, message in route_of(route).problems(None)] == [
        ("baseline", True)
    ]


def test_the_baseline_keeps_a_weight():
    route = spec(baseline="a@1", layer=part(0.0, 1.0))
    with pytest.raises(InvalidInput, match="a@1 is the baseline"):
        route_of(route).with_weights({"a@1": 0.0}, endpoint="e")
    assert route_of(route).with_weights({"b@1": 0.0}, endpoint="e").weights["b@1"] == 0
