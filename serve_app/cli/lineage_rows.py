"""What a version was made of, as rows of a table for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from serve_app.registry.lineage import Dataset, Environment, Lineage

_SHOWN_DIGITS = 12


def lineage_rows(lineage: Lineage) -> list[tuple[str, str]]:
    """What is known of a lineage, one line for each part; nothing of what is not known."""
    return [(what, value) for what, value in _rows(lineage) if value]


def _rows(lineage: Lineage) -> Iterator[tuple[str, str]]:
    run = f"run {lineage.run_id}" if lineage.run_id else ""
    trigger = f"started by {lineage.trigger_id}" if lineage.trigger_id else ""
    yield "made by", ", ".join(filter(None, [run, trigger]))
    yield "follows", lineage.parent or ""
    if lineage.training_window is not None:
        yield "training window", f"trained on rows of {lineage.training_window}"
    if lineage.holdout_window is not None:
        yield "holdout window", f"judged on rows of {lineage.holdout_window}"
    for one in lineage.data:
        yield f"{one.role} data", dataset_line(one)
    if lineage.code is not None and lineage.code.diff_sha256 is not None:
        shown = lineage.code.diff_sha256[:_SHOWN_DIGITS]
        yield "code", f"{lineage.code.commit[:_SHOWN_DIGITS]}, with changes ({shown})"
    if lineage.environment is not None:
        yield "environment", environment_line(lineage.environment)
    yield "seeds", _listed(lineage.seeds)
    yield "metrics of the run", _listed(lineage.metrics)


def dataset_line(one: Dataset) -> str:
    """Rows, files and times of a dataset, in a sentence."""
    parts = []
    if one.rows is not None:
        parts.append(f"{one.rows:,} row{'' if one.rows == 1 else 's'}")
    if one.files:
        first = one.files[0]
        more = f" and {len(one.files) - 1} more" if len(one.files) > 1 else ""
        parts.append(f"{first.path} ({first.sha256[:_SHOWN_DIGITS]}){more}")
    if one.time_range is not None:
        parts.append(str(one.time_range))
    if one.label_cutoff is not None:
        parts.append(f"labels until {one.label_cutoff}")
    if one.snapshot is not None:
        parts.append(f"snapshot {one.snapshot}")
    if one.fingerprint is not None:
        parts.append(f"fingerprint {one.fingerprint[:_SHOWN_DIGITS]}")
    return ", ".join(parts)


def environment_line(one: Environment) -> str:
    """Where it was trained or registered, in a sentence."""
    doing = "trained" if one.process == "training" else "registered"
    threads = f", {one.threads} thread{'' if one.threads == 1 else 's'}" if one.threads else ""
    count = len(one.libraries)
    return f"{doing} with Python {one.python} on {one.platform}{threads}, {count} distributions"


def _listed(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in values.items())
