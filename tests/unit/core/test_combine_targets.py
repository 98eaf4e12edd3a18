"""Ensembles of models of several targets are combined target by target."""

import itertools

import numpy as np
import pytest

from serve_app.core import targets
from serve_app.core.combine import COMBINE, Member, check
from serve_app.core.combine_targets import per_target
from serve_app.core.messages import Prediction
from serve_app.core.signature import Output, Target
from serve_app.errors import ConfigError

FLAGS = Output(
    "multilabel", probabilities=True, width=2, targets=(Target("x", (0, 1)), Target("y", (0, 1)))
)
WORDS = Output(
    "multioutput",
    probabilities=True,
    width=2,
    targets=(Target("city", ("p", "r")), Target("n", (1, 2, 3))),
)


def flags(*shares):
    shares = np.array(shares)
    return Prediction((shares > 0.5).astype(int), shares)


def words(city, number):
    values = np.empty((1, 2), dtype=object)
    values[0] = ["pr"[int(np.argmax(city))], int(np.argmax(number)) + 1]
    return Prediction(values, np.array([[*city, *number]]))


def members(*predictions, weights=(1.0, 1.0, 1.0)):
    return [Member(said, weight) for said, weight in zip(predictions, weights, strict=False)]


def test_the_mean_of_yes_is_taken_for_each_target():
    said = per_target(COMBINE["mean"], FLAGS)(members(flags([0.9, 0.2]), flags([0.4, 0.3])), ())
    np.testing.assert_allclose(said.probabilities, [[0.65, 0.25]])
    assert said.values.tolist() == [[1, 0]]
    assert said.values.dtype.kind == "i"


def test_weights_count():
    found = members(flags([0.9, 0.2]), flags([0.1, 0.8]), weights=(3.0, 1.0))
    said = per_target(COMBINE["weighted"], FLAGS)(found, ())
    np.testing.assert_allclose(said.probabilities, [[0.7, 0.35]])


def test_a_vote_counts_for_each_target():
    found = members(flags([0.9, 0.2]), flags([0.6, 0.8]), flags([0.1, 0.9]))
    said = per_target(COMBINE["vote"], FLAGS)(found, ())
    assert said.values.tolist() == [[1, 1]]
    np.testing.assert_allclose(said.probabilities, [[2 / 3, 2 / 3]])


def test_exactly_half_is_no():
    said = per_target(COMBINE["mean"], FLAGS)(members(flags([0.9, 0.5]), flags([0.1, 0.5])), ())
    assert said.values.tolist() == [[0, 0]]


def test_classes_of_several_kinds_are_combined_by_target():
    found = members(words([0.9, 0.1], [0.1, 0.6, 0.3]), words([0.3, 0.7], [0.1, 0.2, 0.7]))
    said = per_target(COMBINE["mean"], WORDS)(found, ())
    np.testing.assert_allclose(said.probabilities, [[0.6, 0.4, 0.1, 0.4, 0.5]])
    assert said.values.tolist() == [["p", 3]]


def test_one_member_alone_is_answered_as_it_is():
    alone = flags([0.9, 0.2])
    assert per_target(COMBINE["mean"], FLAGS)(members(alone), ()) is alone


def test_the_order_of_members_does_not_matter():
    found = members(flags([0.1, 0.7]), flags([0.2, 0.3]), flags([0.3, 0.49]))
    said = {
        per_target(COMBINE["mean"], FLAGS)(list(order), ()).probabilities.tobytes()
        for order in itertools.permutations(found)
    }
    assert len(said) == 1


def test_votes_fit_and_means_need_probabilities():
    check("vote", FLAGS)
    check("mean", WORDS)
    with pytest.raises(ConfigError, match="needs probabilities"):
        check("mean", Output("multilabel", width=2, targets=FLAGS.targets))


def test_a_prediction_is_put_in_the_order_of_other_targets_and_classes():
    mine = (Target("n", (3, 1, 2)), Target("city", ("r", "p")))
    values = np.empty((1, 2), dtype=object)
    values[0] = [3, "p"]
    said = Prediction(values, np.array([[0.7, 0.1, 0.2, 0.4, 0.6]]))
    found = targets.aligned(said, mine, WORDS)
    assert found.values.tolist() == [["p", 3]]
    np.testing.assert_array_equal(found.probabilities, [[0.6, 0.4, 0.1, 0.2, 0.7]])


def test_yes_or_no_and_its_scores_are_put_in_the_order_of_other_targets():
    said = Prediction(np.array([[1, 0]]), np.array([[0.9, 0.2]]), np.array([[2.0, -1.0]]))
    found = targets.aligned(said, FLAGS.targets[::-1], FLAGS)
    assert found.values.tolist() == [[0, 1]]
    assert found.probabilities.tolist() == [[0.2, 0.9]]
    assert found.scores.tolist() == [[-1.0, 2.0]]


def test_targets_are_told_in_words():
    assert targets.in_words(WORDS.targets) == "'city' of ['p', 'r'], 'n' of [1, 2, 3]"
