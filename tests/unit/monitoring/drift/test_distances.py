"""Distances of histograms against published values, SciPy and hand arithmetic."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from serve_app.monitoring.drift.distances import (
    DISTANCES,
    centres,
    cramers_v,
    hellinger,
    jensen_shannon,
    kolmogorov_smirnov,
    l_infinity,
    of_cells,
    of_order,
    psi,
    total_variation,
    wasserstein,
)

SYMMETRIC = (
    psi, jensen_shannon, hellinger, kolmogorov_smirnov, l_infinity, total_variation, cramers_v,
)  # fmt: skip
BOUNDED = SYMMETRIC[1:]


def normal_rows(mean, deviation, rows):
    return np.random.normal(loc=mean, scale=deviation, size=rows)


def frouros_apart():
    """The univariate data of frouros 0.9.0's tests: seed 31, N(1, 1) and N(5, 2), 100 rows."""
    np.random.seed(31)
    reference = normal_rows(1, 1, 100)
    np.random.seed(31)
    return reference, normal_rows(5, 2, 100)


def frouros_alike():
    """Its rows of one distribution: seed 31, twice 500 rows of N(1, 1)."""
    np.random.seed(31)
    return normal_rows(1, 1, 500), normal_rows(1, 1, 500)


def ten_bins(reference, current):
    """Ten equal bins over the rows of both, as frouros makes them."""
    both = np.concatenate((reference, current))
    edges = np.linspace(both.min(), both.max(), 11)
    return np.histogram(reference, edges)[0], np.histogram(current, edges)[0]


# frouros 0.9.0, frouros/tests/integration/test_data_drift.py: PSI() with ten bins, whose floor
# is the smallest positive float.
@pytest.mark.parametrize(
    ("rows", "expected"), [(frouros_apart, 461.20379435), (frouros_alike, 0.01840072)]
)
def test_psi_is_that_of_frouros_with_its_floor(rows, expected):
    counts = ten_bins(*rows())
    assert psi(*counts, floor=sys.float_info.min) == pytest.approx(expected, abs=1e-8)


# The same file: HellingerDistance() and HINormalizedComplement(), which is total variation.
def test_hellinger_and_total_variation_are_those_of_frouros():
    counts = ten_bins(*frouros_apart())
    assert hellinger(*counts) == pytest.approx(0.74509099, abs=1e-8)
    assert total_variation(*counts) == pytest.approx(0.78, abs=1e-12)
    assert hellinger(*ten_bins(*frouros_alike())) == pytest.approx(0.04792538, abs=1e-8)


# The same file: EMD(), of rows; here each row has a bin of its own.
def test_wasserstein_is_that_of_frouros():
    reference, current = frouros_apart()
    places, first = np.unique(np.concatenate((reference, current)), return_inverse=True)
    counts = [
        np.bincount(first[part], minlength=places.size) for part in (slice(100), slice(100, 200))
    ]
    assert wasserstein(*counts, places) == pytest.approx(3.85346006, abs=1e-8)


# By hand: 0.05 * ln(0.4/0.35) + 0.05 * ln(0.3/0.25) + 0.1 * ln(0.4/0.3).
def test_psi_of_three_shares_by_hand():
    assert psi([40, 30, 30], [35, 25, 40], floor=0) == pytest.approx(0.0445608, abs=1e-7)


def test_the_floor_decides_what_empty_bins_add():
    counts = ten_bins(*frouros_apart())
    assert psi(*counts, floor=1e-4) == pytest.approx(6.73, abs=0.005)
    assert psi(*counts, floor=0) == np.inf
    # By hand, Laplace's floor for [1, 0] and [0, 1]: shares 3/4 and 1/4, twice 1/2 * ln 3.
    assert psi([1, 0], [0, 1]) == pytest.approx(np.log(3))


# SciPy 1.17, documentation of scipy.spatial.distance.jensenshannon.
@pytest.mark.parametrize(
    ("reference", "current", "expected"),
    [([1, 0, 0], [0, 1, 0], 1.0), ([2, 0], [1, 1], 0.46450140402245893 / np.sqrt(np.log(2)))],
)
def test_jensen_shannon_as_published(reference, current, expected):
    assert jensen_shannon(reference, current) == pytest.approx(expected, rel=1e-14)


