"""Windows of counts as rows of a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select

from serve_app.errors import RegistryFailed
from serve_app.monitoring.window import Key, Window
from serve_app.storage.database import open_database
from serve_app.storage.monitor_rows import has_turn, replace_state
from serve_app.storage.place import DatabaseLocation
from serve_app.storage.tables import monitor_state, windows

STATE = "windows"
_KEY = ("endpoint", "variant", "profile", "length_s", "start_s")
_REMOVE = delete(windows).where(*(windows.c[name] == bindparam(f"gone_{name}") for name in _KEY))


class WindowRows:
    """Writes and reads the tables of windows; `clock` gives seconds since 1970."""

    def __init__(self, place: DatabaseLocation, clock: Callable[[], float]) -> None:
        self._shown = place.shown
        self._database = open_database(place, clock)

    def save(
        self,
        changed: Sequence[Window],
        gone: Sequence[Key],
        state: Mapping[str, Any],
        turn: str | None = None,
    ) -> bool:
        """Replace the windows that changed, remove those that are gone, replace the state.

        False, and nothing is done, where it is the turn of another process than `turn`.
        """

        def save(connection: Connection) -> bool:
            if turn is not None and not has_turn(connection, turn):
                return False
            _save(connection, changed, gone, state)
            return True

        return self._database.write(save)

    def load(self) -> tuple[list[Window], Mapping[str, Any] | None]:
        """All windows, and the state."""
        body = select(monitor_state.c.body).where(monitor_state.c.name == STATE)
        state = self._database.read(monitor_state, lambda c: c.execute(body).scalar())
        contents = select(windows.c.content)
        rows = self._database.read(windows, lambda c: c.execute(contents).scalars().all())
        return self._decoded(rows or ()), None if state is None else json.loads(state)

    def endpoint(
        self, endpoint: str, length_s: int, since_s: float, until_s: float
    ) -> list[Window]:
        """The windows of one length of an endpoint, in the order of their time."""
        wanted = (
            select(windows.c.content)
            .where(
                windows.c.endpoint == endpoint,
                windows.c.length_s == length_s,
                windows.c.start_s >= since_s,
                windows.c.start_s < until_s,
            )
            .order_by(windows.c.start_s, windows.c.variant)
        )
        rows = self._database.read(windows, lambda c: c.execute(wanted).scalars().all())
        return self._decoded(rows or ())

    def _decoded(self, contents: Iterable[bytes]) -> list[Window]:
        try:
            return [Window.decode(content) for content in contents]
        except ValueError as error:
            msg = f"the counts in {self._shown} cannot be read: {error}"
            raise RegistryFailed(msg, path=self._shown) from error


def _save(
    connection: Connection,
    changed: Sequence[Window],
    gone: Sequence[Key],
    state: Mapping[str, Any],
) -> None:
    replaced = [*(window.key for window in changed), *gone]
    if replaced:
        connection.execute(_REMOVE, [_named("gone_", key) for key in replaced])
    if changed:
        rows = [{**_named("", one.key), "content": one.encode()} for one in changed]
        connection.execute(insert(windows), rows)
    replace_state(connection, STATE, json.dumps(state))


def _named(prefix: str, key: Key) -> dict[str, Any]:
    values = (*key.series, key.length_s, key.start_s)
    return {f"{prefix}{name}": value for name, value in zip(_KEY, values, strict=True)}
