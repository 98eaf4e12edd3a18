"""The profiles of recorded rows, for versions that were registered without data."""

from __future__ import annotations

from serve_app.monitoring.profile.profile import FeatureProfile
from serve_app.storage.monitor_state import MonitorState


class BaselineStore:
    """The profiles that were made of recorded rows, by version; at a folder or a URL of state."""

    def __init__(self, state: str) -> None:
        self._state = MonitorState(state)

    def save(self, version: str, profile: FeatureProfile) -> None:
        """Keep the profile of a version in place of a former one.

        Raises:
            RegistryFailed: the database cannot be written.
        """
        self._state.save(_name(version), profile.to_json())

    def load(self, version: str) -> FeatureProfile | None:
        """The profile of a version, none where none was made.

        Raises:
            RegistryFailed: the database cannot be read.
            ValueError: what is there is no profile that this release knows.
        """
        body = self._state.load(_name(version))
        return None if body is None else FeatureProfile.from_json(body)


def _name(version: str) -> str:
    return f"baseline:{version}"
