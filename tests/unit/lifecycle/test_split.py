"""Splits: every row where it belongs, nothing later than what is judged by it, no group twice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import TimeSeriesSplit

from serve_app.errors import InvalidInput
from serve_app.lifecycle.split import RowFacts, Split, SplitRule, split

NS = 10**9


def rule(kind, folds=3, **more):
    given_ = {"holdout_share": 0.2} if "holdout_s" not in more else {}
    return SplitRule(kind, folds, 5, **{**given_, **more})


def check_partition(parts, rows):
    """Train and hold-out share no row; folds partition what they judge, within training."""
    assert not set(parts.train) & set(parts.holdout)
    for fitted, rest in parts.folds:
        assert not set(fitted) & set(rest)
        assert set(fitted) | set(rest) <= set(parts.train)
    judged = np.concatenate([rest for _, rest in parts.folds])
    assert len(judged) == len(set(judged))
    assert set(parts.train) | set(parts.holdout) <= set(range(rows))


@given(
    counts=st.lists(st.integers(10, 60), min_size=2, max_size=4),
    folds=st.integers(2, 5),
    seed=st.integers(0, 1000),
)
def test_strata_have_their_shares_in_every_part(counts, folds, seed):
    classes = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    parts = split(RowFacts(len(classes), classes=classes), rule("stratified", folds))
    check_partition(parts, len(classes))
    assert len(parts.train) + len(parts.holdout) == len(classes)
    for label, count in enumerate(counts):
        assert (classes[parts.holdout] == label).sum() == round(0.2 * count)
        per_fold = [(classes[rest] == label).sum() for _, rest in parts.folds]
        assert max(per_fold) - min(per_fold) <= 1
    sizes = [len(rest) for _, rest in parts.folds]
    assert sum(sizes) == len(parts.train)
    assert max(sizes) - min(sizes) <= 1


@given(groups=st.lists(st.integers(1, 9), min_size=8, max_size=30), folds=st.integers(2, 4))
def test_no_group_is_on_two_sides(groups, folds):
    of_rows = np.repeat(np.arange(len(groups)), groups)
    parts = split(RowFacts(len(of_rows), groups=of_rows), rule("group", folds))
    check_partition(parts, len(of_rows))
    assert not set(of_rows[parts.train]) & set(of_rows[parts.holdout])
    for fitted, rest in parts.folds:
        assert not set(of_rows[fitted]) & set(of_rows[rest])


def test_folds_by_time_are_those_of_scikit_learn():
    times = np.random.default_rng(2).permutation(100) * NS
    parts = split(RowFacts(100, times), rule("time", 4))
    order = parts.train[np.argsort(times[parts.train])]
    wanted = TimeSeriesSplit(4).split(order)
    for (fitted, rest), (train, test) in zip(parts.folds, wanted, strict=True):
        assert sorted(fitted) == sorted(order[train])
        assert sorted(rest) == sorted(order[test])


@given(
    seconds=st.lists(st.integers(0, 300), min_size=60, max_size=120),
    gap_s=st.integers(0, 20),
)
def test_the_hold_out_is_the_newest_and_the_gap_is_empty(seconds, gap_s):
    times = np.array(seconds) * NS
    wanted = rule("time", 2, holdout_s=60.0, train_s=400.0, gap_s=float(gap_s))
    try:
        parts = split(RowFacts(len(times), times), wanted)
    except InvalidInput:
        # So few moments that a part would be empty.
        return
    check_partition(parts, len(times))
    begin = times.max() - 60 * NS
    assert set(parts.holdout) == set(np.flatnonzero(times > begin))
    assert set(parts.train) == set(np.flatnonzero(times <= begin - gap_s * NS))
    for fitted, rest in parts.folds:
        assert times[rest].min() - times[fitted].max() > gap_s * NS or gap_s == 0
        assert times[rest].min() > times[fitted].max()


@given(
    marks=st.lists(st.booleans(), min_size=30, max_size=60),
    kind=st.sampled_from(["random", "time"]),
)
def test_what_the_data_itself_holds_out_is_held_out_and_nothing_else(marks, kind):
    held_out = np.array([*marks, True, *[False] * 20])
    times = np.arange(len(held_out)) * NS
    parts = split(RowFacts(len(held_out), times, held_out=held_out), rule(kind))
    check_partition(parts, len(held_out))
    assert parts.holdout.tolist() == np.flatnonzero(held_out).tolist()
    assert len(parts.train) + len(parts.holdout) == len(held_out)


def test_a_group_on_both_sides_of_what_the_data_holds_out_is_refused():
    groups = np.repeat(np.arange(10), 3)
    facts = RowFacts(30, groups=groups, held_out=groups < 3)
    assert set(split(facts, rule("group")).holdout) == set(range(9))
    mixed = RowFacts(30, groups=groups, held_out=np.arange(30) < 8)
    with pytest.raises(InvalidInput, match="a group has rows in training and in the hold-out"):
        split(mixed, rule("group"))


def test_what_is_older_than_the_window_is_not_trained_on():
    times = np.arange(100) * NS
    wanted = rule("time", 2, holdout_s=10.0, train_s=30.0, gap_s=5.0)
    parts = split(RowFacts(100, times), wanted)
    assert times[parts.holdout].min() == 90 * NS
    assert (times[parts.train].min(), times[parts.train].max()) == (55 * NS, 84 * NS)


def test_the_same_seed_gives_the_same_split_and_another_one_another(tmp_path):
    facts = RowFacts(50, classes=np.arange(50) % 2)
    one, again = split(facts, rule("stratified")), split(facts, rule("stratified"))
    assert one.digest == again.digest
    other = SplitRule("stratified", 3, 6, holdout_share=0.2)
    assert split(facts, other).digest != one.digest
    one.save(tmp_path / "split.npz")
    assert Split.load(tmp_path / "split.npz").digest == one.digest


@pytest.mark.parametrize(
    ("facts", "wanted", "reason"),
    [
        (RowFacts(4, np.arange(4) * NS), rule("time", holdout_s=100.0), "training would have no"),
        (RowFacts(3, np.arange(3) * NS), rule("time", 5), "too few for 5 folds"),
        (RowFacts(9, classes=np.array([0] * 8 + [1])), rule("stratified"), "class 1 has 1 rows"),
        (RowFacts(9, groups=np.arange(9) // 5), rule("group"), "fewer than validation.folds 3"),
        (RowFacts(3), rule("time"), "data.time is missing"),
        (RowFacts(3), rule("group"), "validation.group is missing"),
    ],
)
def test_a_part_without_rows_is_refused_in_words(facts, wanted, reason):
    with pytest.raises(InvalidInput, match=reason):
        split(facts, wanted)
