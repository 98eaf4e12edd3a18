"""Reports of experiments as tests of the page need them: of subjects that are drawn at random."""

from dataclasses import replace

import numpy as np

from serve_app.experiments.confidence_sequence import critical_value
from serve_app.experiments.posterior import normal_effect
from serve_app.monitoring.experiment.document import (
    ArmTraffic,
    ArmValue,
    Comparison,
    Decision,
    EffectPoint,
    EpochRatio,
    ExperimentReport,
    HistoryLine,
    MetricResult,
    Plan,
    SampleRatio,
    TrafficPoint,
)

HOUR_S = 3_600.0
START_S = 1_790_000_000 // 86_400 * 86_400.0
LOOKS, BY_LOOK = 30, 120
NASTY = (
    "<script>alert(1)</script>", "a" * 200, "שלום עולם", "🧨 emoji", "\"quote' & amp;",
    "nul\x00\x1b[2J", "\u202eltr live", "</svg></style></script>", "]]>", "javascript:alert(1)",
    "", "--><!--", "مرحبا بالعالم", "wrap me " * 30,
)  # fmt: skip


def at(look):
    return START_S + (look + 1) * 6 * HOUR_S


def course_of(baseline, variant):
    """The effect of a share at each look, with an asymptotic confidence sequence."""
    points = []
    for look in range(LOOKS):
        n = (look + 1) * BY_LOOK
        shares = [one[:n].mean() for one in (baseline, variant)]
        error = float(np.sqrt(sum(share * (1 - share) / n for share in shares)))
        reach = float(critical_value(2 * n, tightest_at=4_000)) * error
        effect = float(shares[1] - shares[0])
        points.append(EffectPoint(at(look), 2 * n, effect, effect - reach, effect + reach))
    return tuple(points)


def metric_of(
    name, role, shares, seed, *, better="higher", margin=0.01, words="rows that are right"
):
    """A metric of shares of subjects by variant; the first variant is the baseline."""
    rng = np.random.default_rng(seed)
    drawn = {
        variant: (rng.random(LOOKS * BY_LOOK) < share).astype(float)
        for variant, share in shares.items()
    }
    baseline, *others = drawn
    arms = tuple(
        ArmValue(
            variant, len(values), float(values.mean()), values.mean() - 0.02, values.mean() + 0.02
        )
        for variant, values in drawn.items()
    )
    compared = []
    for variant in others:
        course = course_of(drawn[baseline], drawn[variant])
        last = course[-1]
        belief = normal_effect(last.effect, (last.high - last.low) / 6)
        gain, loss = belief.expected_loss()
        up = better == "higher"
        chance = belief.chance_above()
        wins, loses = (last.low > 0, last.high < 0) if up else (last.high < 0, last.low > 0)
        verdict = "better" if wins else "worse" if loses else "undecided"
        value = float(drawn[baseline].mean())
        compared.append(Comparison(
            variant, verdict, last.effect, last.low, last.high, last.effect / value,
            last.low / value, last.high / value, 0.012, 0.024, chance if up else 1 - chance, 0.6,
            loss if up else gain, course, "", belief.mean, belief.standard_deviation,
        ))  # fmt: skip
    return MetricResult(name, words, role, better, margin, arms, tuple(compared), 7_200, 130)


def traffic_of(weights, seed=0):
    rng = np.random.default_rng(seed)
    counts = np.cumsum(rng.multinomial(2 * BY_LOOK, list(weights.values()), size=LOOKS), axis=0)
    total = int(counts[-1].sum())
    return tuple(
        ArmTraffic(
            variant, int(counts[-1, place] * 1.4), int(counts[-1, place]), 3, 900,
            float(counts[-1, place] / total), weight,
            tuple(TrafficPoint(at(look), int(counts[look, place])) for look in range(LOOKS)),
        )
        for place, (variant, weight) in enumerate(weights.items())
    )  # fmt: skip


def ratio_of(traffic):
    total = sum(one.units for one in traffic)
    counts = {one.variant: one.units for one in traffic}
    expected = {one.variant: one.wanted * total for one in traffic}
    return SampleRatio(0.61, 0.001, mismatch=False, epochs=(
        EpochRatio(3, START_S, counts, expected, 0.61),
    ))  # fmt: skip


def full_report():
    """A variant that is better, and a guardrail that is not decided."""
    names = ("diagnosis-forest@1", "diagnosis-xgb@2")
    traffic = traffic_of(dict.fromkeys(names, 0.5))
    return ExperimentReport(
        endpoint="diagnosis",
        name="forest against XGBoost",
        state="running",
        route="split",
        unit="subject",
        key="patient_id",
        baseline=names[0],
        variants=names,
        method="always valid",
        alpha=0.05,
        looked_s=at(LOOKS - 1),
        decision=Decision(
            "keep running",
            "keep running: 41 % of the needed sample, about 3 days left",
            ("accuracy is better by 0.041 (0.012 to 0.07), beyond its margin of 0.01",
             "whether errors are worse by no more than 0.02 is not decided yet"),
            names[1], 0.41, 3 * 86_400.0,
        ),
        traffic=traffic,
        ratio=ratio_of(traffic),
        metrics=(
            metric_of("accuracy", "primary", {names[0]: 0.8, names[1]: 0.86}, 1),
            metric_of("errors", "guardrail", {names[0]: 0.05, names[1]: 0.052}, 2, better="lower",
                      margin=0.02, words="requests that failed"),
            metric_of("sales", "secondary", {names[0]: 0.3, names[1]: 0.29}, 3, margin=0.0,
                      words="subjects who bought"),
        ),
        plan=Plan(0.02, 0.8, 8_780, 3_600, 0.031, 1.7),
        started_s=START_S,
        hypothesis="Gradient boosting finds more of the ill without alarming more of the well.",
        notes=("Of 1,240,000 rows the newest 1,000,000 are counted.",),
        history=(
            HistoryLine(START_S, "ana", "started", "the model is registered"),
            HistoryLine(at(3), "control", "weights 90/10 to 50/50", "ramp"),
        ),
    )  # fmt: skip


