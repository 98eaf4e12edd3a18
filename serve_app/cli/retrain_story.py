"""What happens in `serve-app retrain demo`, in its order."""

from __future__ import annotations

import contextlib
import io
import shlex
import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli.demo import start_and_deploy, step
from serve_app.cli.main import cli
from serve_app.cli.retrain_place import RetrainingPlace, body_of_retraining
from serve_app.cli.retrain_scene import MODEL, Scene
from serve_app.cli.retrain_watch import look
from serve_app.cli.simulated import print_tallies
from serve_app.cluster.environment import Ports
from serve_app.cluster.node import Running
from serve_app.config.retraining import RetrainSettings

if TYPE_CHECKING:
    from serve_app.config.pipeline import PipelineSettings
    from serve_app.examples.clients import Tally
    from serve_app.examples.crowd import Crowd
    from serve_app.lifecycle.retraining.states import Run

LOOK_S = 1.0
CALM_S = 10.0
"""So long rows are as in training, at least."""
MOVES_BETWEEN = (20, 40)
"""Seconds of a minute: windows of the monitor are minutes of the clock, and the one in which rows
drift is to have enough of them, with time for labels before it is judged."""
PROMOTED_WITHIN_S = 300.0


class Story:
    """A cluster, clients, a warehouse that moves, and what retraining makes of it."""

    def __init__(
        self, place: RetrainingPlace, ports: Ports, *, rate_per_s: float, seed: int
    ) -> None:
        self._place = place
        self._ports = ports
        self._scene = Scene(place, rate_per_s=rate_per_s, seed=seed)

    def run(self, *, as_json: bool) -> dict[str, Any]:
        """Let all of it happen; what came of it, which `as_expected` says in one word.

        With `as_json` it prints nothing. What fails before clients send stops a cluster that was
        started for it.
        """
        with contextlib.redirect_stdout(io.StringIO()) if as_json else contextlib.nullcontext():
            step("train and register the first version")
            self._scene.first_version()
            running = start_and_deploy(self._place.state, self._ports, self._scene.config)
            settings = self._scene.pipeline()
            with _sending(self._scene.crowd(running.http_url)) as crowd:
                moved_s, promoted = self._promoted(settings)
                rejected = self._rejected(settings)
            tally = crowd.tallies()[MODEL]
            if not as_json:
                self._show(tally)
        return _report(running, moved_s, (promoted, rejected), tally)

    def _promoted(self, settings: PipelineSettings) -> tuple[float, Run | None]:
        """When the warehouse moved, and the run that something has begun since, once it is over."""
        step("clients send; deliveries are as they were in training")
        self._wait_for_the_middle_of_a_minute()
        moved_s = time.time()
        step(f"the warehouse moves: from now on vans drive {self._scene.move()}")
        step("wait until the monitor sees it, and for what is trained, judged and rolled out then")
        while time.time() < moved_s + PROMOTED_WITHIN_S:
            self._scene.table.write()
            look(self._place, settings, as_json=False)
            newest = next(iter(self._place.ledger.runs(MODEL)), None)
            if newest is not None and newest.created_s >= moved_s and newest.is_over:
                return moved_s, newest
            time.sleep(LOOK_S)
        return moved_s, None

    def _wait_for_the_middle_of_a_minute(self) -> None:
        calm_until_s = time.time() + CALM_S
        first, last = MOVES_BETWEEN
        while (now_s := time.time()) < calm_until_s or not first <= now_s % 60 < last:
            time.sleep(LOOK_S)

    def _rejected(self, settings: PipelineSettings) -> Run | None:
        """A run on a table whose outcomes belong to other rows."""
        from serve_app.lifecycle.retraining.trigger import Trigger

        step("the table is joined wrongly, and somebody trains by hand")
        self._scene.table.write_shuffled(self._scene.seed)
        author = self._place.author("a new export of the table")
        trigger = Trigger(
            MODEL, "manual", author.why, f"manual:{uuid.uuid4()}", author.at_s, author.who,
            forced=True,
        )  # fmt: skip
        body = body_of_retraining(settings)
        guards = (settings.retrain or RetrainSettings()).guards
        self._place.intake().take(trigger, settings.pipeline, body, guards)
        run = self._place.work(MODEL)
        self._scene.table.write()
        return run

    def _show(self, tally: Tally) -> None:
        print_tallies({MODEL: tally})
        for line in (
            ("retrain", "status"),
            ("rollout", "status", MODEL),
            ("status",),
            ("events", "--limit", "12"),
        ):
            click.secho(f"\n$ serve-app {shlex.join(line)}", bold=True)
            of_runs = ("--runs", self._place.runs) if line[0] == "retrain" else ()
            arguments = [*line, *of_runs, "--state", self._place.state]
            cli.main(arguments, prog_name="serve-app", standalone_mode=False)
        click.echo("\nTry next:\n")
        pipeline = self._scene.folder / "pipeline.yaml"
        newest = self._place.ledger.runs(MODEL)[0].id
        for words in (
            f"retrain status {newest}",
            f"retrain watch {pipeline}",
            f'retrain rollback {MODEL} --reason "the former one was better"',
            "monitor findings",
            "cluster stop   (or: make down)",
        ):
            click.echo(f"serve-app {words}")


@contextlib.contextmanager
def _sending(crowd: Crowd) -> Iterator[Crowd]:
    """Clients send for as long as it is entered.

    Raises:
        ServeError: a client's first request was refused, or nobody answers any more.
    """
    with ThreadPoolExecutor(max_workers=1) as pool:
        sent: Future[Mapping[str, Tally]] = pool.submit(crowd.run, lambda _: None)
        try:
            yield crowd
        finally:
            crowd.stop()
        sent.result()


def _report(
    running: Running, moved_s: float, runs: tuple[Run | None, Run | None], tally: Tally
) -> dict[str, Any]:
    promoted = runs[0]
    states = [None if one is None else one.state for one in runs]
    seconds = None
    if promoted is not None:
        seconds = {
            "drift_to_run": promoted.created_s - moved_s,
            "run_to_end": promoted.entered_s - promoted.created_s,
            "drift_to_end": promoted.entered_s - moved_s,
        }
    return {
        "http": running.http_url,
        "dashboard": running.dashboard_url,
        "seconds": seconds,
        "runs": [None if one is None else one.to_json() for one in runs],
        "clients": tally.to_json(),
        "as_expected": states == ["PROMOTED", "REJECTED"] and not tally.failures,
    }
