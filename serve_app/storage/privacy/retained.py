"""What goes for its age, and how the settings of privacy become what stores need."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from serve_app.config.privacy import PrivacyArgs, RetentionSettings
from serve_app.core.record_settings import RecordSettings
from serve_app.errors import ConfigError
from serve_app.security.subjects import SubjectSecret
from serve_app.storage.feedback_erasure import FeedbackErasure
from serve_app.storage.privacy.sealing import SealedRows
from serve_app.storage.privacy.subject_keys import SubjectKeys

DAY_S = 86_400.0
LEAST_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class Subjects:
    """The keys of subjects, and what encrypts rows under them."""

    keys: SubjectKeys
    rows: SealedRows


def subjects_of(
    args: PrivacyArgs | None, *, clock: Callable[[], float] = time.time
) -> Subjects | None:
    """What keeps the data of subjects, as a monitor's args want it; none where there is no secret.

    Raises:
        ConfigError: the secret cannot be read, or the package `cryptography` is not installed.
    """
    if args is None or args.secret is None:
        return None
    secret = SubjectSecret(_content(Path(args.secret)))
    keys = SubjectKeys(Path(args.keys), secret)
    return Subjects(keys, SealedRows(secret, keys, clock))


def _content(file: Path) -> str:
    try:
        text = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigError(f"the secret {file} of privacy cannot be read: {why}") from None
    if len(text) < LEAST_CHARACTERS:
        msg = (
            f"the secret {file} of privacy is too short: it needs {LEAST_CHARACTERS} characters; "
            "serve-app privacy secret makes one"
        )
        raise ConfigError(msg)
    return text


class Retention:
    """Lets go of what is older than it may be; `clock` gives seconds since 1970."""

    def __init__(
        self, settings: RetentionSettings, stored: FeedbackErasure, clock: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._stored = stored
        self._clock = clock

    def of_records(self, settings: Mapping[str, RecordSettings]) -> dict[str, RecordSettings]:
        """The settings of endpoints, none of which keeps records longer than all may be kept."""
        most = self._settings.predictions
        if most is None:
            return dict(settings)
        return {
            name: replace(one, retention_days=min(most, one.retention_days))
            for name, one in settings.items()
        }

    def run(self) -> None:
        """Remove feedback and events that are too old.

        Raises:
            RegistryFailed: the database cannot be written; it is tried again.
        """
        now_s = self._clock()
        if (days := self._settings.feedback) is not None:
            self._stored.forget_feedback(now_s - days * DAY_S)
        if (days := self._settings.events) is not None:
            self._stored.forget_events(now_s - days * DAY_S)
