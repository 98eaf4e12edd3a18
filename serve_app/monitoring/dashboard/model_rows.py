"""The rows of the dashboard about what models are given and how good their answers are."""

from __future__ import annotations

from serve_app.monitoring import catalogue
from serve_app.monitoring.dashboard.panel import Panel, Query, Row

_ENDPOINTS = 'endpoint=~"$endpoint"'
_SHOWN = "accuracy|f1|auc|log_loss|rmse|r2|reward"
"""The metrics that are drawn: of the others there are too many for one panel."""


def wrong() -> Panel:
    """What the monitor sees wrong, for the row of the verdict."""
    every = f"max by (kind, endpoint, severity) ({catalogue.FINDINGS.exported}{{{_ENDPOINTS}}})"
    return Panel(
        "What the monitor sees",
        "How many things are wrong with the data and the answers, as alerts say them.",
        (Query(f"sum({every}) or vector(0)", "wrong"),),
        "short",
        "monitorfinding",
        kind="stat",
        height=6,
        thresholds={1.0: "yellow"},
    )


def data() -> Row:
    """Whether rows and predictions are like those of training."""
    return Row(
        "Data", (_drift_of_features(), _drift_of_predictions(), _odd_values(), _sudden_changes())
    )


def _drift_of_features() -> Panel:
    score = f"max by (version, feature) ({catalogue.FEATURE_DRIFT.exported}{{{_ENDPOINTS}}})"
    return Panel(
        "Drift of features",
        "Distance from training in thresholds, feature by feature: from 1 on it counts.",
        (Query(f"topk(20, {score})", "{{version}} {{feature}}"),),
        "short",
        "featuresdrifted",
        kind="state-timeline",
        height=10,
        thresholds={0.5: "yellow", 1.0: "red"},
    )


def _drift_of_predictions() -> Panel:
    predictions = catalogue.PREDICTION_DRIFT.exported
    rows = catalogue.MULTIVARIATE_DRIFT.exported
    return Panel(
        "Drift of predictions and of whole rows",
        "Distance of what is predicted from what training gave, and how much worse rows are "
        "rebuilt from what goes together in training; both in thresholds.",
        (
            Query(
                f"max by (version, prediction) ({predictions}{{{_ENDPOINTS}}})",
                "{{version}} {{prediction}}",
            ),
            Query(f"max by (version) ({rows}{{{_ENDPOINTS}}})", "{{version}} whole rows"),
        ),
        "short",
        "predictionsdrifted",
        height=10,
    )


def _odd_values() -> Panel:
    name, outliers = catalogue.FEATURE_RATIO.exported, catalogue.OUTLIER_RATIO.exported
    share = f"max by (version, feature, what) ({name}{{{_ENDPOINTS}}}) > 0"
    return Panel(
        "Missing, out of range, unseen, outliers",
        "Share of the values of a feature, and of rows that are outliers as wholes, in the last "
        "judged window.",
        (
            Query(f"topk(20, {share})", "{{version}} {{feature}} {{what}}"),
            Query(f"max by (version) ({outliers}{{{_ENDPOINTS}}})", "{{version}} outliers"),
        ),
        "percentunit",
        "valuesmissing",
        height=10,
        most=1,
    )


def _sudden_changes() -> Panel:
    """What has scores or numbers of its own, and is hardly ever anything but 0 or near 0.5."""
    anomalies = f"max by (endpoint, what) ({catalogue.DATA_ANOMALIES.exported}{{{_ENDPOINTS}}})"
    changes = f"increase({catalogue.CONCEPT_DRIFT.exported}{{{_ENDPOINTS}}}[1d])"
    suspicion = f"max by (endpoint, kind) ({catalogue.SUSPICION.exported}{{{_ENDPOINTS}}})"
    separation = f"max by (endpoint, version) ({catalogue.DOMAIN_AUC.exported}{{{_ENDPOINTS}}})"
    order = f"max by (endpoint, version) ({catalogue.ATTRIBUTION_NDCG.exported}{{{_ENDPOINTS}}})"
    return Panel(
        "Sudden changes, and suspect callers",
        "What of the last window is unlike those before, how often errors changed within a day, "
        "how suspect the most suspect caller is (0 to 1), how well rows of the last hour are "
        "told from former ones (by chance 0.5), and how far features matter in the order of "
        "training (1 is the same).",
        (
            Query(anomalies, "{{endpoint}} {{what}}"),
            Query(
                f"sum by (endpoint, variants, detector) ({changes})",
                "{{variants}} errors changed ({{detector}})",
            ),
            Query(suspicion, "{{endpoint}} caller: {{kind}}"),
            Query(separation, "{{version}} told from former rows"),
            Query(order, "{{version}} order of features"),
        ),
        "short",
        "monitorfinding",
        height=10,
    )


