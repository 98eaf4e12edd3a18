"""Bins of scores meet where classes and groups do."""

import numpy as np
import pytest

from serve_app.monitoring.quality.score_bins import (
    BINS,
    RANK_BINS,
    RANK_EDGES,
    bin_of,
    first_rank_bins,
    rank_bin_of,
)


def test_a_score_on_an_edge_is_in_the_bin_above():
    scores = np.array([0.0, 0.0099, 0.01, 0.29, 0.5, 0.9999, 1.0])
    assert bin_of(scores).tolist() == [0, 0, 1, 29, 50, 99, BINS - 1]


@pytest.mark.parametrize("score", [0.1, 0.29, 0.5, 0.58, 0.99])
def test_fine_bins_begin_where_equal_ones_do(score):
    assert score in RANK_EDGES
    assert rank_bin_of(np.array([np.nextafter(score, 0), score])).tolist() == [
        rank_bin_of(np.array([score]))[0] - 1,
        rank_bin_of(np.array([score]))[0],
    ]


def test_fine_bins_tell_small_scores_apart():
    assert len(set(rank_bin_of(np.array([1e-8, 1e-6, 1e-5, 2e-3, 0.004])))) == 5
    assert len(set(rank_bin_of(1 - np.array([1e-8, 1e-6, 1e-5, 2e-3, 0.004])))) == 5
    assert rank_bin_of(np.array([0.0, 1.0])).tolist() == [0, RANK_BINS - 1]


def test_groups_begin_at_their_lower_edge():
    starts = first_rank_bins(10)
    assert rank_bin_of(np.arange(10) / 10).tolist() == starts.tolist()
    assert starts[0] == 0
