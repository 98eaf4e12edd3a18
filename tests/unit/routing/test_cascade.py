"""Cascades: in which order stages are asked, and how sure each must be of which class."""

import re

import pytest

from serve_app.core.plan import Plan
from serve_app.core.signature import Output, Signature
from serve_app.core.snapshot import RouteSpec, Variant
from serve_app.errors import InvalidInput
from serve_app.routing import route_of

CLASSES = Output("classification", ("no", "yes"), probabilities=True)


def spec(*sure, labels=("no", "yes")):
    stages = [{"model": f"{name}@1", "sure": one} for name, one in zip("abc", sure, strict=False)]
    stages.append({"model": "z@1", "sure": None})
    variants = tuple(Variant(stage["model"], labels=labels) for stage in reversed(stages))
    return RouteSpec("cascade", variants, {"stages": stages})


class Ways:
    def in_stages(self, sure):
        return sure


def thresholds(one, labels=("no", "yes")):
    return route_of(spec(one, labels=labels)).ask(Ways())["a@1"]


def problems(*sure, output=CLASSES):
    return list(route_of(spec(*sure)).misfits(Signature((), output)))


def test_stages_are_asked_in_the_order_in_which_they_are_written():
    router = route_of(spec(0.9, 0.8)).router(salt="e", epoch=3, draw=float)
    assert router.plan(None) == Plan(("a@1", "b@1", "z@1"), epoch=3)


def test_one_threshold_is_for_all_classes_and_the_last_stage_has_none():
    sure = route_of(spec(0.9)).ask(Ways())
    assert sure == {"a@1": {"no": 0.9, "yes": 0.9}, "z@1": {}}


@pytest.mark.parametrize(
    ("sure", "labels", "expected"),
    [
        ({"yes": 0.95, "no": 0.8}, ("no", "yes"), {"yes": 0.95, "no": 0.8}),
        # YAML reads yes and no as truth values.
        ({"true": 0.95, "false": 0.8}, ("no", "yes"), {"yes": 0.95, "no": 0.8}),
        ({"true": 0.95}, (False, True), {True: 0.95}),
        ({"0": 0.9, "1": 0.8}, (0, 1), {0: 0.9, 1: 0.8}),
        ({"1": 0.8}, (0.0, 1.0), {1.0: 0.8}),
    ],
)
def test_thresholds_are_by_class_however_it_is_written(sure, labels, expected):
    assert thresholds(sure, labels) == expected


def test_an_alias_stands_for_the_version_that_it_names():
    variants = (Variant("z@1", labels=("no", "yes")), Variant("a@7", alias="champion"))
    stages = [{"model": "a@champion", "sure": 0.9}, {"model": "z@1"}]
    route = route_of(RouteSpec("cascade", variants, {"stages": stages}))
    assert route.router(salt="e", epoch=0, draw=float).plan(None).variants == ("a@7", "z@1")


def test_stages_that_fit_have_no_problems():
    assert problems(0.9, {"yes": 0.95}) == []


@pytest.mark.parametrize(
    ("sure", "words"),
    [
        ({"maybe": 0.9}, "there is no class 'maybe'; there are no, yes"),
        (0.5, "the likeliest has at least 0.5, so the stage would be sure of every row"),
        ({"yes": 0.4, "no": 0.5}, "would be sure of every row"),
    ],
)
def test_thresholds_that_decide_nothing_are_told_where_they_stand(sure, words):
    ((path, message),) = problems(0.9, sure)
    assert path == ("stages", 1, "sure")
    assert words in message


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (Output("regression"), "a cascade needs classes.*give regression.*kind: rules"),
        (Output("classification", ("no", "yes")), "a cascade needs probabilities"),
    ],
)
def test_what_says_nothing_of_how_sure_it_is_is_refused_in_words(output, words):
    ((path, message),) = problems(0.9, output=output)
    assert path == ("stages",)
    assert re.search(words, message)


def test_a_cascade_has_no_weights():
    with pytest.raises(InvalidInput, match="no weights; change `sure` in the config"):
        route_of(spec(0.9)).with_weights({"a@1": 1}, endpoint="e")


def test_lists_tell_of_it():
    listed = route_of(spec(0.9)).listed()
    assert (listed["route"], listed["summary"]) == ("cascade", "cascade: a@1, z@1")
