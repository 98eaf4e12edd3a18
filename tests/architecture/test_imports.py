"""What importing a part of the house costs, and what must never come along."""

import json
import subprocess
import sys

import pytest

CODE = """
import json, sys
from importlib import import_module
for name in {modules!r}:
    import_module(name)
print(json.dumps(sorted({{name.partition(".")[0] for name in sys.modules}})))
"""


def imported(*modules):
    """The top-level packages that are in memory after importing some modules alone."""
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(modules=modules)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return set(json.loads(done.stdout))


CORE = [
    "serve_app.errors",
    "serve_app.core.batcher",
    "serve_app.core.combine",
    "serve_app.core.schema",
    "serve_app.core.snapshot",
    "serve_app.routing.ensemble",
    "serve_app.routing.single",
    "serve_app.routing.split",
]


@pytest.mark.parametrize(
    ("modules", "never"),
    [
        (CORE, {"ray", "starlette", "pandas", "pydantic", "orjson", "sklearn", "scipy", "xgboost"}),
        (
            ["serve_app.protocols.dialects.native", "serve_app.protocols.oip.v2"],
            {"ray", "pandas", "sklearn"},
        ),
        (["serve_app.gateway.app"], {"ray", "pandas", "sklearn", "xgboost", "skops", "graphql"}),
        (["serve_app.registry.store"], {"ray", "pandas", "sklearn", "starlette"}),
        # Serve reads each application in a process of its own.
        (["serve_app.app", "serve_app.serving.workers"], {"sqlalchemy", "jinja2", "httptools"}),
        (["serve_app.models.xgboost"], {"ray", "starlette", "skops"}),
        (["serve_app.engine.assemble"], {"ray", "starlette", "sklearn", "xgboost"}),
        (
            [
                "serve_app.storage.snapshots",
                "serve_app.storage.feedback",
                "serve_app.storage.events",
            ],
            {"ray", "starlette", "pandas", "sqlalchemy", "alembic", "mako", "psycopg"},
        ),
        (
            ["serve_app.cli.records", "serve_app.core.record_settings"],
            {"pyarrow", "duckdb", "fsspec", "pandas", "ray", "sklearn"},
        ),
        (["serve_app.storage.records.sql"], {"duckdb", "ray", "starlette", "sklearn"}),
        (
            [
                "serve_app.monitoring.concept",
                "serve_app.monitoring.estimate.cbpe_exact",
                "serve_app.monitoring.estimate.cbpe",
                "serve_app.monitoring.estimate.dle",
                "serve_app.monitoring.quality.classification",
                "serve_app.monitoring.quality.maturity",
                "serve_app.monitoring.quality.regression",
                "serve_app.monitoring.quality.segments",
            ],
            {"ray", "starlette", "pandas", "river", "scipy", "sklearn"},
        ),
        (
            [
                "serve_app.experiments.bernoulli_sequence",
                "serve_app.experiments.best_arm",
                "serve_app.experiments.cuped",
                "serve_app.experiments.multiple",
                "serve_app.experiments.off_policy",
                "serve_app.experiments.paired",
                "serve_app.experiments.power",
                "serve_app.experiments.quality",
                "serve_app.experiments.quantile",
                "serve_app.experiments.sample_ratio",
                "serve_app.experiments.welch",
            ],
            {"ray", "starlette", "pandas", "pydantic", "orjson", "sklearn"},
        ),
        (
            ["serve_app.cli.main"],
            {"sqlalchemy", "alembic", "ray", "starlette", "pandas", "numpy", "sklearn", "rich"},
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_part_of_the_house_does_without(modules, never):
    assert not imported(*modules) & never


def test_a_gateway_reads_snapshots_from_sqlite_without_sqlalchemy(tmp_path):
    from serve_app.storage.snapshots import SnapshotStore

    SnapshotStore(str(tmp_path)).save(1, "hash", {"version": 1})
    code = (
        "import sys; from serve_app.storage.snapshots import SnapshotStore; "
        "print(SnapshotStore(sys.argv[1]).latest(), 'sqlalchemy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "{'version': 1} False"
