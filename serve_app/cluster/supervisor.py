"""Brings a cluster back when what nobody else starts again has ended, out of its own records.

Ray starts its actors again, Serve its replicas, and the watcher of HAProxy HAProxy. Nobody starts
Ray's head, its raylet or its dashboard again. So one process beside the cluster looks twice a
second whether they live. A head that keeps what it knows on the disk, a raylet and a dashboard are
started again alone (`alone`); with any other head, and where that did not help, everything is. The
supervisor keeps the config that Serve was given last (`kept_config`) and how the cluster was
started (`options`); weights and keys are in the state store.
"""

from __future__ import annotations

import contextlib
import logging
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psutil

from serve_app.cluster import web
from serve_app.cluster.alone import ASK_TIMEOUT_S, BEGIN_PAUSE_S, Alone, Node, way_alone
from serve_app.cluster.backoff import Backoff
from serve_app.cluster.foreground import Keeper
from serve_app.cluster.kept_config import KeptConfig
from serve_app.cluster.members import HEAD, Members
from serve_app.cluster.node import Cluster
from serve_app.cluster.options import read_options
from serve_app.cluster.running import Running
from serve_app.cluster.supervision import Phase, Supervision, SupervisionFile
from serve_app.core.ports import Clock
from serve_app.errors import ServeError

