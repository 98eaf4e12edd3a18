"""Lets identifiers of predictions say to whom they were given, alike in all gateways."""

import asyncio
import secrets

from serve_app.core.identifiers import OwnedIds
from serve_app.engine.predict import Predictor
from serve_app.storage.feedback_matcher import Gave, nobody
from serve_app.storage.monitor_state import MonitorState

NAME = "prediction-ids"
SECRET_BYTES = 32


async def mark_predictions(predictor: Predictor, state: str) -> None:
    """Mark predictions from now on by the secret that all who share a state store have.

    Whoever is the first one draws it.

    Raises:
        RegistryFailed: the state store cannot be read, or not written where there is no secret.
    """
    drawn = secrets.token_hex(SECRET_BYTES)
    secret = await asyncio.to_thread(MonitorState(state).first, NAME, drawn)
    predictor.mark_with(OwnedIds(bytes.fromhex(secret)))


def gave_in(state: str) -> Gave:
    """Tells to whom predictions were given, by the secret of a state store; nobody without one.

    Raises:
        RegistryFailed: the state store cannot be read.
    """
    secret = MonitorState(state).load(NAME)
    return nobody if secret is None else OwnedIds(bytes.fromhex(secret)).is_of