# SciPy 1.17, documentation of scipy.stats.wasserstein_distance.
def test_wasserstein_as_published():
    assert wasserstein([1, 1, 0, 1, 0, 0], [0, 0, 0, 0, 1, 2], [0, 1, 2, 3, 5, 7]) == 5.0
    assert wasserstein([3, 1], [2, 2], [0, 1]) == 0.25
    first, second = [0, 1.4, 0.9, 0, 3.1, 7.2], [3.5, 0, 0, 3.2, 0, 0]
    places = [1.4, 3.4, 3.9, 4.5, 7.5, 7.8]
    assert wasserstein(first, second, places) == pytest.approx(4.0781331438047861, rel=1e-14)


# SciPy 1.17, documentation of scipy.stats.contingency.association: two of its lecturers.
def test_cramers_v_is_that_of_scipy():
    table = [[100, 150, 50], [203, 322, 420]]
    expected = stats.contingency.association(np.array(table), method="cramer")
    assert cramers_v(*table) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("reference", "current"),
    [
        ([3, 4, 0, 9, 2], [1, 0, 0, 5, 30]),
        ([1, 0], [0, 7]),
        ([1000, 5, 0, 17], [3, 0, 1, 1]),
        (list(range(1, 40)), [5] * 39),
    ],
)
def test_distances_are_those_of_scipy(reference, current):
    places = np.arange(len(reference)) ** 1.5
    rows = [np.repeat(places, counts) for counts in (reference, current)]
    assert jensen_shannon(reference, current) == pytest.approx(
        jensenshannon(reference, current, base=2), rel=1e-12
    )
    assert kolmogorov_smirnov(reference, current) == pytest.approx(
        stats.ks_2samp(*rows).statistic, abs=1e-12
    )
    assert wasserstein(reference, current, places, standard_deviation=2.5) == pytest.approx(
        stats.wasserstein_distance(*rows) / 2.5, rel=1e-12
    )


def test_a_shift_of_bins_is_seen_whole_by_their_centres():
    edges = np.linspace(-5, 6, 1101)
    before = np.diff(stats.norm.cdf(edges), prepend=0, append=1)
    after = np.diff(stats.norm.cdf(edges - 0.5), prepend=0, append=1)
    # The Wasserstein distance of a shift is the shift.
    assert wasserstein(before, after, centres(edges)) == pytest.approx(0.5, abs=1e-4)
    # PSI of normal distributions shifted by d standard deviations is d squared.
    assert psi(before, after, floor=0) == pytest.approx(0.25, abs=1e-3)


def test_centres_are_the_middles_and_the_outer_edges():
    assert centres([0, 1, 3]).tolist() == [0, 0.5, 2, 3]


def test_numbers_at_the_ends_of_the_scale_have_finite_places():
    greatest = np.finfo(float).max
    assert centres([-np.inf, 0, np.inf]).tolist() == [
        -greatest, -greatest / 2, greatest / 2, greatest,
    ]  # fmt: skip
    places = centres([-greatest, greatest])
    assert places.tolist() == [-greatest, 0, greatest]
    assert wasserstein([1, 1, 1], [1, 1, 1], places) == 0
    assert wasserstein([1, 0, 0], [0, 1, 0], places, standard_deviation=greatest) == 1
    assert wasserstein([1, 0, 0], [0, 0, 1], places) == np.inf


def test_a_constant_reference_is_infinitely_far_from_what_moved():
    assert wasserstein([4, 0], [4, 0], [0, 1], standard_deviation=0) == 0
    assert wasserstein([4, 0], [3, 1], [0, 1], standard_deviation=0) == np.inf


@pytest.mark.parametrize(
    ("reference", "current", "words"),
    [
        ([1, 2], [1, 2, 3], "2 bins and the current window 3"),
        ([0, 0], [1, 2], "the reference has no rows"),
        ([1, 2], [0, 0], "the current window has no rows"),
        ([1, -2], [1, 2], "not below zero"),
        ([1, 2], [1, np.nan], "finite"),
        ([[1, 2]], [1, 2], "one number per bin"),
        ([], [], "one number per bin"),
    ],
)
def test_counts_that_cannot_be_compared_are_refused_in_words(reference, current, words):
    for distance in SYMMETRIC:
        with pytest.raises(ValueError, match=words):
            distance(reference, current)


@pytest.mark.parametrize(
    ("places", "deviation", "words"),
    [
        ([0], 1, "1 positions for 2 bins"),
        ([1, 0], 1, "growing order"),
        ([0, np.inf], 1, "finite"),
        ([0, 1], -1, "standard deviation"),
        ([0, 1], np.nan, "standard deviation"),
    ],
)
def test_positions_that_cannot_be_are_refused(places, deviation, words):
    with pytest.raises(ValueError, match=words):
        wasserstein([1, 1], [1, 2], places, standard_deviation=deviation)