def quality() -> Row:
    """How good answers were, as far as labels came."""
    return Row("Quality", (_realised(), _coverage()))


def _realised() -> Panel:
    realised, estimated = catalogue.REALISED_METRIC.exported, catalogue.ESTIMATED_METRIC.exported
    shown = f'{_ENDPOINTS}, metric=~"{_SHOWN}"'
    return Panel(
        "Quality, realised and estimated",
        "Metrics of the last day's answers whose truth is known, with their interval of 95 %, and "
        "what is estimated of the last window without labels, with the bound from where on that "
        "is worse than at registration.",
        (
            *(
                Query(
                    f'max by (endpoint, variants, metric) ({realised}{{{shown}, bound="{bound}"}})',
                    f"{{{{variants}}}} {{{{metric}}}}{words}",
                )
                for bound, words in (("value", ""), ("low", " at least"), ("high", " at most"))
            ),
            *(
                Query(
                    f'max by (endpoint, version, metric) ({estimated}{{{shown}, bound="{bound}"}})',
                    f"{{{{version}}}} {{{{metric}}}} {words}",
                )
                for bound, words in (("value", "estimated"), ("threshold", "bound of the estimate"))
            ),
        ),
        "short",
        "qualitydropped",
        least=None,
    )


def _coverage() -> Panel:
    share, delay = catalogue.LABEL_COVERAGE.exported, catalogue.LABEL_DELAY.exported
    return Panel(
        "Rows with a label, and how late labels come",
        "Share of the rows of the last day whose truth is known by now, and within how long half "
        "and 95 % of the newest labels came (on the right).",
        (
            Query(f"max by (endpoint, variants) ({share}{{{_ENDPOINTS}}})", "{{variants}}"),
            Query(
                f"max by (endpoint, variants, quantile) ({delay}{{{_ENDPOINTS}}})",
                "{{variants}} delay, quantile {{quantile}}",
                unit="s",
            ),
        ),
        "percentunit",
        "labelcoveragelow",
    )


def bandits() -> Row:
    """Which arms of bandits answer, and what they earn."""
    share, reward = catalogue.BANDIT_SHARE.exported, catalogue.BANDIT_REWARD.exported
    decisions = catalogue.BANDIT_DECISIONS.exported
    by_arm = "max by (endpoint, version)"
    return Row(
        "Bandits",
        (
            Panel(
                "Share of each arm",
                "Share of the requests of a bandit that each arm gets now. Of a contextual one "
                "each request has shares of its own, and none is drawn.",
                (Query(f"{by_arm} ({share}{{{_ENDPOINTS}}})", "{{endpoint}} {{version}}"),),
                "percentunit",
                "bandits",
                most=1,
            ),
            Panel(
                "Mean reward of each arm",
                "From 0 to 1, of the decisions whose reward is known, and how many these are (on "
                "the right).",
                (
                    Query(f"{by_arm} ({reward}{{{_ENDPOINTS}}})", "{{endpoint}} {{version}}"),
                    Query(
                        f"{by_arm} ({decisions}{{{_ENDPOINTS}}})",
                        "{{endpoint}} {{version}} decisions",
                        unit="short",
                    ),
                ),
                "percentunit",
                "bandits",
            ),
        ),
    )


def training() -> Row:
    """Whether models are trained again, and what comes of it."""
    ended, runs = catalogue.TRAINING_ENDED.exported, catalogue.RETRAINING_RUNS.exported
    trials = catalogue.TRAINING_TRIALS.exported
    return Row(
        "Training",
        (
            Panel(
                "Age of the newest run of training",
                "How long ago it ended, and how long it took (on the right).",
                (
                    Query(f"time() - max by (model) ({ended})", "{{model}}"),
                    Query(
                        f"max by (model) ({catalogue.TRAINING_SECONDS.exported})",
                        "{{model}} took",
                        unit="s",
                    ),
                ),
                "s",
                "training",
            ),
            Panel(
                "Runs of retraining and failed trials",
                "Runs by the state that they are in, and trials that failed within a day.",
                (
                    Query(f"max by (model, state) ({runs})", "{{model}} {{state}}"),
                    Query(
                        f'sum by (model) (increase({trials}{{outcome="failed"}}[1d]))',
                        "{{model}} failed trials",
                    ),
                ),
                "short",
                "training",
            ),
        ),
    )
