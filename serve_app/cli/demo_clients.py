"""Clients of a demo: what they send, what changes meanwhile, and what was learned from it."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import math
import shlex
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

import click

from serve_app.cli import output
from serve_app.cli.admin import AdminClient
from serve_app.cli.main import cli
from serve_app.cli.simulated import (
    example_cases,
    print_tallies,
    progress_words,
    standing,
    target_of,
)
from serve_app.cli.traffic_options import Simulation
from serve_app.cluster.node import Running
from serve_app.errors import InvalidInput, ServeError
from serve_app.examples.clients import Tally
from serve_app.examples.crowd import Crowd

SHARES_EVERY_S = 5.0
MATCHED_WITHIN_S = 45.0
"""So long what is true may look for its predictions before what was learned is shown."""
POLL_S = 1.0
_MOVING = frozenset({"canary", "bandit"})
Endpoints = Mapping[str, Mapping[str, Any]]


class DemoClients:
    """The clients of all endpoints of a running cluster that the example data fits.

    `state` is its state folder, where commands find it.
    """

    def __init__(
        self,
        running: Running,
        state: str,
        simulation: Simulation,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base = running.http_url
        self._admin = AdminClient.of(running)
        self._state = state
        self._simulation = simulation
        self._clock = clock
        self._sleep = sleep

    def run(self, *, as_json: bool) -> dict[str, Any]:
        """Send everything, wait until feedback has met its predictions, and show what is known.

        Interrupted, it shows what is known then. With `as_json` it prints nothing.

        Raises:
            InvalidInput: the example data fits no endpoint.
        """
        endpoints = standing(self._base)
        cases = {name: example_cases(one) for name, one in endpoints.items()}
        targets = [
            target_of(self._base, endpoints[name], rows, None)
            for name, rows in cases.items()
            if rows
        ]
        if not targets:
            names = ", ".join(endpoints)
            msg = (
                f"the example data fits none of the endpoints {names}; serve-app simulate sends "
                "rows of your own with --data"
            )
            raise InvalidInput(msg)
        chosen = {target.name: endpoints[target.name] for target in targets}
        crowd = Crowd(
            targets,
            self._simulation.traffic,
            clients=self._simulation.clients,
            seed=self._simulation.seed,
        )
        start_s = self._clock()
        try:
            self._send(crowd, chosen)
            self._wait_for_matches(chosen)
        except KeyboardInterrupt:
            click.echo("clients are stopped", err=True)
        since_s = math.ceil(self._clock() - start_s) + 1
        tallies = crowd.tallies()
        if not as_json:
            print_tallies(tallies)
        known = {
            shlex.join(line): self._output_of(line, as_json=as_json)
            for line in command_lines(chosen, self._experiments(), since_s)
        }
        return {"clients": {name: one.to_json() for name, one in tallies.items()}, "known": known}

    def _send(self, crowd: Crowd, endpoints: Endpoints) -> None:
        with output.progress().status("clients send …") as status:
            # Past the spinner, which would be written over otherwise.
            show = functools.partial(status.console.print, markup=False, highlight=False)
            shares = _Shares(self._base, endpoints, self._clock, show)

            def look(tallies: Mapping[str, Tally]) -> None:
                status.update(f"{progress_words(tallies)} …")
                shares.show_changes()

            crowd.run(look)
            shares.show_changes()

    def _wait_for_matches(self, endpoints: Endpoints) -> None:
        """Wait until the monitor has found the predictions that feedback is about."""
        deadline_s = self._clock() + MATCHED_WITHIN_S
        with output.progress().status("the monitor joins feedback to predictions …"):
            while self._clock() < deadline_s and self._pending(endpoints):
                self._sleep(POLL_S)

    def _pending(self, endpoints: Endpoints) -> int:
        try:
            received = self._admin.feedback(None)
        except ServeError:
            return 1
        return sum(one.get("pending") or 0 for one in received if one["endpoint"] in endpoints)

    def _experiments(self) -> frozenset[str]:
        """The endpoints that have an experiment."""
        known = self._admin.read("/experiments", "experiments")["experiments"]
        return frozenset(one["endpoint"] for one in known)

    def _output_of(self, line: tuple[str, ...], *, as_json: bool) -> Any:
        """Run a command as a user would; its JSON, or nothing where it prints for people."""
        arguments = [*line, "--state", self._state]
        if not as_json:
            click.secho(f"\n$ serve-app {shlex.join(line)}", bold=True)
            cli.main(arguments, prog_name="serve-app", standalone_mode=False)
            return None
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            cli.main([*arguments, "--json"], prog_name="serve-app", standalone_mode=False)
        return json.loads(printed.getvalue())


class _Shares:
    """Prints who is to answer how many requests, when that has changed."""

    def __init__(
        self,
        base: str,
        endpoints: Endpoints,
        clock: Callable[[], float],
        show: Callable[[str], object],
    ) -> None:
        self._base = base
        self._names = [name for name, one in endpoints.items() if one["route"] in _MOVING]
        self._clock = clock
        self._show = show
        self._start_s = self._shown_s = clock()
        self._words: dict[str, str] = {}

    def show_changes(self) -> None:
        """Look, if the last look is not too near."""
        now_s = self._clock()
        if not self._names or (self._words and now_s - self._shown_s < SHARES_EVERY_S):
            return
        self._shown_s = now_s
        try:
            endpoints = standing(self._base)
        except ServeError:
            return
        for name in self._names:
            words = _share_words(endpoints.get(name, {"variants": []}))
            if words != self._words.get(name):
                self._words[name] = words
                self._show(f"{now_s - self._start_s:5.0f} s  {name}: {words}")


def _share_words(endpoint: Mapping[str, Any]) -> str:
    total = sum(one["weight"] for one in endpoint["variants"]) or 1.0
    return ", ".join(
        f"{one['version']} {one['weight'] / total:.1%}" for one in endpoint["variants"]
    )


def command_lines(
    endpoints: Endpoints, experiments: Collection[str], since_s: int
) -> list[tuple[str, ...]]:
    """The commands that show what was learned about endpoints, as they are listed."""
    since = ("--since", f"{since_s}s")
    lines: list[tuple[str, ...]] = []
    for name, one in endpoints.items():
        if one["route"] == "canary":
            lines.append(("rollout", "status", name))
        if one["route"] == "bandit":
            lines.append(("monitor", "watch", "bandits", name))
        if one.get("shadows"):
            lines.append(("monitor", "shadow", name, *since))
        if name in experiments:
            lines.append(("experiments", "show", name))
        lines.append(("monitor", "quality", name, *since))
    return lines
