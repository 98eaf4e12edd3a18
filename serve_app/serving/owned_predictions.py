"""Lets identifiers of predictions say to whom they were given, alike in all gateways."""

import asyncio

from serve_app.core.identifiers import OwnedIds
from serve_app.core.supervisor import Supervisor
from serve_app.engine.predict import Predictor
from serve_app.serving.shared_secrets import (
    PREDICTION_IDS,
    SecretSource,
    drawn_secret,
    follow_secret,
)
from serve_app.storage.feedback_matcher import Gave, nobody
from serve_app.storage.monitor_state import MonitorState

NAME = PREDICTION_IDS


async def mark_predictions(predictor: Predictor, state: str) -> None:
    """Mark predictions from now on by the secret that all who share a state store have.

    Whoever is the first one draws it.

    Raises:
        RegistryFailed: the state store cannot be read, or not written where there is no secret.
    """
    predictor.mark_with(OwnedIds(bytes.fromhex(await drawn_secret(state, NAME))))


async def mark_alike(
    tasks: Supervisor, predictor: Predictor, state: str, control: SecretSource
) -> None:
    """Mark predictions by the secret of a state store, then by control's, where that differs.

    Control's is kept here, so that it counts at once when this process starts again.

    Raises:
        RegistryFailed: as `mark_predictions` does.
    """
    await mark_predictions(predictor, state)

    async def take(secret: bytes) -> None:
        predictor.mark_with(OwnedIds(secret))
        await asyncio.to_thread(_keep, state, secret.hex())

    tasks.start("follow the secret of identifiers", follow_secret(control, NAME, take))


def _keep(state: str, secret: str) -> None:
    store = MonitorState(state)
    if store.load(NAME) != secret:
        store.save(NAME, secret)


def gave_in(state: str) -> Gave:
    """Tells to whom predictions were given, by the secret of a state store; nobody without one.

    Raises:
        RegistryFailed: the state store cannot be read.
    """
    secret = MonitorState(state).load(NAME)
    return nobody if secret is None else OwnedIds(bytes.fromhex(secret)).is_of
