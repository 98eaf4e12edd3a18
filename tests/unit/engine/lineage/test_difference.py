"""What differs between two versions, and nothing of what does not."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given

from serve_app.core.signature import Column, Output, Signature
from serve_app.engine.lineage.difference import Difference, differences
from serve_app.registry.lineage import (
    DataFile,
    Dataset,
    Environment,
    Lineage,
    Period,
    SourceCode,
)
from serve_app.registry.manifest import FileEntry, Manifest, Metrics, TrainingData
from tests.unit.registry.test_manifest import a_manifest, manifests

ONE, TWO = "1" * 64, "2" * 64


def differ(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str, Any, Any]]:
    found = differences(a_manifest(**before), a_manifest(**after))
    return [(one.section, one.what, one.before, one.after) for one in found]


@given(manifests)
def test_a_version_does_not_differ_from_itself(manifest: Manifest) -> None:
    assert differences(manifest, manifest) == []


@given(manifests, manifests)
def test_the_other_way_round_both_sides_are_exchanged(one: Manifest, other: Manifest) -> None:
    there, back = differences(one, other), differences(other, one)
    assert back == [Difference(d.section, d.what, d.after, d.before) for d in there]
    assert all(d.before != d.after for d in there)


def test_who_registered_when_and_under_which_number_is_no_difference() -> None:
    assert differ({}, {"version": 2, "created_at": "later", "created_by": "bob"}) == []


def test_parameters_differ_by_their_path_and_lists_as_a_whole() -> None:
    before = {"parameters": {"eta": 0.1, "tree": {"depth": 3, "bins": [1, 2]}, "same": None}}
    after = {"parameters": {"eta": 0.1, "tree": {"depth": 4, "bins": [1, 3]}, "new": True}}
    assert differ(before, after) == [
        ("parameters", "new", None, True),
        ("parameters", "tree.bins", [1, 2], [1, 3]),
        ("parameters", "tree.depth", 3, 4),
    ]


def test_metrics_that_could_not_be_computed_are_like_none() -> None:
    before = {"metrics": Metrics(held_out={"auc": math.nan, "accuracy": 0.9})}
    after = {
        "metrics": Metrics(held_out={"auc": math.nan, "accuracy": 0.8}),
        "lineage": Lineage(metrics={"auc": 0.7}),
    }
    assert differ(before, after) == [
        ("metrics", "held_out.accuracy", 0.9, 0.8),
        ("metrics", "run.auc", None, 0.7),
    ]


def test_columns_differ_by_what_is_said_of_each() -> None:
    output = Output("classification", ("no", "yes"))
    before = Signature((Column("age", "int64", maximum=120), Column("sex", "string")), output)
    after = Signature((Column("age", "float64", nullable=True),), output)
    assert differ({"signature": before}, {"signature": after}) == [
        ("schema", "column age: dtype", "int64", "float64"),
        ("schema", "column age: maximum", 120, None),
        ("schema", "column age: nullable", False, True),
        ("schema", "column sex: dtype", "string", None),
        ("schema", "column sex: nullable", False, None),
        ("schema", "columns", ["age", "sex"], ["age"]),
    ]


def test_data_code_libraries_machine_run_and_files_have_sections_of_their_own() -> None:
    machine = Environment(
        process="training", python="3.11", platform="linux", libraries={"numpy": "2.3"}, threads=2
    )

    def lineage(**changed: Any) -> Lineage:
        file = DataFile(path="a.csv", sha256=ONE, size_bytes=1)
        return Lineage(
            run_id="r-1",
            training_window=Period(start="2026-01-01", end="2026-02-01"),
            data=(Dataset(files=(file,), fingerprint=ONE, rows=5),),
            code=SourceCode(commit="c0ffee"),
            environment=machine,
            seeds={"split": 1},
        ).model_copy(update=changed)

    other = lineage(
        run_id="r-2",
        training_window=Period(start="2026-02-01", end="2026-03-01"),
        data=(Dataset(fingerprint=TWO, rows=5),),
        code=SourceCode(commit="c0ffee", diff_sha256=TWO),
        environment=machine.model_copy(update={"libraries": {"numpy": "2.4"}, "threads": 4}),
        seeds={"split": 2},
    )
    training = TrainingData(rows=5, fingerprint=ONE, source="a.csv")
    found = differ(
        {"lineage": lineage(), "training": training},
        {
            "lineage": other,
            "training": training,
            "files": (FileEntry(path="model.ubj", sha256=TWO, size_bytes=4),),
        },
    )
    assert found == [
        ("data", "training file a.csv", ONE, None),
        ("data", "training fingerprint", ONE, TWO),
        ("data", "training window", "2026-01-01 to 2026-02-01", "2026-02-01 to 2026-03-01"),
        ("code", "changes since", None, TWO),
        ("libraries", "numpy", "2.3", "2.4"),
        ("machine", "threads", 2, 4),
        ("run", "run", "r-1", "r-2"),
        ("run", "seed.split", 1, 2),
        ("files", "model.ubj", f"{'0' * 64} (3 bytes)", f"{TWO} (4 bytes)"),
    ]


def test_versions_of_before_there_was_a_lineage_are_compared_by_what_they_have() -> None:
    before = {"training": TrainingData(rows=5, fingerprint=ONE), "git_commit": "c0ffee"}
    here = Environment(
        process="training", python="3.11", platform="linux", libraries={"numpy": "2.3", "pip": "26"}
    )
    after = {
        "training": TrainingData(rows=6, fingerprint=TWO),
        "libraries": {"numpy": "2.3"},
        "lineage": Lineage(environment=here),
    }
    assert differ(before, after) == [
        ("data", "training fingerprint", ONE, TWO),
        ("data", "training rows", 5, 6),
        ("code", "commit", "c0ffee", None),
        ("libraries", "numpy", None, "2.3"),
    ]