POLL_S = 0.5
"""How often the cluster is looked at; what dies is noticed within this and `_ASK_TIMEOUT_S`."""
KEEP_PERIOD_S = 2.0
EMPTY_FOR_S = 10.0
"""So long Serve must say that nothing is deployed until that is kept: who starts says so too."""
CONTROLLER_PATIENCE_S = 30.0
"""Ray starts Serve's controller again by itself, in 5 to 15 s."""
EFFECT_PATIENCE_S = 180.0
ALONE_CALM_S = 10.0
"""What ends within this after it was back alone does not live on what is there."""
_ASK_TIMEOUT_S = 1.0
_REPLICA = "ray::ServeReplica"
ConfigOf = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Makes the config that Serve was given last of what its REST API tells."""
logger = logging.getLogger("serve_app.cluster")


@dataclass(frozen=True, slots=True)
class Times:
    """Where time comes from: one clock for how long, in seconds, and one for when, since 1970."""

    clock: Clock = time.monotonic
    now: Clock = time.time


@dataclass(slots=True)
class _Revival:
    """A cluster that is being brought back, and how far it is."""

    why: str
    noticed_s: float
    phase: Phase
    alone: Alone | None = None
    """How to start what ended alone; none where everything is to be started, or was."""
    given_s: float | None = None
    """When Serve took the config, or was back with it; none before."""


class Supervisor:
    """Looks after the cluster of a state folder; `step` is called again and again."""

    def __init__(
        self, cluster: Cluster, kept: KeptConfig, config_of: ConfigOf, times: Times | None = None
    ) -> None:
        self._cluster = cluster
        self._kept = kept
        self._config_of = config_of
        self._times = times or Times()
        self._clock = self._times.clock
        self._members = Members(cluster.processes, clock=self._clock)
        self._node = Node(self._members, cluster.processes, self._clock)
        self._revival: _Revival | None = None
        self._begun: list[subprocess.Popen[bytes]] = []
        self._backoff = Backoff(self._clock)
        self._next_look_s = self._dashboard_begun_s = float("-inf")
        self._back_alone_s: dict[str, float] = {}
        self._empty_since_s: float | None = None
        self._without_controller_s: float | None = None
        self._file = SupervisionFile(cluster.supervision)

    @property
    def supervision(self) -> Supervision:
        """How this is doing."""
        return self._file.now

    @property
    def is_mending(self) -> bool:
        """Whether the cluster is being brought back."""
        return self._revival is not None

    def step(self) -> bool:
        """Look once and do what is to be done; false once somebody has stopped the cluster."""
        if not self._cluster.started.exists():
            return False
        self._begun = [one for one in self._begun if one.poll() is None]
        if self._is_broken() or not self._backoff.is_over:
            return True
        try:
            if self._revival is None:
                self._look_at_the_rest()
            else:
                self._go_on(self._revival)
        except (ServeError, OSError, psutil.Error) as error:
            if not self._cluster.started.exists():
                return False
            self._failed(str(error))
        return True

    def _is_broken(self) -> bool:
        """Whether the cluster has just ended, so that it is to be started with the next step."""
        revival = self._revival
        if revival is not None and revival.phase == "restarting":
            return False
        missing = self._members.missing()
        if missing is None or (revival and revival.alone and revival.alone.mends(missing)):
            return False
        why = f"{missing} ended" if revival is None else f"{revival.why}, and then {missing}"
        since_s = self._clock() if revival is None else revival.noticed_s
        logger.error("the cluster is brought back", extra={"why": why})
        may_help = revival is None and self._may_help_alone(missing)
        alone = way_alone(self._node, missing) if may_help else None
        self._backoff.fault()
        self._revival = _Revival(why, since_s, "restarting", alone)
        self._file.change(phase="restarting", last_why=why, trouble=None)
        return True

    def _may_help_alone(self, missing: str) -> bool:
        """Whether to start this alone: not where that did not help just before.

        Nor below a head that returned from its store: nobody has seen yet that Ray gives the place
        of a raylet to another one then.
        """
        if missing != HEAD and HEAD in self._back_alone_s:
            return False
        return self._clock() - self._back_alone_s.get(missing, float("-inf")) > ALONE_CALM_S

    def _go_on(self, revival: _Revival) -> None:
        """The next step of bringing it back; raises ServeError or OSError where it fails."""
        if revival.alone is not None:
            self._go_on_alone(revival, revival.alone)
            return
        if revival.phase == "restarting":
            self._cluster.restart(read_options(self._cluster.started))
            self._members.forget()
            self._back_alone_s.clear()
            revival.phase = "deploying"
            self._file.change(phase="deploying", trouble=None)
        config = self._kept.read()
        running = self._cluster.require()
        if config is not None and revival.given_s is None:
            running.dashboard.put_config(config)
            revival.given_s = self._clock()
        if config is None or _is_in_effect(running, config):
            self._done(revival)
        elif self._clock() - (revival.given_s or self._clock()) > EFFECT_PATIENCE_S:
            self._done(revival, "not everything answers that was deployed: serve-app status")

    def _go_on_alone(self, revival: _Revival, alone: Alone) -> None:
        """Start what ended alone, then wait until it is found again."""
        if self._clock() - revival.noticed_s > alone.patience_s:
            why = f"{revival.why}, and is not back alone"
            self._revival = _Revival(why, revival.noticed_s, "restarting")
            return
        begun = alone.begin()
        if begun is not None:
            self._begun.append(begun)
            revival.phase = "deploying"
            self._file.change(phase="deploying", trouble=None)
        running = self._cluster.running()
        if running is None or not alone.is_back(running):
            return
        self._back_alone_s[alone.name] = self._clock()
        if alone.loses_replicas:
            revival.alone, revival.given_s = None, self._clock()
        else:
            self._done(revival)

    def _done(self, revival: _Revival, trouble: str | None = None) -> None:
        took_s = round(self._clock() - revival.noticed_s, 1)
        self._revival = None
        self._file.back(revival.why, self._times.now(), took_s, trouble)

    def _failed(self, why: str) -> None:
        self._backoff.wait()
        logger.error("tried again", extra={"why": why, "after_s": self._backoff.pause_s})
        self._file.change(trouble=why)

    def _look_at_the_rest(self) -> None:
        if not self._members.dashboard.lives():
            if self._clock() - self._dashboard_begun_s >= BEGIN_PAUSE_S:
                self._start_dashboard()
            return
        if self._clock() < self._next_look_s:
            return
        self._next_look_s = self._clock() + KEEP_PERIOD_S
        self._look_at_controller()
        try:
            self._keep(self._cluster.require())
        except (ServeError, OSError) as error:
            logger.info("the config cannot be kept", extra={"why": str(error)})

    def _keep(self, running: Running) -> None:
        """Keep what is deployed. Raises ServeError, OSError: it cannot be known, or kept."""
        config = self._config_of(running.dashboard.serve_details(timeout_s=_ASK_TIMEOUT_S))
        if config["applications"]:
            self._empty_since_s = None
        elif self._empty_since_s is None:
            self._empty_since_s = self._clock()
        if not config["applications"] and self._clock() - (self._empty_since_s or 0) < EMPTY_FOR_S:
            return
        self._kept.keep(config)

    def _start_dashboard(self) -> None:
        dashboard = self._members.dashboard
        if dashboard.process is not None:
            with contextlib.suppress(psutil.Error):
                dashboard.process.kill()
        if dashboard.origin is None:
            trouble = "Ray's dashboard died before it was looked after: restart the cluster"
        else:
            self._begun.append(dashboard.origin.start())
            self._dashboard_begun_s = self._clock()
            trouble = None
        logger.error("the dashboard ended, and is started again")
        self._backoff.fault()
        self._file.change(trouble=trouble)

    def _look_at_controller(self) -> None:
        """End a controller that stands still, which Ray then starts again; else deploy again."""
        controller = self._members.controller
        if controller.lives():
            self._without_controller_s = None
            return
        if controller.process is not None:
            with contextlib.suppress(psutil.Error):
                controller.process.kill()
        if self._without_controller_s is None:
            self._without_controller_s = self._clock()
        elif (
            self._clock() - self._without_controller_s > CONTROLLER_PATIENCE_S
            # Without any, somebody shut Serve down.
            and any(map(_is_replica, self._cluster.processes()))
        ):
            self._without_controller_s = None
            why = "Serve's controller ended, and Ray did not start it again"
            self._revival = _Revival(why, self._clock(), "deploying")


def _is_in_effect(running: Running, config: Mapping[str, Any]) -> bool:
    """Whether every application of a config runs, and the main port answers."""
    try:
        states = running.dashboard.serve_details(timeout_s=ASK_TIMEOUT_S)["applications"]
        for application in config["applications"]:
            if states.get(application["name"], {}).get("status") != "RUNNING":
                return False
        web.text(f"{running.http_url}/v2/health/ready", timeout_s=ASK_TIMEOUT_S)
    except ServeError:
        return False
    return True


def _is_replica(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline()).startswith(_REPLICA)
    return False


def supervise(supervisor: Keeper, sleep: Callable[[float], None] = time.sleep) -> None:
    """Look after a cluster, or a node of one, until somebody stops it."""
    while supervisor.step():
        sleep(POLL_S)
