"""Weights that no route can serve are refused with what to write instead."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.errors import ConfigError
from serve_app.routing.weights import checked


@pytest.mark.parametrize(
    ("variants", "said"),
    [
        ([], "no variants; list at least one version"),
        ([("a@1", 1.0), ("a@1", 2.0)], "a@1 stands twice among the variants; give it one weight"),
        ([("a@1", 1.0), ("a@1", 0.0)], "a@1 stands twice"),
        ([("a@1", 1.0), ("b@1", -0.5)], "b@1 has the weight -0.5; write 0 or a finite number"),
        ([("a@1", math.nan)], "a@1 has the weight nan; write"),
        ([("a@1", math.inf), ("b@1", 1.0)], "a@1 has the weight inf; write"),
        ([("a@1", -math.inf)], "a@1 has the weight -inf; write"),
        ([("a@1", 0.0), ("b@1", 0)], "nobody would answer; give one variant a weight above 0"),
        ([("a@1", -0.0)], "nobody would answer"),
    ],
)
def test_what_no_route_can_serve_is_refused_with_what_to_do(variants, said):
    with pytest.raises(ConfigError) as caught:
        checked(variants)
    assert said in caught.value.message


@given(
    st.dictionaries(st.text(min_size=1), st.just(0) | st.floats(1e-9, 1e9), min_size=1).filter(
        lambda weights: any(weights.values())
    )
)
def test_those_of_a_weight_above_zero_are_left_as_they_are_and_in_order(weights):
    kept = [(name, weight) for name, weight in weights.items() if weight > 0]
    assert checked(list(weights.items())) == tuple(kept)


def test_whole_numbers_are_weights_too():
    assert checked([("a@1", 90), ("b@1", 10)]) == (("a@1", 90.0), ("b@1", 10.0))
