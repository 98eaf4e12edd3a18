"""What two models said of the same rows, held against scikit-learn, SciPy and published numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import brier_score_loss, cohen_kappa_score, confusion_matrix

from serve_app.core.signature import Output
from serve_app.monitoring.paired_rows import PairedRows, Pairing, Side
from serve_app.monitoring.pairs import (
    Differences,
    Labelled,
    PairedCounts,
    agreement_json,
    labelled_json,
)
from serve_app.monitoring.quality.segments import SegmentRule
from serve_app.monitoring.shadow_comparison import ANSWERED_BY, ShadowSums

BINARY = Output("classification", labels=("ill", "well"))
THREE = Output("classification", labels=(1, 2, 3))
NUMBER = Output("regression")


def unknown(prediction_id, row):
    return None


def objects(values):
    made = np.empty(len(values), dtype=object)
    made[:] = list(values)
    return made


def side(values, shares=None, outcome="answered", took_s=0.01):
    n = len(values)
    outcomes = [outcome] * n if isinstance(outcome, str) else outcome
    shares = np.full((n, 0), np.nan) if shares is None else np.asarray(shares, float)
    times = np.broadcast_to(np.asarray(took_s, float), n)
    return Side(objects(outcomes), times, objects(values), shares)


def paired(answer, shadow, rows=None, ids=None):
    n = len(answer.values)
    ids = [f"p{place}" for place in range(n)] if ids is None else ids
    rows = np.zeros(n, np.int64) if rows is None else np.asarray(rows)
    return PairedRows(objects(ids), rows, answer, shadow)


def classes(output, n, seed):
    """Classes and their probabilities as a model gives them."""
    shares = np.random.default_rng(seed).dirichlet(np.ones(len(output.labels)), n)
    return [output.labels[place] for place in shares.argmax(axis=1)], shares


@pytest.mark.parametrize("output", [BINARY, THREE], ids=["two", "three"])
def test_agreement_and_kappa_are_those_of_scikit_learn(output):
    (first, p), (second, q) = classes(output, 500, 1), classes(output, 500, 2)
    counts = Pairing(output, unknown).counts(paired(side(first, p), side(second, q)))
    table = confusion_matrix(first, second, labels=output.labels)
    assert counts.table.tolist() == table.tolist()
    said = counts.to_json()
    assert said["rows"] == 500
    assert said["agreement"]["value"] == pytest.approx(np.mean(np.array(first) == second))
    assert said["kappa"] == pytest.approx(cohen_kappa_score(first, second))
    low, high = stats.binomtest(int(np.trace(table)), 500).proportion_ci(method="wilson")
    assert (said["agreement"]["low"], said["agreement"]["high"]) == pytest.approx((low, high))


def test_agreement_and_kappa_are_the_published_ones():
    # J. L. Fleiss, Statistical Methods for Rates and Proportions, 2nd edition 1981, table 13.1:
    # agreement 0.89, kappa 0.68.
    counts = PairedCounts(table=np.array([[75, 1, 4], [5, 4, 1], [0, 0, 10]])).to_json()
    assert counts["agreement"]["value"] == pytest.approx(0.89)
    assert counts["kappa"] == pytest.approx(0.68, abs=0.005)
    assert counts["kappa_interval"]["low"] < counts["kappa"] < counts["kappa_interval"]["high"]


@pytest.mark.parametrize("table", [[[7, 0], [0, 0]], [[0, 0], [0, 0]], np.zeros((0, 0))])
def test_kappa_of_one_class_alone_or_of_nothing_is_not_defined(table):
    table = np.asarray(table, np.int64)
    counts = PairedCounts(table=table).to_json()
    assert (counts["kappa"], counts["kappa_interval"]) == (None, None)
    assert (agreement_json(table) is None) == (not table.sum())


def test_scores_of_two_classes_are_those_of_the_second():
    (first, p), (second, q) = classes(BINARY, 400, 3), classes(BINARY, 400, 4)
    counts = Pairing(BINARY, unknown).counts(paired(side(first, p), side(second, q)))
    difference = q[:, 1] - p[:, 1]
    said = counts.to_json()["score_difference"]
    assert said["mean"] == pytest.approx(difference.mean())
    assert said["standard_deviation"] == pytest.approx(difference.std())
    assert said["mean_absolute"] == pytest.approx(np.abs(difference).mean())
    for share, value in said["quantiles"].items():
        exact = np.quantile(difference, float(share), method="lower")
        assert value == pytest.approx(exact, rel=0.0101, abs=1e-9)


def test_scores_of_more_classes_are_those_of_the_class_that_was_answered():
    (first, p), (second, q) = classes(THREE, 200, 3), classes(THREE, 200, 4)
    counts = Pairing(THREE, unknown).counts(paired(side(first, p), side(second, q)))
    places = p.argmax(axis=1)
    rows = np.arange(200)
    assert counts.score.total == pytest.approx((q[rows, places] - p[rows, places]).sum())


def test_numbers_are_compared_as_they_are():
    rng = np.random.default_rng(5)
    first, second = rng.normal(size=100), rng.normal(size=100)
    counts = Pairing(NUMBER, unknown).counts(paired(side(first), side(second)))
    assert counts.score.total == pytest.approx((second - first).sum())
    said = counts.to_json()
    assert (said["agreement"], said["kappa"], said["table"]) == (None, None, [])


def test_labels_say_who_was_right_and_whose_loss_is_greater():
    (first, p), (second, q) = classes(BINARY, 300, 6), classes(BINARY, 300, 7)
    rng = np.random.default_rng(8)
    truth = rng.choice(BINARY.labels, 300)
    known = rng.random(300) < 0.6
    by_id = {f"p{n}": truth[n] for n in range(300) if known[n]}
    pairing = Pairing(BINARY, lambda name, row: by_id.get(name))
    labelled = pairing.counts(paired(side(first, p), side(second, q))).labelled
    right, shadow = np.array(first) == truth, np.array(second) == truth
    table = confusion_matrix(right[known], shadow[known], labels=[True, False])
    assert [labelled.both_right, labelled.only_answer_right] == table[0].tolist()
    assert [labelled.only_shadow_right, labelled.both_wrong] == table[1].tolist()
    # With two classes the sum over both is twice what scikit-learn calls the Brier score.
    scores = [2 * brier_score_loss(truth[known] == "well", one[known, 1]) for one in (q, p)]
    assert labelled.loss.total / labelled.loss.n == pytest.approx(scores[0] - scores[1])


def test_mcnemar_is_the_published_one_and_that_of_scipy():
    # R's mcnemar.test and exact2x2's mcnemar.exact of [[23, 15], [19, 31]], as printed in
    # statsmodels 82c59e3, statsmodels/stats/tests/results/contingency_table_r_results.csv
    test = labelled_json(Labelled(23, 15, 19, 31))["mcnemar"]
    assert test["statistic"] == pytest.approx(0.470588235294118)
    assert test["p_value"] == pytest.approx(0.492716677227088)
    assert test["corrected_p_value"] == pytest.approx(0.606905427217951)
    assert test["exact_p_value"] == pytest.approx(0.60759136127308)
    assert test["exact_p_value"] < test["p_value_at_every_look"] <= 1
    # The same model twice: nobody is right alone.
    assert labelled_json(Labelled(40, 0, 0, 10))["mcnemar"]["exact_p_value"] == 1
    assert labelled_json(Labelled())["mcnemar"] is None


@pytest.mark.parametrize("values", [[], [0.5], [0.25, 0.25, 0.25]])
def test_losses_that_do_not_vary_have_no_interval(values):
    loss = labelled_json(Labelled(loss=Differences.of(np.array(values))))["loss_difference"]
    assert loss["mean"] == (values[0] if values else None)
    assert (loss["low"], loss["high"], loss["p_value_at_every_look"]) == (None, None, None)


def test_truths_of_numbers_compare_squared_errors():
    first, second, truth = (np.random.default_rng(n).normal(size=50) for n in range(3))
    pairing = Pairing(NUMBER, lambda name, row: truth[int(name[1:])])
    labelled = pairing.counts(paired(side(first), side(second))).labelled
    expected = (second - truth) ** 2 - (first - truth) ** 2
    assert labelled.loss.total == pytest.approx(expected.sum())
    assert labelled.loss.squares == pytest.approx((expected**2).sum())


def test_an_interval_of_losses_is_wider_than_one_look_needs_and_shrinks():
    reaches = []
    for n in (100, 1_000, 10_000):
        values = np.tile([1.0, -1.0], n // 2)
        pairing = Pairing(NUMBER, lambda name, row: 0.0)
        shadow = np.sqrt(np.where(values > 0, 2.0, 0.0))
        pairs = paired(side(np.ones(n)), side(shadow))
        said = pairing.counts(pairs).to_json()["labelled"]["loss_difference"]
        assert said["mean"] == pytest.approx(0, abs=1e-9)
        reaches.append(said["high"])
        assert said["high"] > stats.norm.ppf(0.975) / np.sqrt(n)
    assert reaches == sorted(reaches, reverse=True)


def test_the_interval_of_losses_holds_at_every_look():
    """Of 400 streams without a difference at most a few are ever outside, whenever one looks."""
    rng, outside = np.random.default_rng(11), 0
    looks = np.arange(100, 4_001, 50)
    for _ in range(400):
        stream = rng.normal(size=4_000)
        sums, squares = np.cumsum(stream)[looks - 1], np.cumsum(stream**2)[looks - 1]
        outside += any(
            not interval(int(n), s, q)[0] <= 0 <= interval(int(n), s, q)[1]
            for n, s, q in zip(looks, sums, squares, strict=True)
        )
    # 5 % is the promise; 99.9 % of such counts lie below this where it is kept exactly.
    assert outside <= stats.binom.ppf(0.999, 400, 0.05)


def interval(n, total, squares):
    said = labelled_json(Labelled(loss=Differences(n, total, squares)))["loss_difference"]
    return said["low"], said["high"]


def test_failures_of_both_sides_are_counted_by_request_and_drops_are_none():
    outcomes = [
        ("answered", "answered"), ("answered", "model_failed"), ("answered", "timed_out"),
        ("model_failed", "answered"), ("unavailable", "timed_out"), ("answered", "dropped"),
    ]  # fmt: skip
    # Every request has two rows.
    first, second = zip(*[one for one in outcomes for _ in range(2)], strict=True)
    values = ["ill"] * 12
    pairs = paired(
        side(values, outcome=list(first)), side(values, outcome=list(second)), rows=[0, 1] * 6
    )
    said = Pairing(BINARY, unknown).counts(pairs).to_json()
    assert said["rows"] == 2
    assert said["requests"] == {
        "both_answered": 1, "only_answer": 2, "only_shadow": 1, "both_failed": 1,
        "timed_out": 2, "dropped": 1, "shown": 5,
        "answer_error_rate": 2 / 5, "shadow_error_rate": 3 / 5,
        "error_rate_difference": pytest.approx(1 / 5),
    }  # fmt: skip


def test_times_are_those_of_requests():
    pairs = paired(
        side(["ill"] * 4, took_s=[0.1, 0.1, 0.2, 0.2]),
        side(["ill"] * 4, took_s=[0.3, 0.3, 0.1, 0.1]),
        rows=[0, 1, 0, 1],
    )
    took = Pairing(BINARY, unknown).counts(pairs).took_s
    assert (took.n, took.total) == (2, pytest.approx(0.1))


def test_classes_are_the_same_whatever_type_the_log_gives_them():
    counts = Pairing(THREE, unknown).counts(paired(side([1, 2.0, "3"]), side(["1", 2, 9])))
    assert counts.table.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 2**32 - 1))
def test_counts_of_parts_add_up_to_those_of_all(n, cut, seed):
    cut = min(n, cut)
    (first, p), (second, q) = classes(THREE, n, seed), classes(THREE, n, seed + 1)
    truths = {f"p{place}": 1 + place % 3 for place in range(0, n, 2)}
    pairing = Pairing(THREE, lambda name, row: truths.get(name))
    whole = paired(side(first, p), side(second, q))
    parts = [pairing.counts(whole.take(np.arange(a, b))) for a, b in ((0, cut), (cut, n))]
    together, at_once = (PairedCounts() + parts[0] + parts[1]), pairing.counts(whole)
    assert together.table.tolist() == at_once.table.tolist()
    assert together.requests == at_once.requests
    assert (together.rows, together.score.sketch) == (at_once.rows, at_once.score.sketch)
    assert together.labelled.loss.total == pytest.approx(at_once.labelled.loss.total)
    assert together.labelled.both_wrong == at_once.labelled.both_wrong


def test_segments_add_up_to_all_rows_and_the_rarest_are_together():
    (first, p), (second, q) = classes(BINARY, 300, 1), classes(BINARY, 300, 2)
    sums = ShadowSums("s@1", Pairing(BINARY, unknown), SegmentRule({"plan": ()}))
    plans = [f"plan-{place % 24 if place % 2 else 0}" for place in range(300)]
    rows = [{"plan": plan, "other column": "x"} for plan in plans]
    sums.add(paired(side(first, p), side(second, q)), ["a@1"] * 200 + ["b@1"] * 100, rows)
    said = sums.comparison().to_json()
    by_column = {}
    for one in said["segments"]:
        by_column.setdefault(one["column"], {})[one["value"]] = one["rows"]
    assert by_column[ANSWERED_BY] == {"a@1": 200, "b@1": 100}
    assert len(by_column["plan"]) == 11
    assert by_column["plan"]["plan-0"] == plans.count("plan-0")
    assert sum(by_column["plan"].values()) == said["rows"] == 300
    part = next(one for one in said["segments"] if one["value"] == "plan-0")
    own = np.array(plans) == "plan-0"
    kappa = cohen_kappa_score(np.array(first)[own], np.array(second)[own])
    assert part["kappa"] == pytest.approx(kappa)
