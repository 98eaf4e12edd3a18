"""Changes of endpoints that somebody asked the admin API for: one after the other, in control.

A change takes as long as its versions take to start. So it is begun, and whoever asked looks at
how far it is; it goes on when they go away. What is under way ends with this process; what Serve
was given by then is in effect all the same, and `serve-app status` tells.
"""

import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any

from serve_app.cluster.node import Running
from serve_app.core.events import Event
from serve_app.core.ports import Clock, EventStore, Ids
from serve_app.errors import NotFound, ServeError
from serve_app.gateway.admin import failures
from serve_app.gateway.admin.actions import CHANGES, EndpointOrder, NewEndpoint, Replicas
from serve_app.serving.deploying import additions, changes, declaration, managed
from serve_app.serving.messages import words_for_outside

KEPT = 100
ADDED, REPLACED, SCALED, REMOVED = CHANGES
_ENDED = frozenset({"done", "failed"})
logger = logging.getLogger("serve_app.control")


@dataclass(frozen=True, slots=True)
class EndpointChange:
    """How far a change is; times are seconds since 1970.

    `state` is `waiting` while others are under way, `running`, `done`, or `failed`, where what
    was deployed before is again. `version` is who answers, `progress` what is missing, in words.
    """

    id: str
    kind: str
    endpoint: str
    by: str
    reason: str
    began_at_s: float
    state: str = "waiting"
    progress: str = ""
    version: str | None = None
    ended_at_s: float | None = None
    error: Mapping[str, str] | None = None


class EndpointChanges:
    """Makes changes in a thread of its own, and remembers the last of them.

    `cluster` gives the cluster that this process is of, `clock` the seconds since 1970. Each change
    that is done becomes an event.
    """

    def __init__(
        self,
        events: EventStore,
        *,
        cluster: Callable[[], Running],
        clock: Clock,
        ids: Ids = lambda: uuid.uuid4().hex,
    ) -> None:
        self._events = events
        self._cluster = cluster
        self._clock = clock
        self._ids = ids
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="endpoint-changes")
        self._known: dict[str, EndpointChange] = {}
        self._lock = threading.Lock()

    def begin(self, order: EndpointOrder, *, exists: bool) -> dict[str, Any]:
        """Let a change be made once those before it have ended, and tell of it.

        `exists` says whether there is an endpoint of that name now.
        """
        wanted = order.wanted
        change = EndpointChange(
            id=self._ids(),
            kind=_kind(order, exists=exists),
            endpoint=order.endpoint,
            by=order.change.who,
            reason=order.change.why,
            began_at_s=self._clock(),
            version=wanted.model if isinstance(wanted, NewEndpoint) else None,
        )
        with self._lock:
            ended = [one.id for one in self._known.values() if one.state in _ENDED]
            for identity in ended[: max(0, len(self._known) + 1 - KEPT)]:
                del self._known[identity]
            self._known[change.id] = change
        self._thread.submit(self._make, change.id, order)
        return asdict(change)

    def newest(self) -> list[dict[str, Any]]:
        """Those under way and the last that ended, the newest first."""
        with self._lock:
            return [asdict(change) for change in reversed(self._known.values())]

    def known(self, identity: str) -> dict[str, Any]:
        """How far a change is.

        Raises:
            NotFound: nobody remembers it.
        """
        with self._lock:
            change = self._known.get(identity)
        if change is None:
            msg = (
                f"there is no change {identity[:80]!r}: it ended long ago, or control was started "
                "anew since; /v1/admin/status tells what stands"
            )
            raise NotFound(msg)
        return asdict(change)

    def close(self) -> None:
        """Begin no further change."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _make(self, identity: str, order: EndpointOrder) -> None:
        try:
            self._changed(identity, state="running", progress="looking at what is deployed")
            self._deploy(identity, order)
        except Exception as error:
            logger.warning("an endpoint is not changed", exc_info=error)
            self._ended(identity, "failed", failures.to_json(_for_outside(error)))
        else:
            self._remember(self._known[identity])
            self._ended(identity, "done", None)

    def _deploy(self, identity: str, order: EndpointOrder) -> None:
        running = self._cluster()
        wait = changes.Wait(order.within_s, lambda what: self._progress(identity, what))
        name, wanted = order.endpoint, order.wanted
        with changes.alone(running, f"endpoints {_doing(order)} {name}", wait):
            if order.managed_alone:
                standing = declaration.endpoints(changes.deployed(running))
                managed.check_managed(order, standing)
            if wanted is None:
                changes.remove_endpoint(running, name, wait=wait)
            elif isinstance(wanted, Replicas):
                changes.scale_endpoint(running, name, wanted, wait=wait)
            else:
                self._changed(identity, version=additions.added(running, name, wanted, wait))

    def _progress(self, identity: str, what: str) -> None:
        self._changed(identity, progress=what)

    def _ended(self, identity: str, state: str, error: Mapping[str, str] | None) -> None:
        self._changed(identity, state=state, progress="", error=error, ended_at_s=self._clock())

    def _changed(self, identity: str, **parts: Any) -> None:
        with self._lock:
            self._known[identity] = replace(self._known[identity], **parts)

    def _remember(self, change: EndpointChange) -> None:
        event = Event(
            self._clock(),
            change.by,
            change.kind,
            change.endpoint,
            change.reason,
            after=change.version,
        )
        try:
            self._events.append(event)
        except Exception as error:
            logger.error("an event cannot be kept", exc_info=error, extra={"event": str(event)})


def _kind(order: EndpointOrder, *, exists: bool) -> str:
    if order.wanted is None:
        return REMOVED
    if isinstance(order.wanted, Replicas):
        return SCALED
    return REPLACED if exists else ADDED


def _doing(order: EndpointOrder) -> str:
    """What is done, as those who wait for it name it."""
    return {REMOVED: "remove", SCALED: "scale"}.get(_kind(order, exists=False), "add")


def _for_outside(error: Exception) -> ServeError:
    if isinstance(error, ServeError):
        return type(error)(words_for_outside(error))
    return ServeError(words_for_outside(error))
