"""`serve-app predict --local`: the rows of files answered by a version, without a cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import output
from serve_app.cli.completion import complete_version

if TYPE_CHECKING:
    from serve_app.batch.job import Format, Job, JobOptions
    from serve_app.batch.ledger import Ledger
    from serve_app.batch.status import JobStatus, Progress
    from serve_app.engine.batch.attempts import ShardExecutor
    from serve_app.engine.batch.output_place import OutputPlace
    from serve_app.registry.store import Registry

JOBS = "jobs"
"""The folder of the ledger, within that of the state."""
_LINES_EVERY_S = 10.0

_LOCAL = click.option(
    "--local",
    is_flag=True,
    help="Answer here, without a cluster: ENDPOINT is MODEL@VERSION of the --registry, --data "
    "may be files, folders, patterns and URLs, --out takes the answers.",
)


def helped(when: str, text: str) -> str:
    """What an option is, after the words that say when it counts, where it does not always."""
    return f"{when}{text}" if when else f"{text[:1].upper()}{text[1:]}"


def job_options(when: str) -> tuple[Callable[..., Any], ...]:
    """The options of a job; `when` they count stands before what each is."""
    return (*_options_of_output(when), *_options_of_rows(when))


def _options_of_output(when: str) -> tuple[Callable[..., Any], ...]:
    return (
        click.option(
            "--out",
            metavar="FOLDER",
            help=helped(when, "where the output is written: a folder, or s3://bucket/folder."),
        ),
        click.option(
            "--format",
            "form",
            type=click.Choice(["parquet", "csv", "jsonl"]),
            help=helped(when, "what is written.  [default: what is read]"),
        ),
        click.option(
            "--id",
            "ids",
            multiple=True,
            metavar="COLUMN",
            help=helped(when, "keep a column of ids."),
        ),
        click.option(
            "--passthrough",
            multiple=True,
            metavar="COLUMN,…",
            help=helped(when, "keep these columns of the input, too."),
        ),
    )


def _options_of_rows(when: str) -> tuple[Callable[..., Any], ...]:
    return (
        click.option(
            "--on-error",
            type=click.Choice(["quarantine", "fail", "null"]),
            help=helped(
                when,
                "leave rows out that cannot be answered, end the job, or write them "
                "without an answer.  [default: quarantine]",
            ),
        ),
        click.option(
            "--max-bad-rows",
            type=click.IntRange(min=0),
            help=helped(when, "end the job after more."),
        ),
        click.option(
            "--max-bad-ratio",
            type=click.FloatRange(0, 1),
            help=helped(when, "end the job at a larger share of bad rows.  [default: 0.01]"),
        ),
        click.option("--redact", is_flag=True, help=helped(when, "no values in the quarantine.")),
        click.option(
            "--shard-rows",
            type=click.IntRange(min=1),
            help=helped(when, "about so many rows are committed at a time.  [default: 50000]"),
        ),
        click.option(
            "--preprocess",
            metavar="MODEL@VERSION",
            shell_complete=complete_version,
            help=helped(when, "the transformer that runs before."),
        ),
        click.option(
            "--allow-pickle", is_flag=True, help=helped(when, "load versions of pickles.")
        ),
    )


_NAMES = (
    *("out", "form", "ids", "passthrough", "on_error", "max_bad_rows", "max_bad_ratio", "redact"),
    *("shard_rows", "preprocess", "allow_pickle"),
)


def options_local(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of `predict` that go with --local."""
    for option in reversed((_LOCAL, *job_options("With --local: "))):
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

    store = open_registry(registry)
    ledger, name = submitted(state, store, reference, data, given, as_json=as_json)
    run(ledger, name, store, state=state, as_json=as_json, allow_pickle=given["allow_pickle"])


def submitted(
    state: str,
    store: Registry,
    reference: str,
    data: tuple[str, ...],
    given: Mapping[str, Any],
    *,
    as_json: bool,
) -> tuple[Ledger, str]:
    """Submit a job of files with the options of `job_options`; gives its ledger and its name.

    Where something is wrong with it, nothing is made.
    """
    from serve_app.engine.batch.submission import job_of, planned, submit
    from serve_app.registry.named import named

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
    return ledger, name


def run(
    ledger: Ledger, name: str, store: Registry, *, state: str, as_json: bool, allow_pickle: bool
) -> None:
    """Run a job here to its end and print how it ended; exits with 1 where that is no success."""
    from serve_app.engine.batch.in_this_process import InThisProcess
    from serve_app.engine.batch.loading import scorer_of

    def here(job: Job, folder: OutputPlace) -> ShardExecutor:
        threads = processors()
        return InThisProcess(
            name,
            job,
            folder,
            lambda: scorer_of(store, job, threads=threads, allow_pickle=allow_pickle),
        )

    run_by(here, ledger, name, state=state, as_json=as_json)


def run_by(
    executor: Callable[[Job, OutputPlace], ShardExecutor],
    ledger: Ledger,
    name: str,
    *,
    state: str,
    as_json: bool,
) -> None:
    """The same, by whoever answers shards."""
    from serve_app.batch.status import SUCCEEDED
    from serve_app.engine.batch.job_run import JobRun
    from serve_app.engine.batch.output import output_of
    from serve_app.engine.batch.run_lock import running

    job = ledger.job(name)
    folder = output_of(job, name)
    with running(Path(state) / JOBS, name), shown() as show:
        one = JobRun(ledger, name, folder, clock=time.monotonic, on_progress=show)
        status = one.run(executor(job, folder))
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
    from serve_app.engine.batch.output_place import QUARANTINE

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
        click.echo(f"all bad rows stand in {status.out}/{QUARANTINE}", err=True)


def _options(given: Mapping[str, Any], data: tuple[str, ...]) -> JobOptions:
    from serve_app.batch.inputs import places
    from serve_app.batch.job import JobOptions

    read = places(data)[0].kind
    same: dict[str, Format] = {"parquet": "parquet", "jsonl": "jsonl"}
    kind = given["form"] or same.get(read, "csv")
    if kind == "parquet":
        import_module("pyarrow.parquet")  # where it is missing, nothing begins
    passthrough = [name.strip() for text in given["passthrough"] for name in text.split(",")]
    chosen = {
        name: given[name]
        for name in ("on_error", "max_bad_rows", "max_bad_ratio", "redact", "shard_rows")
        if given[name] is not None
    }
    return JobOptions(
        format=kind, ids=tuple(given["ids"]), passthrough=tuple(passthrough), **chosen
    )


def processors() -> int:
    """How many processors this process may use."""
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


@contextmanager
def shown() -> Iterator[Callable[[Progress], None]]:
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
    return "; ".join([", ".join(parts), *filter(None, [progress.waiting])])
