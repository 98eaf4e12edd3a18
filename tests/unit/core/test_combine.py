"""Several models' answers become one, whatever their order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from serve_app.core.combine import COMBINE, Member, check, mean, vote, weighted
from serve_app.core.messages import Prediction
from serve_app.core.signature import Output
from serve_app.errors import ConfigError

LABELS = ("no", "yes")


def member(probabilities, weight=1.0, labels=LABELS):
    block = np.asarray(probabilities, dtype=float)
    values = np.array(labels, dtype=object)[block.argmax(axis=1)]
    return Member(Prediction(values, block), weight, labels)


def number(*values, weight=1.0):
    return Member(Prediction(np.asarray(values)), weight)


def test_the_mean_of_probabilities_decides_the_class():
    combined = mean([member([[0.9, 0.1]]), member([[0.2, 0.8]]), member([[0.3, 0.7]])], LABELS)
    assert combined.probabilities[0] == pytest.approx([1.4 / 3, 1.6 / 3])
    assert combined.values.tolist() == ["yes"]


def test_weights_count_members():
    members = [member([[1.0, 0.0]], weight=3), member([[0.0, 1.0]], weight=1)]
    assert weighted(members, LABELS).probabilities[0] == pytest.approx([0.75, 0.25])
    assert mean(members, LABELS).probabilities[0] == pytest.approx([0.5, 0.5])


def test_members_may_know_their_classes_in_another_order():
    turned = member([[0.8, 0.2]], labels=("yes", "no"))
    combined = mean([member([[0.2, 0.8]]), turned], LABELS)
    assert combined.probabilities[0] == pytest.approx([0.2, 0.8])


def test_of_equal_classes_the_first_in_the_endpoints_order_wins():
    members = [member([[1.0, 0.0]]), member([[0.0, 1.0]])]
    assert mean(members, LABELS).values.tolist() == ["no"]
    assert mean(members, LABELS[::-1]).values.tolist() == ["yes"]
    assert vote(members, LABELS).values.tolist() == ["no"]


def test_a_vote_counts_classes_and_gives_their_shares():
    members = [member([[0.51, 0.49]]), member([[0.51, 0.49]]), member([[0.0, 1.0]])]
    combined = vote(members, LABELS)
    assert combined.values.tolist() == ["no"]
    assert combined.probabilities[0] == pytest.approx([2 / 3, 1 / 3])


def test_models_without_probabilities_can_vote():
    members = [Member(Prediction(np.array([2, 3])), 1.0, (2, 3)) for _ in range(2)]
    members.append(Member(Prediction(np.array([3, 3])), 1.5, (2, 3)))
    combined = vote(members, (2, 3))
    assert combined.values.tolist() == [2, 3]
    assert combined.values.dtype.kind == "i"


def test_numbers_are_averaged_in_double_precision():
    combined = mean([number(np.float32(0.1)), number(np.float32(0.2))], ())
    assert combined.values.dtype == np.float64
    assert combined.values[0] == pytest.approx(0.15, rel=1e-7)
    two = mean([number([1.0, 10.0]), number([3.0, 30.0])], ())
    assert two.values.tolist() == [[2.0, 20.0]]


@pytest.mark.parametrize("combine", COMBINE.values(), ids=COMBINE)
def test_the_only_member_left_is_taken_to_the_last_bit(combine):
    alone = member(np.array([[0.1, 0.9]], dtype=np.float32))
    combined = combine([alone], LABELS)
    assert combined.probabilities.tobytes() == alone.prediction.probabilities.tobytes()
    assert combined.values.tolist() == ["yes"]


SHARES = hnp.arrays(float, (3, 2), elements=st.floats(0.001, 1.0)).map(
    lambda a: a / a.sum(axis=1, keepdims=True)
)


@given(st.lists(st.tuples(SHARES, st.floats(0.01, 100)), min_size=1, max_size=5), st.randoms())
def test_the_order_of_members_is_nothing_to_the_last_bit(parts, rng):
    members = [member(block, weight) for block, weight in parts]
    turned = members.copy()
    rng.shuffle(turned)
    for combine in COMBINE.values():
        one, other = combine(members, LABELS), combine(turned, LABELS)
        assert one.probabilities.tobytes() == other.probabilities.tobytes()
        assert one.values.tolist() == other.values.tolist()


@given(st.lists(st.tuples(SHARES, st.floats(0.01, 100)), min_size=1, max_size=5))
def test_probabilities_stay_probabilities_between_those_of_the_members(parts):
    members = [member(block, weight) for block, weight in parts]
    blocks = np.array([block for block, _ in parts])
    for combine in (mean, weighted):
        found = combine(members, LABELS).probabilities
        assert found.sum(axis=1) == pytest.approx(1.0)
        assert (found >= blocks.min(axis=0)).all()
        assert (found <= blocks.max(axis=0)).all()


@pytest.mark.parametrize(
    ("kind", "output", "said"),
    [
        ("median", Output("regression"), "mean, weighted, vote"),
        ("vote", Output("regression"), "needs classes"),
        ("mean", Output("classification", LABELS, probabilities=False), "use vote"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_does(kind, output, said):
    with pytest.raises(ConfigError, match=said):
        check(kind, output)


@pytest.mark.parametrize(
    ("kind", "output"),
    [
        ("mean", Output("regression")),
        ("weighted", Output("classification", LABELS, probabilities=True)),
        ("vote", Output("classification", LABELS)),
    ],
)
def test_what_fits_is_let_pass(kind, output):
    check(kind, output)


NUMBERS = hnp.arrays(float, (3,), elements=st.floats(-1e6, 1e6))


@given(st.lists(st.tuples(NUMBERS, st.floats(0.01, 100)), min_size=1, max_size=12), st.randoms())
@pytest.mark.parametrize("combine", [mean, weighted])
def test_the_order_of_regressions_is_nothing_to_the_last_bit(combine, parts, rng):
    members = [number(*values, weight=weight) for values, weight in parts]
    turned = members.copy()
    rng.shuffle(turned)
    assert combine(members, ()).values.tobytes() == combine(turned, ()).values.tobytes()


@pytest.mark.parametrize("combine", [mean, weighted])
@pytest.mark.parametrize("values", [(0.0, -0.0), (-0.0, 0.0), (-0.0, -0.0)])
def test_a_mean_of_zeros_has_no_sign(combine, values):
    combined = combine([number(value) for value in values], ())
    assert not np.signbit(combined.values).any()


@pytest.mark.parametrize("combine", COMBINE.values(), ids=COMBINE)
@pytest.mark.parametrize("count", [2, 7, 8, 9, 20])
def test_a_row_is_combined_alike_alone_and_among_others(combine, count):
    rng = np.random.default_rng(count)
    blocks = rng.dirichlet([1, 1], size=(count, 40))
    members = [
        member(block, weight) for block, weight in zip(blocks, rng.random(count), strict=True)
    ]
    whole = combine(members, LABELS)
    for row in range(40):
        parts = [Member(m.prediction.slice(row, row + 1), m.weight, m.labels) for m in members]
        alone = combine(parts, LABELS)
        assert alone.probabilities.tobytes() == whole.probabilities[row : row + 1].tobytes()
        assert alone.values.tolist() == whole.values[row : row + 1].tolist()


@pytest.mark.parametrize("combine", [mean, weighted])
@pytest.mark.parametrize("count", [2, 7, 8, 9, 20])
def test_a_number_is_combined_alike_alone_and_among_others(combine, count):
    rng = np.random.default_rng(count)
    columns, weights = rng.normal(size=(count, 40)), rng.random(count) + 0.1
    members = [number(*c, weight=w) for c, w in zip(columns, weights, strict=True)]
    whole = combine(members, ()).values
    for row in range(40):
        parts = [Member(m.prediction.slice(row, row + 1), m.weight) for m in members]
        assert combine(parts, ()).values.tobytes() == whole[row : row + 1].tobytes()


def test_a_vote_is_counted_by_weight():
    members = [member([[0.9, 0.1]], weight=1), member([[0.4, 0.6]], weight=3)]
    combined = vote(members, LABELS)
    assert combined.values.tolist() == ["yes"]
    assert combined.probabilities.tolist() == [[0.25, 0.75]]


def test_voters_may_know_their_classes_in_another_order():
    members = [member([[0.9, 0.1]]), member([[0.1, 0.9]], weight=2, labels=("yes", "no"))]
    assert vote(members, LABELS).values.tolist() == ["no"]
    assert vote(members, LABELS).probabilities.tolist() == [[1.0, 0.0]]


def test_regressions_are_weighted_too():
    combined = weighted([number(10.0, weight=3), number(20.0, weight=1)], ())
    assert combined.values.tolist() == [12.5]
    assert combined.probabilities is None


def test_whole_numbers_are_averaged_as_numbers():
    combined = mean([number(1), number(2)], ())
    assert combined.values.tolist() == [1.5]
    assert combined.values.dtype == np.float64


@pytest.mark.parametrize(
    ("labels", "kind"), [((0, 1), "i"), ((False, True), "b"), (("no", "yes"), "O"), ((0, "x"), "O")]
)
@pytest.mark.parametrize("combine", COMBINE.values(), ids=COMBINE)
def test_values_are_the_endpoints_labels_in_their_own_type(combine, labels, kind):
    members = [member([[0.2, 0.8], [0.7, 0.3]], labels=labels) for _ in range(2)]
    combined = combine(members, labels)
    assert combined.values.tolist() == [labels[1], labels[0]]
    assert combined.values.dtype.kind == kind
    assert combined.probabilities.dtype == np.float64


@pytest.mark.parametrize("combine", COMBINE.values(), ids=COMBINE)
def test_no_rows_are_combined_to_no_rows(combine):
    combined = combine([member(np.empty((0, 2)))] * 2, LABELS)
    assert combined.values.shape == (0,)
    assert combined.probabilities.shape == (0, 2)


def test_probabilities_that_are_not_there_cannot_be_averaged():
    members = [Member(Prediction(np.array(["no"], dtype=object)), 1.0, LABELS)] * 2
    with pytest.raises(ConfigError, match="vote"):
        mean(members, LABELS)


@given(st.lists(st.tuples(SHARES, st.floats(0.01, 100)), min_size=2, max_size=5))
def test_shares_of_votes_sum_to_one(parts):
    combined = vote([member(block, weight) for block, weight in parts], LABELS)
    assert combined.probabilities.sum(axis=1) == pytest.approx(1.0)