def wide_report(count=20):
    """Many variants."""
    names = [f"model-{place}@1" for place in range(count)]
    shares = {name: 0.78 + 0.006 * place for place, name in enumerate(names)}
    traffic = traffic_of(dict.fromkeys(names, 1 / count))
    return replace(
        full_report(),
        baseline=names[0],
        variants=tuple(names),
        traffic=traffic,
        ratio=ratio_of(traffic),
        metrics=tuple(
            metric_of(name, role, shares, seed)
            for seed, (name, role) in enumerate(
                [("accuracy", "primary"), ("sales", "secondary"), ("recall", "guardrail")]
            )
        ),
    )


def empty_report():
    """An experiment that was not started."""
    return ExperimentReport(
        "diagnosis", "new", "ready", "split", "request", None, "a@1", ("a@1", "b@1"),
        "always valid", 0.05, START_S, Decision("not started", "not started"),
    )  # fmt: skip


def tiny_report():
    """A few requests: nothing has an interval, or an infinite one."""
    nan = float("nan")
    point = EffectPoint(START_S + 60, 2, 0.5, float("-inf"), float("inf"))
    return replace(
        empty_report(),
        state="running",
        started_s=START_S,
        looked_s=START_S + 60,
        decision=Decision("keep running", "keep running: too few units", progress=0.0),
        traffic=(
            ArmTraffic("a@1", 1, 1, 0, 0, 1.0, 0.5, (TrafficPoint(START_S + 60, 1),)),
            ArmTraffic("b@1", 0, 0, 0, 0, 0.0, 0.5),
        ),
        ratio=SampleRatio(None, 0.001, mismatch=False, epochs=(
            EpochRatio(1, START_S, {"a@1": 1}, {"a@1": 0.5, "b@1": 0.5}),
        )),
        metrics=(
            MetricResult("reward", "", "primary", "higher", 0.0, (ArmValue("a@1", 1, 0.5),), (
                Comparison("b@1", "no data"),
            )),
            MetricResult("latency", "seconds", "guardrail", "lower", 0.1, (), (
                Comparison("b@1", "undecided", 0.5, float("-inf"), float("inf"), nan, nan, nan,
                           nan, None, 0.5, None, 0.1, (point,)),
            )),
            MetricResult("odd", "", "secondary", "higher", 0.0, (), (
                Comparison("b@1", "undecided", 0.0, 0.0, 0.0, course=(point,), chance_to_beat=0.5,
                           posterior_mean=0.0, posterior_deviation=0.0),
            )),
        ),
        plan=Plan(0.1, 0.8, None, 1, float("inf")),
    )  # fmt: skip


def nasty_report():
    """Everything that can have a name has one that would do harm."""
    names = list(NASTY)
    shares = {name: 0.5 + 0.01 * place for place, name in enumerate(names)}
    traffic = traffic_of(dict.fromkeys(names, 1 / len(names)))
    return replace(
        full_report(),
        endpoint=NASTY[0], name=NASTY[7], route="split", key=NASTY[4], baseline=names[0],
        variants=tuple(names), hypothesis=NASTY[8],
        decision=Decision("ship", NASTY[0], NASTY, NASTY[0], 0.4),
        traffic=traffic, ratio=ratio_of(traffic), notes=NASTY,
        metrics=tuple(
            metric_of(name, "secondary" if place else "primary", shares, place, words=name)
            for place, name in enumerate(names[:4])
        ),
        history=tuple(HistoryLine(START_S, one, one, one) for one in NASTY),
    )  # fmt: skip


def shadow(name="diagnosis-logistic@1", values=("basic", "plus", "pro")):
    """What the monitor says of a shadow."""
    agreement = {"value": 0.93, "low": 0.91, "high": 0.948, "n": 3_000}
    part = {
        "rows": 3_000, "agreement": agreement, "kappa": 0.81, "score_difference": {"mean": 0.012},
        "score_distance": {"psi": 0.04, "ks": 0.051},
        "labelled": {
            "rows": 900, "mcnemar": {"p_value": 0.012},
            "loss_difference": {"mean": 0.011, "low": 0.002, "high": 0.02},
        },
    }  # fmt: skip
    segments = [
        {**part, "column": "plan", "value": value, "rows": 900 - 200 * place,
         "agreement": {"value": 0.95 - 0.08 * place, "low": 0.93 - 0.12 * place,
                       "high": 0.97 - 0.05 * place}}
        for place, value in enumerate(values)
    ]  # fmt: skip
    return {
        "endpoint": "diagnosis",
        "shadow": name,
        "not_judged": None,
        **part,
        "segments": segments,
    }


def bandit(names=("a@1", "b@1", "c@1")):
    """What the monitor says of the arms of a bandit."""
    rng = np.random.default_rng(0)
    goals = [0.9, *[0.1 / (len(names) - 1)] * (len(names) - 1)]
    shares = np.array([np.linspace(1 / len(names), goal, 20) for goal in goals])
    return [
        {
            "endpoint": "diagnosis", "version": name, "policy": "thompson",
            "share": float(shares[place, -1]), "decisions": 300, "mean": float(rng.random()),
            "value": {"value": 0.7, "low": 0.62, "high": 0.79, "n": 900},
            "course": [
                {"at_s": START_S + look * 9 * HOUR_S, "share": float(shares[place, look])}
                for look in range(20)
            ],
        }
        for place, name in enumerate(names)
    ]  # fmt: skip
