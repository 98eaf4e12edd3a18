"""Where the trials of `serve-app train` are computed: on this machine, or by the cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import output

if TYPE_CHECKING:
    from serve_app.config.pipeline import PipelineSettings
    from serve_app.lifecycle.executor import Executor
    from serve_app.lifecycle.fold_data import FoldPlace
    from serve_app.lifecycle.sequence import Executors

Hands = AbstractContextManager[tuple["Executors", int]]
"""Who computes trials, and how many at once."""


def option_runs(function: Callable[..., Any]) -> Callable[..., Any]:
    """The folder of training runs."""
    return click.option(
        "--runs",
        type=click.Path(file_okay=False),
        default="./runs",
        show_default=True,
        envvar="SERVE_APP_RUNS",
        help="The folder of training runs: the ledger, and data and splits of each.",
    )(function)


def option_place(function: Callable[..., Any]) -> Callable[..., Any]:
    """How many trials are computed at once, and where."""
    options = (
        click.option(
            "--workers",
            type=click.IntRange(1, 256),
            help="How many trials are computed at once; it changes no result.  [default: one for "
            "each CPU, at most search.parallel; with --cluster search.parallel]",
        ),
        click.option(
            "--cluster",
            is_flag=True,
            help="By tasks of the cluster, each with what `resources` of the pipeline says.",
        ),
        click.option(
            "--wait", is_flag=True, help="With --cluster: wait for room in place of being refused."
        ),
        output.option_state,
    )
    for option in reversed(options):
        function = option(function)
    return function


def hands(
    given: Mapping[str, Any], settings: PipelineSettings, default: int, *, as_json: bool
) -> Hands:
    """Who computes the trials of a pipeline, by the options of `option_place`.

    `default` is how many at once on this machine where that is not said.

    Raises:
        UsageError: --wait was given without --cluster.
    """
    workers = given["workers"]
    if given["cluster"]:
        return _of_cluster(given, settings, workers or settings.search.parallel, as_json=as_json)
    if given["wait"]:
        raise click.UsageError("--wait goes with --cluster")
    count = workers or default
    return nullcontext((local(count), count))


def local(workers: int) -> Executors:
    """Processes of this machine, in which so many trials are computed at once."""
    from serve_app.lifecycle.local_processes import LocalProcesses

    def made(place: FoldPlace) -> LocalProcesses:
        return LocalProcesses(replace(place, folder=str(Path(place.folder).resolve())), workers)

    return made


@contextmanager
def _of_cluster(
    given: Mapping[str, Any], settings: PipelineSettings, wanted: int, *, as_json: bool
) -> Iterator[tuple[Executors, int]]:
    """Tasks of the cluster of --state.

    Raises:
        NotReady: none runs, or no trial has room in it.
    """
    from serve_app.cli.jobs_cluster import workers_of
    from serve_app.cluster.node import Cluster
    from serve_app.engine.room import Share

    cluster = Cluster(Path(given["state"])).require()
    # Ray may read who it is let in by as it is imported.
    os.environ.update(cluster.of_rays_commands)
    from serve_app.serving.offline.connection import connected

    share = Share(settings.resources.num_cpus, settings.resources.memory_mb)
    with connected(cluster.address):
        workers = workers_of(share, wanted, wait=given["wait"], as_json=as_json)

        def made(place: FoldPlace) -> Executor:
            from serve_app.lifecycle.fold_data import load_fold_data
            from serve_app.serving.offline.trial_tasks import TrialTasks

            return TrialTasks(load_fold_data(place), share, workers)

        yield made, workers
