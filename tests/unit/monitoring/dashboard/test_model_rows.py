"""Panels about data and answers show what the monitor exports, as Prometheus evaluates them."""

import os
import shutil
import subprocess

import pytest
import yaml

from serve_app.monitoring import catalogue
from serve_app.monitoring.dashboard.model_rows import bandits, data, quality, wrong

EXPORTED = (
    (catalogue.FINDINGS, ("drift", "risk", "warning")),
    (catalogue.FEATURE_DRIFT, ("risk", "risk@1", "age")),
    (catalogue.PREDICTION_DRIFT, ("risk", "risk@1", "score")),
    (catalogue.FEATURE_RATIO, ("risk", "risk@1", "age", "missing")),
    *(
        (catalogue.REALISED_METRIC, ("risk", "risk@1", "accuracy", bound))
        for bound in ("value", "low", "high")
    ),
    (catalogue.LABEL_COVERAGE, ("risk", "risk@1")),
    (catalogue.LABEL_DELAY, ("risk", "risk@1", "0.95")),
    *(
        (catalogue.ESTIMATED_METRIC, ("risk", "risk@1", "accuracy", bound))
        for bound in ("value", "threshold")
    ),
    (catalogue.MULTIVARIATE_DRIFT, ("risk", "risk@1")),
    (catalogue.OUTLIER_RATIO, ("risk", "risk@1")),
    (catalogue.DOMAIN_AUC, ("risk", "risk@1")),
    (catalogue.ATTRIBUTION_NDCG, ("risk", "risk@1")),
    (catalogue.SUSPICION, ("risk", "sweep")),
    (catalogue.DATA_ANOMALIES, ("risk", "rows")),
    (catalogue.BANDIT_SHARE, ("risk", "risk@1")),
    (catalogue.BANDIT_REWARD, ("risk", "risk@1")),
    (catalogue.BANDIT_DECISIONS, ("risk", "risk@1")),
)
CHANGES = catalogue.CONCEPT_DRIFT, ("risk", "risk@1", "adwin")
"""A counter, which is shown by how much it grew within a day."""
PANELS = (wrong(), *data().panels, *quality().panels, *bandits().panels)


def series(metric, labels):
    listed = ",".join(
        f'{name}="{value}"' for name, value in zip(metric.labels, labels, strict=True)
    )
    return {"series": f'{metric.exported}{{{listed},WorkerId="w"}}', "values": "0.5x10"}


def test_every_expression_gives_data_where_the_monitor_exports_it(tmp_path):
    promtool = shutil.which("promtool")
    if promtool is None:
        if os.environ.get("CI") == "true":
            pytest.fail("there is no promtool")
        pytest.skip("there is no promtool; apt-get download prometheus, and put it on the PATH")
    expressions = [
        query.expression.replace("$endpoint", ".*") for panel in PANELS for query in panel.queries
    ]
    assert len(expressions) == 21
    test = {
        "interval": "1m",
        "input_series": [
            *(series(*one) for one in EXPORTED),
            {**series(*CHANGES), "values": "0x3 1x10"},
        ],
        "promql_expr_test": [
            {
                "expr": f"count({one} {'> 0' if 'increase(' in one else '== 0.5'})",
                "eval_time": "5m",
                "exp_samples": [{"labels": "{}", "value": 1}],
            }
            for one in expressions
        ],
    }
    path = tmp_path / "panels.yml"
    path.write_text(yaml.safe_dump({"rule_files": [], "tests": [test]}))
    done = subprocess.run(
        [promtool, "test", "rules", path], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
