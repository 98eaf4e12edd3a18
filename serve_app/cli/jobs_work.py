"""`serve-app jobs work`: runs what was submitted over HTTP, job after job."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import jobs_cluster, output, predict_local
from serve_app.cli.registries import open_registry

if TYPE_CHECKING:
    from serve_app.batch.job import Job
    from serve_app.engine.batch.attempts import ShardExecutor
    from serve_app.engine.batch.output_place import OutputPlace
    from serve_app.engine.batch.queue_worker import Executors

_LOOK_S = 1.0


@click.command()
@click.option("--once", is_flag=True, help="End when nothing is queued any more.")
@click.option("--allow-pickle", is_flag=True, help="Load versions that are pickles, as register.")
@click.option("--cluster", is_flag=True, help="By workers of the cluster, as submit.")
@jobs_cluster.option_workers("With --cluster: ")
@output.option_registry
@output.option_state
def work(once: bool, registry: str, state: str, **given: Any) -> None:
    """Run queued jobs, the oldest first, until it is ended; those that stopped go on.

    Gateways whose args have `jobs` queue them. It has to run on the machine of their --state.
    """
    from serve_app.engine.batch.queue_worker import QueueWorker

    ledger = predict_local.open_ledger(state)
    folder = Path(state) / predict_local.JOBS
    with _executors(registry, state, given) as executors:
        worker = QueueWorker(ledger, folder, executors, clock=time.monotonic)
        while True:
            with predict_local.shown() as show:
                status = worker.run_one(show)
            if status is not None:
                answered = f"{status.rows_ok:,} of {status.rows:,} rows answered"
                why = f": {status.message}" if status.message else ""
                click.echo(f"{status.job}: {status.state}, {answered}{why}")
            elif once:
                return
            else:
                time.sleep(_LOOK_S)


@contextmanager
def _executors(registry: str, state: str, given: dict[str, Any]) -> Iterator[Executors]:
    """Who answers the shards of jobs: this process, or workers of the cluster."""
    if jobs_cluster.by_cluster(given):
        with jobs_cluster.executors(registry, state, given, as_json=False) as elsewhere:
            yield elsewhere
        return
    from serve_app.engine.batch.in_this_process import InThisProcess
    from serve_app.engine.batch.loading import scorer_of

    store, threads = open_registry(registry), predict_local.processors()

    def here(name: str, job: Job, folder: OutputPlace) -> ShardExecutor:
        allow_pickle = given["allow_pickle"]
        return InThisProcess(
            name,
            job,
            folder,
            lambda: scorer_of(store, job, threads=threads, allow_pickle=allow_pickle),
        )

    yield here
