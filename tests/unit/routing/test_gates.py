"""Who is in an experiment: coverage only adds, layers exclude, a holdout is in none."""

import dataclasses
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


RULES = {"rules": [{"when": 'share("part") < 0.7', "model": "b@1"}], "otherwise": "a@1"}
LINEAR = {"features": ["x"], "arms": {
    arm: {"decisions": 50, "reward": 25.0 + at, "outer": [[50.0, 0.0], [0.0, 9.0]],
          "weighted": [25.0 + at, 1.0]}
    for at, arm in enumerate(("a@1", "b@1"))
}}  # fmt: skip
OF_KINDS = {
    "split": RouteSpec("split", spec().variants, {}),
    "canary": RouteSpec("canary", (Variant("a@1", 0.8), Variant("b@1", 0.2)), {}),
    "bandit": RouteSpec("bandit", spec().variants, {"policy": "thompson"}),
    "linucb": RouteSpec(
        "bandit", spec().variants, {"policy": "linucb", "features": ["x"]}, steering=LINEAR
    ),
    "rules": RouteSpec("rules", spec().variants, RULES),
}
"""Each kind that assigns by chance, a contextual bandit that knows something among them."""
kinds = st.sampled_from(sorted(OF_KINDS))


def of_kind(kind, **more):
    route = OF_KINDS[kind]
    return dataclasses.replace(route, settings={**route.settings, "key": "user", **more})


def with_row(user):
    keys = {} if user is None else {"user": user}
    return Request("e", Payload({"x": [1.5]}, 1, keys), "r")


@given(
    st.lists(st.floats(0.02, 0.98), min_size=1, max_size=4, unique=True),
    st.lists(kinds, min_size=5, max_size=5),
    st.floats(0.0, 0.5),
    st.sampled_from(sorted(HASHES)),
    st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=20),
)
def test_a_subject_is_in_at_most_one_experiment_of_a_layer_whatever_their_kinds(
    cuts, chosen, holdout, hashed, users
):
    ends = itertools.pairwise((0.0, *sorted(cuts), 1.0))
    routers = [
        router(of_kind(kind, layer=part(*end, holdout=holdout, hashed=hashed)), f"e-{at}")
        for at, (kind, end) in enumerate(zip(chosen, ends, strict=False))
    ]
    for user in users:
        seen = [one.plan(with_row(user)) for one in routers]
        memberships = sum(map(is_in, seen))
        assert memberships <= 1
        held_out = any(one.assignment.algorithm == "holdout" for one in seen)
        # Parts that leave nothing out hold everybody who is not held out.
        assert memberships == (not held_out)


@pytest.mark.parametrize("kind", OF_KINDS)
def test_outside_of_the_part_everybody_gets_the_baseline_and_records_say_so(kind):
    route = of_kind(kind, layer=part(0.0, 0.4, holdout=0.1))
    decided = router(route)
    seen = [decided.plan(with_row(f"user-{number}")) for number in range(USERS)]
    out = [plan for plan in seen if not is_in(plan)]
    assert sum(map(is_in, seen)) / USERS == pytest.approx(0.9 * 0.4, abs=0.04)
    assert {plan.variants for plan in out} == {("a@1", "b@1")} if kind != "rules" else {("a@1",)}
    assert {(plan.propensity, plan.epoch) for plan in out} == {(1.0, 4)}
    nobody = decided.plan(with_row(None))
    assert (nobody.variants, nobody.propensity) == (out[0].variants, 1.0)
    assert nobody.assignment == Assignment("excluded", "e")


@pytest.mark.parametrize("kind", OF_KINDS)
def test_inside_of_the_part_a_layer_changes_nothing(kind):
    in_part, without = router(of_kind(kind, layer=part(0.3, 0.8))), router(of_kind(kind))
    asked = [with_row(f"user-{number}") for number in range(500)]
    pairs = [(in_part.plan(one), without.plan(one)) for one in asked]
    admitted = [(plan, other) for plan, other in pairs if is_in(plan)]
    assert len(admitted) > 150
    assert all(plan == other for plan, other in admitted)


@pytest.mark.parametrize(
    ("weights", "baseline"), [((0.9, 0.1), "a@1"), ((1.0, 0.0), "a@1"), ((0.0, 1.0), "b@1")]
)
def test_outside_of_a_canarys_part_the_stable_version_answers_until_the_end(weights, baseline):
    variants = tuple(Variant(n, w) for n, w in zip(("a@1", "b@1"), weights, strict=True))
    route = dataclasses.replace(of_kind("canary", layer=part(0.0, 0.5)), variants=variants)
    out = [plan for plan in plans(route, users=400) if not is_in(plan)]
    assert {plan.variants[0] for plan in out} == {baseline}


def test_a_bandits_baseline_may_be_named():
    route = of_kind("bandit", layer=part(0.0, 0.5), baseline="b@1")
    assert {p.variants[0] for p in plans(route, users=200) if not is_in(p)} == {"b@1"}


@pytest.mark.parametrize("kind", OF_KINDS)
def test_no_kind_knows_subjects_without_a_key(kind):
    route = of_kind(kind, layer=part(0.0, 0.5), key=None)
    with pytest.raises(ConfigError, match="no key to know them by"):
        router(route)