def test_edges_and_floors_that_cannot_be_are_refused():
    for edges in ([1], [1, 0], [0, np.nan], [[0, 1]]):
        with pytest.raises(ValueError, match="edges"):
            centres(edges)
    with pytest.raises(ValueError, match="floor"):
        psi([1, 1], [1, 1], floor=-1)


def test_all_at_once_are_the_same_distances():
    before, now = np.array([30.0, 50, 20, 0]), np.array([10.0, 60, 25, 5])
    places = (0.0, 1.0, 2.0, 5.0)
    values = of_cells(before, now, None) | of_order(before, now, places, 2.0)
    assert set(values) == set(DISTANCES)
    for name, value in values.items():
        if name == "wasserstein":
            assert value == wasserstein(before, now, places, standard_deviation=2.0)
        else:
            assert value == DISTANCES[name].function(before, now)
    assert set(of_order(before, now, None, 2.0)) == {"kolmogorov_smirnov"}


def test_thresholds_are_about_what_a_third_of_a_deviation_gives():
    edges = stats.norm.ppf(np.linspace(0, 1, 33)[1:-1])
    before = np.diff(stats.norm.cdf(edges), prepend=0, append=1)
    after = np.diff(stats.norm.cdf(edges - 1 / 3), prepend=0, append=1)
    for name in ("psi", "jensen_shannon", "hellinger", "kolmogorov_smirnov", "total_variation"):
        value = DISTANCES[name].function(before * 1e9, after * 1e9)
        assert 1 <= value / DISTANCES[name].threshold < 1.2, name


@st.composite
def tables(draw):
    bins = draw(st.integers(1, 40))
    vectors = st.lists(st.integers(0, 10**6), min_size=bins, max_size=bins).filter(any)
    return draw(vectors), draw(vectors)


@given(tables())
def test_distances_have_no_direction(table):
    reference, current = table
    for distance in SYMMETRIC:
        forth, back = distance(reference, current), distance(current, reference)
        assert forth == pytest.approx(back, rel=1e-9, abs=1e-9)


@given(tables())
def test_distances_stay_in_their_bounds(table):
    for distance in BOUNDED:
        assert 0 <= distance(*table) <= 1
    assert 0 <= psi(*table) < np.inf
    assert 0 <= wasserstein(*table, range(len(table[0]))) <= max(len(table[0]) - 1, 0)


@given(tables(), st.integers(1, 1000))
def test_equal_shares_have_no_distance(table, times):
    counts = table[0]
    for distance in BOUNDED:
        assert distance(counts, [count * times for count in counts]) == pytest.approx(0, abs=1e-7)
    assert psi(counts, counts) == 0
    assert all(distance(counts, counts) == pytest.approx(0, abs=1e-9) for distance in BOUNDED)


PARTS = st.lists(st.integers(0, 10**6), min_size=6, max_size=6).filter(any)


@given(st.lists(PARTS, min_size=1, max_size=6), st.data())
def test_merging_replicas_in_any_order_gives_the_same_distance(parts, data):
    reference = [7, 1, 4, 9, 2, 2]
    shuffled = data.draw(st.permutations(parts))
    merged, again = np.sum(parts, axis=0), np.sum(shuffled, axis=0)
    for distance in SYMMETRIC:
        assert distance(reference, merged) == distance(reference, again)


@given(tables())
def test_moving_mass_less_never_shows_more(table):
    # L-infinity <= total variation, KS <= total variation, Hellinger^2 <= total variation.
    moved = total_variation(*table)
    assert l_infinity(*table) <= moved * (1 + 1e-9) + 1e-12
    assert kolmogorov_smirnov(*table) <= moved * (1 + 1e-9) + 1e-12
    assert hellinger(*table) ** 2 <= moved * (1 + 1e-9) + 1e-12


def test_shares_in_place_of_counts_have_the_same_distance():
    before, now = [40, 0, 60], [10, 20, 70]
    for distance in SYMMETRIC[1:-1]:
        shares = distance([0.4, 0, 0.6], [0.1, 0.2, 0.7])
        assert shares == pytest.approx(distance(before, now), rel=1e-12)
    assert cramers_v([0.4, 0, 0.6], [0.1, 0.2, 0.7]) == pytest.approx(cramers_v(before, now))
    assert psi([0.4, 0.6], [0.1, 0.9], floor=0) == pytest.approx(psi([40, 60], [10, 90], floor=0))
