"""What every watch of the monitor has, and what watches look at."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from serve_app.config import MonitorArgs
from serve_app.core.experiment import Experiment
from serve_app.core.snapshot import Endpoint
from serve_app.monitoring.catalogue import Sample
from serve_app.monitoring.finding import Finding
from serve_app.monitoring.profile.profile import FeatureProfile
from serve_app.registry.store import Registry
from serve_app.storage.feedback import FeedbackStore
from serve_app.storage.intake import Intake
from serve_app.storage.monitor_state import MonitorState
from serve_app.storage.records.files import Files

ARRIVALS = 5_000
"""The newest labels of an endpoint, by which it is known how late labels come."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What watches look at.

    `clock` gives seconds since 1970, `endpoints` those that there are now, `experiments` how far
    those of endpoints are, `profiles` the profile of a version or None where it has none or that
    cannot be read now.
    """

    args: MonitorArgs
    clock: Callable[[], float]
    endpoints: Callable[[], Mapping[str, Endpoint]]
    intake: Intake
    feedback: FeedbackStore
    files: Files
    state: MonitorState
    registry: Registry
    profiles: Callable[[str], FeatureProfile | None]
    experiments: Callable[[], Mapping[str, Experiment]] = dict


class Watch(Protocol):
    """Looks at what was recorded again and again, and knows what is wrong.

    Its supervised task is called `name` and runs `first_s` seconds after the start and then
    `pause_s` after each end. Every method may be called in a thread of its own.
    """

    @property
    def name(self) -> str:
        """The name of its task, in plain words."""

    @property
    def kind(self) -> str:
        """The kind of its findings, and the name of its report."""

    @property
    def pause_s(self) -> float:
        """Seconds between two runs."""

    @property
    def first_s(self) -> float:
        """Seconds until the first run."""

    def restore(self) -> None:
        """Know again what a former process knew.

        Raises:
            ServeError: the store cannot be read.
        """

    def run(self) -> None:
        """Look once; it may take a while."""

    def samples(self) -> Iterable[Sample]:
        """What it knows, as metrics."""

    def findings(self) -> Sequence[Finding]:
        """What is wrong now, as far as the last run saw."""

    def report(self, endpoint: str | None, within_s: float) -> Sequence[Mapping[str, Any]]:
        """What it knows of one endpoint or all as JSON values, of the last so many seconds."""
