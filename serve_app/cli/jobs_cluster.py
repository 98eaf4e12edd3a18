"""`serve-app jobs submit`: batch jobs by workers of the cluster, beside what it serves."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import output, predict_local
from serve_app.cli.completion import complete_version

if TYPE_CHECKING:
    from serve_app.batch.job import Job
    from serve_app.batch.ledger import Ledger
    from serve_app.config.registry import RegistrySettings
    from serve_app.engine.batch.attempts import ShardExecutor
    from serve_app.engine.batch.output_place import OutputPlace
    from serve_app.engine.batch.queue_worker import Executors
    from serve_app.engine.room import Share

_WORKERS = ("workers", "num_cpus", "memory_mb", "shard_timeout_s", "wait")
_CPUS = 0.25
_MOST_WORKERS = 2
_SHARD_TIMEOUT_S = 3600.0


def option_workers(when: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """How many workers answer, and what each is given; `when` they count stands before that."""
    options = (
        click.option(
            "--workers",
            type=click.IntRange(1, 1_000),
            help=f"{when}At most so many shards are answered at once.  [default: {_MOST_WORKERS}]",
        ),
        click.option(
            "--num-cpus",
            type=click.FloatRange(0, min_open=True),
            help=f"{when}What each reserves of a CPU.  [default: {_CPUS:g}]",
        ),
        click.option(
            "--memory-mb",
            type=click.IntRange(min=1),
            help=f"{when}What each reserves of memory.  [default: nothing]",
        ),
        click.option(
            "--shard-timeout-s",
            type=click.FloatRange(0, min_open=True),
            help=f"{when}A shard that takes longer has failed.  [default: {_SHARD_TIMEOUT_S:g}]",
        ),
        click.option(
            "--wait",
            is_flag=True,
            help=f"{when}Wait for room in the cluster in place of being refused.",
        ),
    )

    def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorated


def _option_job(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(predict_local.job_options("")):
        function = option(function)
    return function


@click.command()
@click.argument("reference", metavar="MODEL@VERSION", shell_complete=complete_version)
@click.option(
    "--data", multiple=True, required=True, help="Files, folders, patterns in quotes, URLs."
)
@_option_job
@option_workers("")
@output.option_registry
@output.option_state
@output.as_json
def submit(
    reference: str,
    data: tuple[str, ...],
    registry: str,
    state: str,
    as_json: bool,
    **given: Any,
) -> None:
    """Answer the rows of files by MODEL@VERSION, by workers of the cluster.

    It goes on while this command runs, and where it stopped when it is typed again. What is
    served goes first: workers reserve fractions of CPUs and are nicer than replicas.
    """
    from serve_app.cli.registries import open_registry

    if given["out"] is None:
        raise click.UsageError("submit needs --out FOLDER, which takes the answers")
    store = open_registry(registry)
    ledger, name = predict_local.submitted(state, store, reference, data, given, as_json=as_json)
    run(ledger, name, registry, state=state, as_json=as_json, given=given)


def by_cluster(given: Mapping[str, Any]) -> bool:
    """Whether the cluster shall answer.

    Raises:
        UsageError: options of workers were given without --cluster.
    """
    stray = [name for name in _WORKERS if given[name]]
    if stray and not given["cluster"]:
        raise click.UsageError(f"--{stray[0].replace('_', '-')} goes with --cluster")
    return bool(given["cluster"])


def run(
    ledger: Ledger,
    name: str,
    registry: str,
    *,
    state: str,
    as_json: bool,
    given: Mapping[str, Any],
) -> None:
    """Run a job by workers of the cluster to its end and print how it ended.

    Raises:
        NotReady: no cluster runs, or no worker has room in it; the job stays where it is.
    """
    with executors(registry, state, given, as_json=as_json) as elsewhere:
        predict_local.run_by(
            lambda job, folder: elsewhere(name, job, folder),
            ledger,
            name,
            state=state,
            as_json=as_json,
        )


@contextmanager
def executors(
    registry: str, state: str, given: Mapping[str, Any], *, as_json: bool
) -> Iterator[Executors]:
    """Workers of the cluster of --state, for whatever job.

    Raises:
        NotReady: no cluster runs, or no worker has room in it.
    """
    from serve_app.cluster.node import Cluster
    from serve_app.engine.room import Share

    cluster = Cluster(Path(state)).require()
    # Ray may read who it is let in by as it is imported.
    os.environ.update(cluster.of_rays_commands)
    from serve_app.serving.offline.connection import connected

    share = Share(given["num_cpus"] or _CPUS, given["memory_mb"])
    place = registry_settings_of(registry)
    with connected(cluster.address):
        wanted, wait = given["workers"] or _MOST_WORKERS, given["wait"]
        workers = workers_of(share, wanted, wait=wait, as_json=as_json)

        def elsewhere(name: str, job: Job, folder: OutputPlace) -> ShardExecutor:  # noqa: ARG001 - a port
            from serve_app.engine.batch.pool import Pool, PoolSize
            from serve_app.engine.batch.worker import WorkerSpec
            from serve_app.serving.offline.shard_actors import ShardActors

            threads = max(1, int(share.num_cpus))
            spec = WorkerSpec(name, job, place, given["allow_pickle"], threads)
            size = PoolSize(workers, given["shard_timeout_s"] or _SHARD_TIMEOUT_S)
            return Pool(ShardActors(spec, share), size, clock=time.monotonic)

        yield elsewhere


def workers_of(share: Share, wanted: int, *, wait: bool, as_json: bool) -> int:
    """How many workers have room in the cluster that this process is a driver of.

    With `wait` all that are wanted: those without room begin later.

    Raises:
        NotReady: none has room.
    """
    from serve_app.engine.room import workers_with_room
    from serve_app.serving.offline.connection import rooms

    if wait:
        return wanted
    workers = workers_with_room(share, wanted, rooms())
    if workers < wanted and not as_json:
        click.echo(f"{workers} of {wanted} workers have room", err=True)
    return workers


def registry_settings_of(url: str) -> RegistrySettings:
    """The registry of --registry as other processes open it, with whose signatures count."""
    from serve_app.config.names import located
    from serve_app.config.registry import RegistrySettings

    keys, required = output.trust_given()
    return RegistrySettings(
        url=located(url), require_signed=required, trusted_keys=tuple(located(key) for key in keys)
    )
