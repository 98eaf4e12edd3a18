"""Events of versions that come into a registry and leave it, whoever registers them, and where.

People register and delete on machines of their own, with nothing but the registry: control looks
there now and then. An event is kept once, also by two controls, of which one replaces the other.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Iterator

from serve_app.core.events import Event
from serve_app.core.ports import EventStore
from serve_app.errors import NotFound, RegistryFailed, ServeError
from serve_app.registry.manifest import timestamp_s
from serve_app.registry.store import Registry

REGISTERED = "registered"
DELETED = "deleted"
FIRST_SEEN = "registry seen"
PAUSE_S = 3.0
FAR_PAUSE_S = 30.0
"""How long after one look the next one comes; object stores want money for each list."""
Version = tuple[str, int]
logger = logging.getLogger("serve_app.control")


class Registrations:
    """Looks at a registry again and again; `clock` gives seconds since 1970.

    Versions that stand when a state database first sees the registry are no events: one event
    says how many there are. Those that come while no control runs are, once one does.
    """

    def __init__(
        self, registry: Registry, url: str, events: EventStore, *, clock: Callable[[], float]
    ) -> None:
        self._registry = registry
        # Of a URL that may hold a password.
        self._subject = f"registry {hashlib.sha256(url.encode()).hexdigest()[:12]}"
        self.pause_s = FAR_PAUSE_S if "://" in url.removeprefix("file://") else PAUSE_S
        self._events = events
        self._clock = clock
        self._known: frozenset[Version] | None = None

    async def run(self) -> None:
        """Look for ever, in threads."""
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(self.pause_s)

    def look(self) -> None:
        """Keep an event of each version that came or went since the last look. It blocks.

        Raises:
            RegistryFailed: the registry cannot be read, or an event cannot be kept.
        """
        standing = frozenset(
            (name, number)
            for name, numbers in self._registry.folders().items()
            for number in numbers
        )
        known = self._at_first(standing) if self._known is None else self._known
        for version in sorted(standing - known):
            event = self._registered(version)
            if event is not None:
                self._events.append_once(event)
                known |= {version}
        for version in sorted(known - standing if self._known is not None else ()):
            name, number = version
            gone = Event(self._clock(), "unknown", DELETED, f"{name}@{number}")
            self._events.append_once(gone)
        self._known = known & standing

    def _at_first(self, standing: frozenset[Version]) -> frozenset[Version]:
        """The versions of which this state database had no need to hear when it began."""
        highest = {
            name: max(number for one, number in standing if one == name)
            for name, _ in sorted(standing)
        }
        first = Event(
            self._clock(),
            "control",
            FIRST_SEEN,
            self._subject,
            f"{len(standing)} versions were registered before",
            after=highest,
        )
        if self._events.append_once(first):
            return standing
        seen = self._events.newest(1, kind=FIRST_SEEN, subject=self._subject)
        return frozenset(_up_to(seen[0].after, standing)) if seen else standing

    def _registered(self, version: Version) -> Event | None:
        """The event of a version that is whole; none where it is not yet, or not any more."""
        name, number = version
        subject = f"{name}@{number}"
        try:
            manifest = self._registry.manifest(name, number)
        except NotFound:
            return None
        except RegistryFailed:
            raise
        except ServeError as error:
            logger.warning("a version cannot be read", extra={"version": subject})
            return Event(self._clock(), "unknown", REGISTERED, subject, error.message)
        at_s = timestamp_s(manifest.created_at, self._clock())
        gives = manifest.signature.output.kind
        return Event(at_s, manifest.created_by, REGISTERED, subject, after=gives)


def _up_to(highest: dict[str, int], standing: frozenset[Version]) -> Iterator[Version]:
    return ((name, number) for name, number in standing if number <= highest.get(name, 0))
