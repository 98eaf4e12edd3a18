"""When a window can be judged: once nearly all labels that will come have come."""

import numpy as np
import pytest

from serve_app.errors import InvalidInput
from serve_app.monitoring.quality.maturity import Delays, Window, maturity_of

HOUR = 3600.0


def labels(seed, now=100 * HOUR, n=20_000, mean=10 * HOUR):
    """Delays and ages of the labels so far of predictions made evenly until now."""
    rng = np.random.default_rng(seed)
    ages = rng.uniform(0, now, n)
    delays = rng.exponential(mean, n)
    come = delays <= ages
    return delays[come], ages[come]


@pytest.mark.parametrize("age_h", [1, 5, 10, 20, 40])
def test_young_predictions_do_not_make_delays_too_short(age_h):
    delays, ages = labels(1)
    right = 1 - np.exp(-age_h / 10)
    assert Delays.of(delays, ages).share_within(age_h * HOUR) == pytest.approx(right, abs=0.015)
    assert np.mean(delays <= 5 * HOUR) > 1 - np.exp(-0.5) + 0.03


def test_by_hand():
    # Delays 1, 2, 3 of ages 1, 4, 4: of those at most 2 late and at least 2 old one of one is 2.
    delays = Delays.of([1.0, 2.0, 3.0], [1.0, 4.0, 4.0])
    assert delays.shares.tolist() == pytest.approx([0.0, 0.5, 1.0])
    assert delays.share_within([0.5, 2.5, 9.0]).tolist() == pytest.approx([0.0, 0.5, 1.0])


def test_a_window_is_mature_once_nearly_all_labels_have_come():
    delays = Delays.of(*labels(2))
    young = maturity_of(Window(95 * HOUR, 96 * HOUR, 1000, 290), delays, 100 * HOUR)
    old = maturity_of(Window(40 * HOUR, 41 * HOUR, 1000, 950), delays, 100 * HOUR)
    share = 1 - np.exp(-0.45)
    assert not young.mature
    assert young.expected_share == pytest.approx(share, abs=0.02)
    assert young.still_expected == pytest.approx(290 * (1 / share - 1), rel=0.08)
    assert young.reason.startswith("only ")
    assert old.mature
    assert old.coverage == 0.95
    assert old.to_json()["mature"] is True


def test_past_the_horizon_no_label_is_waited_for():
    nothing = Delays.of([], [])
    window = Window(0, HOUR, 10, 2)
    late = maturity_of(window, nothing, 12 * HOUR, horizon_s=10 * HOUR)
    assert (late.mature, late.still_expected) == (True, 0.0)
    early = maturity_of(window, nothing, 2 * HOUR, horizon_s=10 * HOUR)
    assert not early.mature
    assert early.reason == "too few labels to know how late they come: 0 of 30"


def test_a_window_without_predictions_is_not_mature():
    result = maturity_of(Window(0, 1, 0, 0), Delays.of([], []), 5)
    assert (result.mature, result.coverage) == (False, None)


def test_a_window_too_young_for_any_label_expects_an_unknown_number():
    delays = Delays.of(np.linspace(100, 200, 50), np.full(50, 1000.0))
    result = maturity_of(Window(0, 10, 20, 0), delays, 20)
    assert (result.expected_share, result.still_expected) == (0.0, None)


def test_delays_are_shown_by_their_deciles():
    delays = Delays.of(np.arange(1, 11), np.full(10, 100.0))
    assert delays.to_json() == {"n": 10, "deciles_s": [1, 2, 3, 4, 5, 6, 7, 8, 9]}
    assert Delays.of([], []).to_json() == {"n": 0, "deciles_s": []}
    assert Delays.of([np.nan, 5.0], [7.0, 2.0]).to_json()["n"] == 1


@pytest.mark.parametrize(("start", "end", "rows", "known"), [(5, 1, 1, 1), (0, 1, 1, 2)])
def test_windows_that_cannot_be_are_refused(start, end, rows, known):
    with pytest.raises(InvalidInput):
        Window(start, end, rows, known)


def test_as_many_ages_as_delays():
    with pytest.raises(InvalidInput, match="2 delays of 1"):
        Delays.of([1, 2], [3])
