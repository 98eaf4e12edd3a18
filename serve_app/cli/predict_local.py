"""`serve-app predict --local`: the rows of files answered by a version, without a cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import output
from serve_app.cli.completion import complete_version

if TYPE_CHECKING:
    from serve_app.batch.job import Format, Job, JobOptions
    from serve_app.batch.ledger import Ledger
    from serve_app.batch.status import JobStatus, Progress
    from serve_app.registry.store import Registry

JOBS = "jobs"
"""The folder of the ledger, within that of the state."""
_LINES_EVERY_S = 10.0

_OPTIONS = (
    click.option(
        "--local",
        is_flag=True,
        help="Answer here, without a cluster: ENDPOINT is MODEL@VERSION of the --registry, --data "
        "may be files, folders, patterns and URLs, --out takes the answers.",
    ),
    click.option("--out", metavar="FOLDER", help="With --local: where the output is written."),
    click.option(
        "--format",
        "form",
        type=click.Choice(["parquet", "csv", "jsonl"]),
        help="With --local: what is written.  [default: what is read]",
    ),
    click.option(
        "--id", "ids", multiple=True, metavar="COLUMN", help="With --local: keep a column of ids."
    ),
    click.option(
        "--passthrough",
        multiple=True,
        metavar="COLUMN,…",
        help="With --local: keep these columns of the input, too.",
    ),
    click.option(
        "--on-error",
        type=click.Choice(["quarantine", "fail", "null"]),
        help="With --local: leave rows out that cannot be answered, end the job, or write them "
        "without an answer.  [default: quarantine]",
    ),
    click.option(
        "--max-bad-rows", type=click.IntRange(min=0), help="With --local: end the job after more."
    ),
    click.option(
        "--max-bad-ratio",
        type=click.FloatRange(0, 1),
        help="With --local: end the job at a larger share of bad rows.  [default: 0.01]",
    ),
    click.option("--redact", is_flag=True, help="With --local: no values in the quarantine."),
    click.option(
        "--shard-rows",
        type=click.IntRange(min=1),
        help="With --local: about so many rows are committed at a time.  [default: 50000]",
    ),
    click.option(
        "--preprocess",
        metavar="MODEL@VERSION",
        shell_complete=complete_version,
        help="With --local: the transformer that runs before.",
    ),
    click.option("--allow-pickle", is_flag=True, help="With --local: load versions of pickles."),
)
_NAMES = (
    *("out", "form", "ids", "passthrough", "on_error", "max_bad_rows", "max_bad_ratio", "redact"),
    *("shard_rows", "preprocess", "allow_pickle"),
)


def options_local(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of `predict` that go with --local."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return output.option_registry(function)


def taken(given: dict[str, Any]) -> dict[str, Any]:
    """The values of these options, taken out of those of a command.

    Raises:
        UsageError: one was given without --local, or --local without what it needs.
    """
    local = given.pop("local")
    values = {name: given.pop(name) for name in _NAMES}
    if not local:
        stray = [name for name, value in values.items() if value]
        if stray:
            option = {"form": "format", "ids": "id"}.get(stray[0], stray[0]).replace("_", "-")
            raise click.UsageError(f"--{option} goes with --local")
        return {}
    if values["out"] is None:
        raise click.UsageError("--local needs --out FOLDER, which takes the answers")
    return values


def predict_local(
    reference: str,
    data: tuple[str, ...],
    *,
    registry: str,
    state: str,
    as_json: bool,
    **given: Any,
) -> None:
    """Submit a job of files and run it here, or go on with it where it stopped."""
    from serve_app.cli.registries import open_registry
    from serve_app.engine.batch.submission import job_of, planned, submit
    from serve_app.registry.named import named

    store = open_registry(registry)
    before = given["preprocess"]
    version = store.manifest(*named(store, reference))
    prepare = None if before is None else store.manifest(*named(store, before))
    options = _options(given, data)
    with output.progress().status("reading the input"):
        cut = planned(data, options.shard_rows, given["out"])
    job = job_of(cut, version, given["out"], options, prepare)
    ledger = open_ledger(state)
    name, is_new = submit(ledger, job, cut)
    if not is_new and not as_json:
        click.echo(f"{name} was submitted before; it goes on where it is", err=True)
    run(ledger, name, store, state=state, as_json=as_json, allow_pickle=given["allow_pickle"])


def run(
    ledger: Ledger, name: str, store: Registry, *, state: str, as_json: bool, allow_pickle: bool
) -> None:
    """Run a job here to its end and print how it ended; exits with 1 where that is no success."""
    from serve_app.batch.status import SUCCEEDED
    from serve_app.engine.batch.folder import OutputFolder
    from serve_app.engine.batch.local_run import LocalRun
    from serve_app.engine.batch.run_lock import running

    job = ledger.job(name)
    folder = OutputFolder(Path(job.out), name, job.options.format)
    with running(Path(state) / JOBS, name), _shown() as show:
        one = LocalRun(ledger, name, folder, clock=time.monotonic, on_progress=show)
        status = one.run(lambda: _scorer(store, job, allow_pickle=allow_pickle))
    if as_json:
        output.print_json(status.to_json())
    else:
        print_status(status)
    if status.state not in SUCCEEDED:
        click.get_current_context().exit(1)


def open_ledger(state: str) -> Ledger:
    """The ledger of the jobs of a folder of state."""
    from serve_app.batch.ledger import FILE, Ledger

    return Ledger(Path(state) / JOBS / FILE, clock=time.time)


def print_status(status: JobStatus) -> None:
    """Print a job for people."""
    from serve_app.engine.batch.folder import QUARANTINE

    rows: list[tuple[str, Any]] = [
        ("state", status.state),
        ("version", status.version),
        ("rows", f"{status.rows_done:,} of {status.rows:,}"),
        ("answered", f"{status.rows_ok:,}"),
        ("bad", f"{status.rows_bad:,}"),
        ("shards", f"{status.shards_done:,} of {status.shards:,}, {status.attempts:,} attempts"),
        ("output", status.out),
    ]
    if status.message:
        rows.insert(1, ("why", status.message))
    output.print_table(status.job, ["what", "value"], rows)
    for error in status.first_errors[:5]:
        click.echo(f"bad: {error}", err=True)
    if len(status.first_errors) > 5 or status.rows_bad > len(status.first_errors):
        click.echo(f"all bad rows stand in {Path(status.out) / QUARANTINE}", err=True)


def _options(given: Mapping[str, Any], data: tuple[str, ...]) -> JobOptions:
    from serve_app.batch.inputs import places
    from serve_app.batch.job import JobOptions

    read = places(data)[0].kind
    kind: Format = given["form"] or ("csv" if read == "tsv" else read)
    passthrough = [name.strip() for text in given["passthrough"] for name in text.split(",")]
    chosen = {
        name: given[name]
        for name in ("on_error", "max_bad_rows", "max_bad_ratio", "redact", "shard_rows")
        if given[name] is not None
    }
    return JobOptions(
        format=kind, ids=tuple(given["ids"]), passthrough=tuple(passthrough), **chosen
    )


def _scorer(store: Registry, job: Job, *, allow_pickle: bool) -> Any:
    from serve_app.engine.batch.scoring import Scorer
    from serve_app.engine.load import load
    from serve_app.errors import ArtifactRejected

    def loaded(reference: str, digest: str | None) -> Any:
        one = load(store, *store.resolve(reference), allow_pickle=allow_pickle)
        if one.manifest.digest != digest:
            msg = f"{reference} is another than it was when the job was submitted; submit a new job"
            raise ArtifactRejected(msg, version=reference)
        return one.in_threads(processors())

    before = job.preprocess
    prepare = None if before is None else loaded(before, job.preprocess_digest)
    return Scorer(loaded(job.version, job.version_digest), prepare)


def processors() -> int:
    """How many processors this process may use."""
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


@contextmanager
def _shown() -> Iterator[Callable[[Progress], None]]:
    """A way to show progress: beside a spinner, or in a line now and then where none turns."""
    console = output.progress()
    last_s = time.monotonic()
    with console.status("loading the version") as status:
        say = output.tell(status)

        def show(progress: Progress) -> None:
            nonlocal last_s
            now_s = time.monotonic()
            if console.is_terminal:
                say(progress_text(progress, now_s))
            elif now_s - last_s >= _LINES_EVERY_S:
                last_s = now_s
                click.echo(progress_text(progress, now_s), err=True)

        yield show


def progress_text(progress: Progress, now_s: float) -> str:
    """How far a job is, in a line."""
    share = progress.rows_done / progress.rows if progress.rows else 1.0
    parts = [f"{progress.rows_done:,} of {progress.rows:,} rows ({share:.0%})"]
    rate, eta_s = progress.rows_per_s(now_s), progress.eta_s(now_s)
    if rate is not None and eta_s is not None:
        minutes, seconds = divmod(round(eta_s), 60)
        parts += [f"{rate:,.0f} rows/s", f"{minutes}:{seconds:02d} left"]
    if progress.rows_bad:
        parts.append(f"{progress.rows_bad:,} bad")
    return ", ".join(parts)
