"""`serve-app jobs`: batch jobs that were submitted here, and what became of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import jobs_cluster, jobs_work, output, predict_local

if TYPE_CHECKING:
    from serve_app.batch.status import JobStatus

_HEADS = ["job", "state", "version", "rows", "bad", "shards", "submitted", "output"]


@click.group()
def jobs() -> None:
    """Submit batch jobs to a cluster; see, stop and go on with them, and with those of --local."""


@jobs.command("list")
@output.option_state
@output.as_json
def list_jobs(state: str, as_json: bool) -> None:
    """List all jobs, the newest first."""
    ledger = predict_local.open_ledger(state)
    every = [ledger.status(name) for name in ledger.names()]
    if as_json:
        output.print_json([_document(one, state) for one in every])
        return
    rows = [
        [
            one.job,
            _state(one, state),
            one.version,
            f"{one.rows_done:,} of {one.rows:,}",
            f"{one.rows_bad:,}",
            f"{one.shards_done} of {one.shards}",
            output.shown_time(one.submitted_at_s),
            one.out,
        ]
        for one in every
    ]
    output.print_table("Jobs", _HEADS, rows)


@jobs.command()
@click.argument("job")
@output.option_state
@output.as_json
def show(job: str, state: str, as_json: bool) -> None:
    """Show how far JOB is, and what was wrong with its first bad rows."""
    ledger = predict_local.open_ledger(state)
    status = ledger.status(job)
    failed = ledger.errors(job)
    if as_json:
        shards = [
            {"shard": number, "failures": times, "error": error} for number, times, error in failed
        ]
        output.print_json({**_document(status, state), "failed_shards": shards})
        return
    predict_local.print_status(status)
    if _state(status, state) != status.state:
        click.echo(f"nobody runs it; serve-app jobs resume {job} goes on", err=True)
    for number, times, error in failed:
        click.echo(f"shard {number} failed {times} times: {error}", err=True)


@jobs.command()
@click.argument("job")
@output.option_state
@output.as_json
def cancel(job: str, state: str, as_json: bool) -> None:
    """End JOB; what is committed of it stays, and it can be resumed."""
    from serve_app.engine.batch.run_lock import is_running

    ledger = predict_local.open_ledger(state)
    became = ledger.cancel(job)
    if became == "CANCELLING" and not is_running(Path(state) / predict_local.JOBS, job):
        ledger.move(job, "CANCELLED", "it was cancelled", only_from="CANCELLING")
        became = ledger.status(job).state
    if as_json:
        output.print_json({"job": job, "state": became})
    else:
        click.echo(f"{job}: {became}")


@jobs.command()
@click.argument("job")
@click.option("--allow-pickle", is_flag=True, help="Load versions that are pickles, as register.")
@click.option("--cluster", is_flag=True, help="By workers of the cluster, as submit.")
@jobs_cluster.option_workers("With --cluster: ")
@output.option_registry
@output.option_state
@output.as_json
def resume(job: str, registry: str, state: str, as_json: bool, **given: Any) -> None:
    """Go on with JOB where it stopped, failed or was cancelled: here, or with --cluster there."""
    from serve_app.cli.registries import open_registry

    ledger, allow_pickle = predict_local.open_ledger(state), given["allow_pickle"]
    ledger.job(job)
    if jobs_cluster.by_cluster(given):
        jobs_cluster.run(ledger, job, registry, state=state, as_json=as_json, given=given)
        return
    store = open_registry(registry)
    predict_local.run(ledger, job, store, state=state, as_json=as_json, allow_pickle=allow_pickle)


@jobs.command()
@click.argument("job")
@click.option(
    "--rows",
    metavar="FOLDER",
    help="Write these rows into a folder, as they stood in their files, to be mended there.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="How many rows are shown.",
)
@output.option_state
@output.as_json
def quarantine(job: str, rows: str | None, limit: int, state: str, as_json: bool) -> None:
    """See which rows of JOB could not be answered, and why."""
    import itertools

    from serve_app.engine.batch import quarantined

    submitted = predict_local.open_ledger(state).job(job)
    if rows is not None:
        written = quarantined.write_rows(submitted, Path(rows))
        if as_json:
            output.print_json({"folder": rows, "files": written})
        else:
            for name, count in written.items():
                click.echo(f"{count:,} of {Path(rows) / name}")
        return
    listed = list(itertools.islice(quarantined.quarantined(submitted.out), limit))
    if as_json:
        output.print_json(listed)
        return
    output.print_table(
        f"Rows of {job} without an answer",
        ["file", "row", "stage", "column", "rule", "seen", "expected"],
        [
            [one["file"], one["row"], one["stage"], *(v[k] for k in _VIOLATION)]
            for one in listed
            for v in one["violations"][:3]
        ],
    )


_VIOLATION = ("column", "rule", "seen", "expected")


@jobs.command()
@click.argument("job")
@click.option(
    "--data", multiple=True, required=True, help="Its mended rows; see quarantine --rows."
)
@click.option("--out", required=True, metavar="FOLDER", help="Where their answers are written.")
@click.option("--version", metavar="MODEL@VERSION", help="Who answers.  [default: as before]")
@click.option("--allow-pickle", is_flag=True, help="Load versions that are pickles, as register.")
@output.option_registry
@output.option_state
@output.as_json
def retry(
    job: str,
    data: tuple[str, ...],
    out: str,
    version: str | None,
    allow_pickle: bool,
    registry: str,
    state: str,
    as_json: bool,
) -> None:
    """Answer mended rows of JOB by the same version, with the same options, in another job."""
    from serve_app.cli.registries import open_registry
    from serve_app.engine.batch.submission import job_of, planned, submit
    from serve_app.registry.named import named

    store, ledger = open_registry(registry), predict_local.open_ledger(state)
    former = ledger.job(job)
    answering = store.manifest(*named(store, version or former.version))
    before = former.preprocess
    prepare = None if before is None else store.manifest(*named(store, before))
    cut = planned(data, former.options.shard_rows, out)
    name, _ = submit(ledger, job_of(cut, answering, out, former.options, prepare), cut)
    predict_local.run(ledger, name, store, state=state, as_json=as_json, allow_pickle=allow_pickle)


jobs.add_command(jobs_cluster.submit)
jobs.add_command(jobs_work.work)


def _state(status: JobStatus, state: str) -> str:
    """The state as people see it: a job that nobody runs has stopped."""
    from serve_app.engine.batch.run_lock import is_running

    busy = status.state in {"RUNNING", "CANCELLING"}
    alive = busy and is_running(Path(state) / predict_local.JOBS, status.job)
    return "PAUSED" if busy and not alive else status.state


def _document(status: JobStatus, state: str) -> dict[str, Any]:
    return {**status.to_json(), "state": _state(status, state)}
