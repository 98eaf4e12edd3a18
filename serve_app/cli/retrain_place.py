"""What commands of retraining work with: ledger, registry, training here, perhaps a cluster."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import output
from serve_app.cli.admin import Place, option_server
from serve_app.cli.registries import open_to_train, option_signer
from serve_app.cli.train_places import local, option_runs

if TYPE_CHECKING:
    from serve_app.cli.retrain_canary import AdminCanaries
    from serve_app.config.pipeline import PipelineSettings
    from serve_app.lifecycle.executor import Executor
    from serve_app.lifecycle.fold_data import FoldPlace
    from serve_app.lifecycle.retraining.database import Database
    from serve_app.lifecycle.retraining.decisions import Author
    from serve_app.lifecycle.retraining.intake import Intake
    from serve_app.lifecycle.retraining.ledger import Ledger
    from serve_app.lifecycle.retraining.states import Run
    from serve_app.lifecycle.retraining.versions import RegistryVersions
    from serve_app.lifecycle.training import Training
    from serve_app.registry.store import Registry


def option_place(function: Callable[..., Any]) -> Callable[..., Any]:
    """Where the ledger, the registry and the cluster are."""
    for option in (output.as_json, output.option_registry, output.option_state, option_server,
                   option_runs):  # fmt: skip
        function = option(function)
    return function


def option_working_place(function: Callable[..., Any]) -> Callable[..., Any]:
    """The place, and the key that signs what is registered and which aliases move there."""
    return option_place(option_signer(function))


def option_reason(function: Callable[..., Any]) -> Callable[..., Any]:
    """Why, for those who look later."""
    return click.option("--reason", default="", help="Why, for those who look at it later.")(
        function
    )


@dataclass(frozen=True, slots=True)
class RetrainingPlace:
    """The place that a command's options name."""

    runs: str
    registry: str
    server: str | None
    state: str
    quiet: bool = False
    sign_key: str | None = None
    signer: str | None = None

    @property
    def store(self) -> Registry:
        """The registry, in which is signed what this place changes.

        Raises:
            NotPermitted: signatures are required, and there is no key.
        """
        return open_to_train(self.registry, self.sign_key, self.signer)

    def check_signing(self) -> None:
        """Let nothing be written that would have to be signed, and cannot be; raises as `store`."""
        open_to_train(self.registry, self.sign_key, self.signer)

    @property
    def database(self) -> Database:
        """The ledger's database."""
        from serve_app.lifecycle.retraining.database import Database

        return Database(Path(self.runs))

    @property
    def ledger(self) -> Ledger:
        """The ledger of runs of retraining."""
        from serve_app.lifecycle.retraining.ledger import Ledger

        return Ledger(self.database)

    def versions(self) -> RegistryVersions:
        """The registry's versions."""
        from serve_app.lifecycle.retraining.versions import RegistryVersions

        return RegistryVersions(self.store)

    def canaries(self) -> AdminCanaries:
        """Canaries of the cluster."""
        from serve_app.cli.retrain_canary import AdminCanaries

        return AdminCanaries(self.store, Place(self.server, self.state).client)

    def training(self) -> Training:
        """Runs of training on this machine."""
        from serve_app.cli.train_tables import shown
        from serve_app.lifecycle.sequence import Means
        from serve_app.lifecycle.training import Training

        report = shown(output.progress().status("training …"), quiet=self.quiet)
        means = Means(self.store, _executors, time.time)
        return Training(Path(self.runs), means, report)

    def intake(self) -> Intake:
        """What takes triggers."""
        from serve_app.lifecycle.retraining.intake import Intake

        def count(model: str, body: Mapping[str, Any]) -> int | None:
            # Only here, since it reads pandas: a call of another system waits for its answer.
            from serve_app.lifecycle.retraining.local import count_new_rows

            return count_new_rows(self.training(), model, body)

        return Intake(self.database, time.time, count)

    def author(self, reason: str) -> Author:
        """Who is logged in, now."""
        from serve_app.lifecycle.retraining.decisions import Author
        from serve_app.registry.user import current_user

        return Author(current_user(), reason, time.time())

    def work(self, model: str) -> Run | None:
        """Move the run of a model as far as it goes now, alone.

        Raises:
            Conflict: another process works on the model.
        """
        from serve_app.lifecycle.retraining import leases
        from serve_app.lifecycle.retraining.effects import Effects
        from serve_app.lifecycle.retraining.local import LocalTraining
        from serve_app.lifecycle.retraining.machine import Machine

        database, versions = self.database, self.versions()
        owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        lease = leases.acquire(database, model, owner, time.time())
        effects = Effects(LocalTraining(self.training()), versions, self.canaries())
        try:
            with leases.kept(database, lease, time.time):
                return Machine(self.ledger, effects, lease, time.time).work()
        finally:
            leases.release(database, lease)
            self.publish(model)

    def publish(self, model: str) -> None:
        """Let `serve-app events` of the cluster's state show what happened to a model."""
        from serve_app.cli import train_events
        from serve_app.cli.retrain_events import publish_or_warn

        if self.server is None:
            publish_or_warn(self.ledger, self.state, model)
            train_events.publish_or_warn(self.runs, self.state)


def _executors(place: FoldPlace) -> Executor:
    """As many processes as trials that are computed at once, and at most one for each CPU."""
    from serve_app.lifecycle.spec import pipeline_of

    parallel = pipeline_of(dict(place.body)).search.parallel
    return local(min(parallel, os.cpu_count() or 1))(place)


def body_of_retraining(settings: PipelineSettings) -> dict[str, Any]:
    """What a run keeps of its pipeline: how it is trained, and how it takes over."""
    from serve_app.lifecycle.spec import body_of

    if settings.retrain is None:
        return body_of(settings)
    retrain = settings.retrain.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {**body_of(settings), "retrain": retrain}
