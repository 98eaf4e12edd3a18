"""Rules: the first that a request meets decides, and says how likely that was."""

import itertools
import random

import numpy as np
import pytest

from serve_app.core.messages import Payload, Request
from serve_app.core.plan import Assignment
from serve_app.core.signature import Column, Output, Signature
from serve_app.core.snapshot import RouteSpec, Variant
from serve_app.errors import ConfigError, InvalidInput
from serve_app.routing import kind_named, route_of

INPUTS = (Column("age", "int64"), Column("country", "string"))
SIGNATURE = Signature(INPUTS, Output("regression"))


def spec(*rules, otherwise="c@1", versions="abc", **settings):
    named = [
        rule if isinstance(rule, dict) else {"when": rule[0], "model": rule[1]} for rule in rules
    ]
    variants = tuple(Variant(f"{name}@1") for name in versions)
    return RouteSpec("rules", variants, {"rules": named, "otherwise": otherwise, **settings})


def router(*rules, draw=None, **more):
    def no_chance():
        raise AssertionError("the key decides")

    route = route_of(spec(*rules, **more)).over(INPUTS)
    return route.router(salt="e", epoch=3, draw=draw or no_chance)


def request(columns=None, keys=None, **headers):
    columns = {"age": [61], "country": ["DE"]} if columns is None else columns
    rows = len(next(iter(columns.values())))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("e", Payload(columns, rows, keys or {}), "r", headers=named)


def test_the_first_rule_that_holds_decides_and_otherwise_is_for_the_rest():
    rules = router(('country == "DE" and age > 60', "a@1"), ("age > 50", "b@1"))
    for age, country, version in ((61, "DE", "a@1"), (61, "FR", "b@1"), (50, "DE", "c@1")):
        plan = rules.plan(request({"age": [age], "country": [country]}))
        assert plan.variants[0] == version


def test_who_a_rule_names_is_followed_by_who_answers_otherwise():
    rules = router(("age > 60", "a@1"), ("age > 50", "c@1"))
    assert rules.plan(request()).variants == ("a@1", "c@1")
    assert rules.plan(request({"age": [55]})).variants == ("c@1",)
    assert rules.plan(request({"age": [1]})).variants == ("c@1",)


def test_the_place_and_the_name_of_the_rule_are_recorded():
    rules = router({"when": "age > 60", "model": "a@1", "name": "seniors"}, ("age > 50", "b@1"))
    assignments = [rules.plan(request({"age": [age]})).assignment for age in (61, 51, 1)]
    assert assignments == [
        Assignment("rules", "e", 0, "seniors"),
        Assignment("rules", "e", 1, "rule-2"),
        Assignment("rules", "e", 2, "otherwise"),
    ]
    plan = rules.plan(request())
    assert (plan.epoch, plan.propensity) == (3, None)


def test_an_alias_stands_for_the_version_that_it_names():
    variants = (Variant("a@7", alias="champion"), Variant("c@1"))
    settings = {"rules": [{"when": "age > 60", "model": "a@champion"}], "otherwise": "c@1"}
    route = route_of(RouteSpec("rules", variants, settings)).over(INPUTS)
    plan = route.router(salt="e", epoch=0, draw=float).plan(request())
    assert plan.variants == ("a@7", "c@1")


def test_all_rows_of_a_request_go_one_way():
    rules = router(("age > 60", "a@1"))
    ages = {"age": [61, 62, 70], "country": ["DE", "FR", None]}
    assert rules.plan(request(ages)).variants[0] == "a@1"
    with pytest.raises(InvalidInput, match=r"by 'age' the rule 'rule-1' holds for row 0 and not "
                       "for row 2") as refused:  # fmt: skip
        rules.plan(request({"age": [61, 70, 60]}))
    assert refused.value.details == {"columns": ["age"]}


def test_rows_need_not_agree_on_what_no_rule_reads():
    rules = router(('header("x-tier") == "gold"', "a@1"))
    assert rules.plan(request({"age": [1, 99]}, x_tier="gold")).variants[0] == "a@1"


def test_a_request_without_rows_is_answered_otherwise():
    assert router(("age > 60", "a@1")).plan(request({"age": []})).variants == ("c@1",)


def test_a_share_of_the_keys_goes_one_way_always_the_same_ones():
    rules = router(('share("ramp-1") < 0.1', "a@1"), key="user")
    plans = [rules.plan(request(keys={"user": f"user-{n}"})) for n in range(20_000)]
    chosen = np.array([plan.variants[0] == "a@1" for plan in plans])
    # Three standard deviations of a share of 0.1 of 20,000 are 0.0064.
    assert chosen.mean() == pytest.approx(0.1, abs=0.0064)
    assert {plan.propensity for plan in plans} == {0.1, 0.9}
    assert all((plan.propensity == 0.1) == one for plan, one in zip(plans, chosen, strict=True))
    again = [rules.plan(request(keys={"user": f"user-{n}"})) for n in range(20_000)]
    assert again == plans


