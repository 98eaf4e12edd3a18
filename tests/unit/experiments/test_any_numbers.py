"""Whatever numbers come in, a result comes out or a refusal in words, and never another error."""

import contextlib
import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve_app.errors import InvalidInput
from serve_app.experiments import best_arm, multiple, off_policy, paired, posterior, quality
from serve_app.experiments import quantile as quantiles
from serve_app.experiments import sample_ratio as ratio

EXTREMES = [0, 1, 2, 3, 0.5, 0.05, 100, 1e-9, 1e-300, 1e9, 1e15, 1e150, 1e308, -1, -0.5, -1e200]
number = st.sampled_from([*EXTREMES, math.nan, math.inf, -math.inf])
few = st.lists(number, max_size=4)
CALLS = {
    "chi_square": (ratio.chi_square, [few, few], {}),
    "sequential": (
        lambda *a, **s: ratio.sequential([a[0], a[0]], a[1], **s),
        [few, few],
        {"concentration": number, "prior_odds": number, "alpha": number},
    ),
    "state": (lambda n, w: ratio.RatioState().after(n, w).after(n, w), [few, few], {}),
    "holm": (multiple.holm, [few], {}),
    "benjamini_hochberg": (multiple.benjamini_hochberg, [few], {}),
    "allocate_alpha": (
        lambda alpha, rails, steps: multiple.allocate_alpha(alpha, dict(enumerate(rails)), steps),
        [number, few, few],
        {},
    ),
    "beta_binomial": (posterior.beta_binomial, [number, number, st.tuples(number, number)], {}),
    "normal_mean": (posterior.normal_mean, [number] * 5, {}),
    "normal_effect": (posterior.normal_effect, [number] * 4, {}),
    "mcnemar": (paired.mcnemar, [number, number], {}),
    "mcnemar_p_value_now": (
        paired.mcnemar_p_value_now,
        [number, number],
        {"tightest_at": number, "alpha": number},
    ),
    "paired_test": (paired.paired_test, [number] * 3, {"alpha": number}),
    "paired_sequence": (
        paired.paired_sequence,
        [number] * 3,
        {"tightest_at": number, "alpha": number},
    ),
    "cohens_kappa": (paired.cohens_kappa, [st.lists(few, max_size=3)], {"alpha": number}),
    "agreement": (paired.agreement, [st.lists(few, max_size=3)], {"alpha": number}),
    "score_differences": (paired.score_differences, [few, few], {}),
    "inverse_propensity": (off_policy.inverse_propensity, [few] * 3, {"largest_weight": number}),
    "self_normalised": (off_policy.self_normalised, [few] * 3, {"alpha": number}),
    "bounded_sequence": (
        off_policy.bounded_sequence,
        [few] * 3,
        {"tightest_at": number, "lowest": number, "highest": number},
    ),
    "quantile_interval": (quantiles.quantile_interval, [few, number], {"alpha": number}),
    "quantile_difference": (quantiles.quantile_difference, [few, few, number], {}),
    "quantile_difference_sequence": (
        quantiles.quantile_difference_sequence,
        [few, few, number],
        {"tightest_at": number, "alpha": number},
    ),
    "log_loss": (quality.log_loss, [few, few], {}),
    "auc": (quality.auc, [few, few], {}),
    "mae": (quality.mae, [few, few], {}),
    "rmse": (quality.rmse, [few, few], {}),
}


def numbers_of(result):
    if dataclasses.is_dataclass(result):
        for field in dataclasses.fields(result):
            yield from numbers_of(getattr(result, field.name))
    elif isinstance(result, tuple):
        for one in result:
            yield from numbers_of(one)
    elif isinstance(result, float):
        yield result


@pytest.mark.parametrize("name", CALLS)
@given(data=st.data())
@settings(max_examples=150)
def test_a_result_or_words(name, data):
    function, positional, keywords = CALLS[name]
    arguments = [data.draw(one) for one in positional]
    options = {key: data.draw(one) for key, one in keywords.items()}
    with contextlib.suppress(InvalidInput):
        result = function(*arguments, **options)
        assert not any(math.isnan(value) for value in numbers_of(result)), result


shape = st.sampled_from([0.5, 1, 2, 30, 1e4, 1e7])
center = st.sampled_from([-1e9, -3.0, 0.0, 1e-6, 2.0, 1e9])
arms = st.one_of(
    st.builds(posterior.BetaPosterior, shape, shape),
    st.builds(posterior.NormalPosterior, center, st.sampled_from([1e-9, 0.1, 1.0, 1e6])),
)


@given(arms, arms)
def test_any_two_arms_compare(first, second):
    result = best_arm.compare(first, second)
    assert 0 <= result.chance_to_beat <= 1
    assert min(result.loss_of_baseline, result.loss_of_variant) >= -1e-9
    assert not any(math.isnan(value) for value in numbers_of(result))
