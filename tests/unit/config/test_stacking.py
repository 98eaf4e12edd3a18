"""What a stack may say of its meta-model and members."""

import pytest
from pydantic import ValidationError

from serve_app.config import EndpointSettings
from serve_app.config.stacking import MetaSettings

TWO = [{"model": "a@1"}, {"model": "b@2"}]


def route(**more):
    body = {"kind": "ensemble", "combine": "stack", "meta": "stacker@1", "variants": TWO, **more}
    return EndpointSettings.model_validate({"route": body}).route


def test_a_reference_alone_names_the_meta_model():
    assert route().meta_model() == MetaSettings(model="stacker@1")
    whole = route(meta="stacker@champion", meta_placement="inline").meta_model()
    assert (whole.model, whole.placement) == ("stacker@champion", "inline")


@pytest.mark.parametrize(
    ("own", "members", "is_inline"),
    [
        (None, "inline", True),
        (None, "replicas", False),
        ("inline", "replicas", True),
        ("replicas", "inline", False),
    ],
)
def test_without_a_placement_it_computes_where_the_members_do(own, members, is_inline):
    assert MetaSettings(model="m@1", placement=own).is_inline(members) is is_inline


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"meta": None}, "combine: stack needs meta"),
        ({"meta": "stacker"}, "write model@number"),
        ({"meta_placement": "gateway"}, "meta_placement"),
        ({"combine": "mean"}, "meta belongs to combine: stack, and this is combine: mean"),
        ({"combine": "vote", "meta": None, "with_columns": ["age"]}, "with_columns belongs to"),
        ({"variants": TWO[:1]}, "two variants or more"),
        ({"variants": [{"model": "a@1", "weight": 3}, *TWO[1:]]}, "take their weights out"),
        ({"quorum": 1}, "take quorum out"),
        ({"with_columns": ["age", "age"]}, "'age' stands twice"),
    ],
)
def test_what_no_stack_can_be_is_refused_in_words(changes, words):
    with pytest.raises(ValidationError, match=words):
        route(**changes)


def test_other_ensembles_need_no_meta_model():
    assert route(combine="mean", meta=None).meta_model() is None