def test_a_ramp_only_adds_keys_and_shares_of_other_names_are_others():
    def chosen(share, name="ramp-1"):
        rules = router((f'share("{name}") < {share}', "a@1"), key="user")
        users = range(5_000)
        return {n for n in users if rules.plan(request(keys={"user": n})).variants[0] == "a@1"}

    steps = [chosen(share) for share in (0, 0.01, 0.1, 0.5, 1)]
    assert all(less <= more for less, more in itertools.pairwise(steps))
    assert (len(steps[0]), len(steps[-1])) == (0, 5_000)
    both = len(chosen(0.5) & chosen(0.5, "ramp-2")) / 5_000
    # Three standard deviations of a share of 0.25 of 5,000 are 0.018.
    assert both == pytest.approx(0.25, abs=0.018)


def test_without_a_key_chance_decides_a_share():
    rules = router(('share("ramp") < 0.1', "a@1"), draw=random.Random(1).random)
    chosen = [rules.plan(request()).variants[0] for _ in range(20_000)]
    # Three standard deviations of a share of 0.1 of 20,000 are 0.0064.
    assert chosen.count("a@1") / 20_000 == pytest.approx(0.1, abs=0.0064)


@pytest.mark.parametrize(
    ("country", "expected"),
    [
        # a answers for a fifth; of the others, b for the Germans below a half of the other share.
        ("DE", {"a@1": 0.2, "b@1": 0.8 * 0.5, "c@1": 0.8 * 0.5}),
        ("FR", {"a@1": 0.2, "c@1": 0.8}),
    ],
)
def test_the_propensity_is_how_often_a_request_like_this_goes_there(country, expected):
    rules = router(
        ('share("first") < 0.2', "a@1"),
        ('country == "DE" and share("second") < 0.5', "b@1"),
        key="user",
    )
    counts = {}
    for n in range(10_000):
        asked = request({"age": [1], "country": [country]}, {"user": n})
        plan = rules.plan(asked)
        assert plan.propensity == pytest.approx(expected[plan.variants[0]])
        counts[plan.variants[0]] = counts.get(plan.variants[0], 0) + 1
    for version, share in expected.items():
        # Four standard deviations of a share of a half of 10,000 are 0.02.
        assert counts[version] / 10_000 == pytest.approx(share, abs=0.02)


def test_a_decision_that_no_share_changes_was_certain():
    rules = router(("age > 60", "a@1"), ('share("ramp") < 0.5', "b@1"), key="user")
    assert rules.plan(request(keys={"user": 1})).propensity == 1.0


def problems(*rules, **more):
    return list(route_of(spec(*rules, **more)).misfits(SIGNATURE))


def test_rules_that_fit_have_no_problems():
    assert problems(('country == "DE" and age > 60', "a@1"), ("true", "b@1")) == []


@pytest.mark.parametrize(
    ("rules", "path", "words"),
    [
        ([("agee > 60", "a@1")], ("rules", 0, "when"), "did you mean 'age'"),
        ([("true", "a@1"), ("age > 1", "b@1")], ("rules", 1, "when"), "never reached"),
        ([("age > 60 and age < 50", "a@1")], ("rules", 0, "when"), "no request can match"),
        ([('age > "x"', "a@1")], ("rules", 0, "when"), "at character 7"),
        ([("age >", "a@1")], ("rules", 0, "when"), "ends too early"),
    ],
)
def test_each_rule_that_does_not_fit_is_told_where_it_stands(rules, path, words):
    ((found, message),) = problems(*rules)
    assert found == path
    assert words in message


def test_a_key_that_names_nothing_is_refused():
    ((path, message),) = problems(("age > 1", "a@1"), key="header:")
    assert path == ("key",)
    assert "names nothing" in message


def test_too_many_shares_are_refused_before_requests_wait_for_them():
    rules = [(f'share("s{n}") < 0.5', "a@1") for n in range(9)]
    (found,) = problems(*rules)
    assert found[0] == ("rules",)
    with pytest.raises(ConfigError, match="more than 256 combinations"):
        router(*rules)


def test_a_rule_that_names_no_variant_is_refused():
    with pytest.raises(ConfigError, match="names z@1, which is no variant; there are a@1"):
        router(("true", "z@1"))


def test_rules_have_no_weights():
    with pytest.raises(InvalidInput, match="rules decide who answers 'e', and no weights"):
        route_of(spec(("true", "a@1"))).with_weights({"a@1": 1}, endpoint="e")


def test_lists_tell_of_them():
    listed = route_of(spec(("true", "a@1"), key="user")).listed()
    assert (listed["route"], listed["key"], listed["summary"]) == ("rules", "user", "rules: 1")
    assert kind_named("rules").settings == "serve_app.config.route_rules:RulesRoute"
