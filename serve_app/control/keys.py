"""Making, replacing and revoking API keys, wherever they are kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from serve_app.core.access import MOST_VALID_KEYS, KeyChange, KeyOrder, KeyRecord, KeyRotation
from serve_app.core.events import Event
from serve_app.errors import Conflict, NotFound
from serve_app.security import keys

CREATED = "key created"
ROTATED = "key rotated"
REVOKED = "key revoked"


class KeyStore(Protocol):
    """Where records of keys are kept."""

    def all(self) -> list[KeyRecord]:
        """Every key that there ever was."""
        ...

    def put(self, *records: KeyRecord) -> None:
        """Keep all of these or none, each in place of what was kept of its id."""
        ...


@dataclass(frozen=True, slots=True)
class Issued:
    """A new key, which nobody can show again, and what is kept of it."""

    record: KeyRecord
    key: str = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Both as JSON values."""
        return {**self.record.shown(), "key": self.key}


class KeyBook:
    """Changes of keys, each kept before it is given.

    `clock` gives seconds since 1970, `random_bytes` so many bytes of chance, `keep_event` keeps
    what was done.
    """

    def __init__(
        self,
        store: KeyStore,
        *,
        clock: Callable[[], float],
        random_bytes: Callable[[int], bytes],
        keep_event: Callable[[Event], object],
    ) -> None:
        self._store = store
        self._clock = clock
        self._random_bytes = random_bytes
        self._keep_event = keep_event

    def listed(self) -> list[dict[str, Any]]:
        """Every key with its state, by principal and time, without what could be used."""
        now_s = self._clock()
        records = sorted(self._store.all(), key=lambda one: (one.principal, one.created_at_s))
        return [{**one.shown(), "state": one.state(now_s)} for one in records]

    def create(self, order: KeyOrder, who: str, why: str = "") -> Issued:
        """Make a key.

        Raises:
            InvalidInput: what it is to be makes no sense.
            Conflict: the principal has two valid keys already.
        """
        now_s = self._clock()
        issued = self._issued(order, who, now_s)
        self._check_room(issued.record.principal, self._store.all(), now_s)
        self._store.put(issued.record)
        self._note(CREATED, issued.record, who, why)
        return issued

    def rotate(self, identity: str, overlap_s: float, who: str, why: str = "") -> Issued:
        """Make a key that may do what another one may, which ends `overlap_s` from now.

        Raises:
            NotFound: there is no such key.
            Conflict: it is revoked or expired, or the principal has two valid keys already.
        """
        now_s = self._clock()
        records = self._store.all()
        former = _known(records, identity)
        if former.ends_before(now_s):
            msg = f"the key {identity} is {former.state(now_s)}: make a new one in its place"
            raise Conflict(msg)
        self._check_room(former.principal, records, now_s)
        lasts_s = None
        if former.expires_at_s is not None:
            lasts_s = now_s + former.expires_at_s - (former.not_before_s or former.created_at_s)
        order = KeyOrder(
            former.principal,
            former.scopes,
            former.tenant,
            former.endpoints,
            expires_at_s=lasts_s,
            detail=former.detail,
        )
        issued = self._issued(order, who, now_s)
        self._store.put(issued.record, former.ending(now_s + overlap_s))
        self._note(ROTATED, issued.record, who, why, former=former.id)
        return issued

    def revoke(self, identity: str, who: str, why: str = "") -> KeyRecord:
        """Let a key be valid no more, for ever.

        Raises:
            NotFound: there is no such key.
        """
        former = _known(self._store.all(), identity)
        record = former.revoked(self._clock())
        if record is not former:
            self._store.put(record)
            self._note(REVOKED, record, who, why)
        return record

    def _issued(self, order: KeyOrder, who: str, now_s: float) -> Issued:
        identity, key = keys.new_key(self._random_bytes)
        record = KeyRecord(
            identity,
            keys.digest_of(key),
            order.principal,
            order.scopes,
            order.tenant,
            order.endpoints,
            order.not_before_s,
            order.expires_at_s,
            created_at_s=now_s,
            created_by=who,
            detail=order.detail,
        )
        keys.check(record)
        return Issued(record, key)

    def _check_room(self, principal: str, records: list[KeyRecord], now_s: float) -> None:
        live = [
            one.id for one in records if one.principal == principal and not one.ends_before(now_s)
        ]
        if len(live) >= MOST_VALID_KEYS:
            msg = (
                f"{principal!r} has two valid keys already, {live[0]} and {live[1]}: revoke the "
                "one that is not used any more"
            )
            raise Conflict(msg, keys=live)

    def _note(
        self, kind: str, record: KeyRecord, who: str, why: str, former: str | None = None
    ) -> None:
        after = record.shown() if former is None else {**record.shown(), "instead_of": former}
        self._keep_event(Event(self._clock(), who, kind, record.principal, why, after=after))


def _known(records: list[KeyRecord], identity: str) -> KeyRecord:
    for one in records:
        if one.id == identity:
            return one
    msg = f"there is no key {identity[:80]!r}; `serve-app keys list` shows those that there are"
    raise NotFound(msg)


def changed(book: KeyBook, order: KeyChange, who: str, why: str = "") -> dict[str, Any]:
    """What came of a change as JSON values: the record, of a new key the key too.

    Raises what the book raises.
    """
    if isinstance(order, KeyOrder):
        return book.create(order, who, why).to_json()
    if isinstance(order, KeyRotation):
        return book.rotate(order.id, order.overlap_s, who, why).to_json()
    return book.revoke(order.id, who, why).shown()
