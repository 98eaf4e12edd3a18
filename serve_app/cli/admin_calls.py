"""Calls of the admin API at an address, and what to say where nothing answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from serve_app.cluster import web
from serve_app.errors import NotReady


class AdminCalls:
    """Asks at `base`; `hint` says what to do where nothing answers."""

    def __init__(self, base: str, hint: str) -> None:
        self._base = base
        self._hint = hint

    def read(self, path: str, *keys: str, timeout_s: float = 30.0, **query: Any) -> dict[str, Any]:
        """What stands at a path, which has some keys; what of the query is None is left out."""
        given = urlencode({name: one for name, one in query.items() if one is not None})
        return self._get(f"{path}?{given}" if given else path, keys=keys, timeout_s=timeout_s)

    def send(
        self, method: Callable[[str, Any], Any], path: str, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What comes of a change that is sent to a path, by `web.post` or another of `web`."""
        return self._send(method, path, body)

    def follow_aliases(self) -> dict[str, Any]:
        """Let endpoints follow at once what was moved in the registry, and how far that came."""
        return self._send(web.put, "/aliases", {})

    def _list(self, path: str, key: str, **query: Any) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.read(path, key, **query)[key]
        return items

    def _get(
        self, path: str, *, keys: tuple[str, ...] = (), timeout_s: float = 30.0
    ) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = web.get(self._base + path, keys=keys, timeout_s=timeout_s)
        except NotReady as error:
            raise self._unanswered(error) from None
        return answer

    def _send(
        self, method: Callable[[str, Any], Any], path: str, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = method(self._base + path, body)
        except NotReady as error:
            raise self._unanswered(error) from None
        return answer

    def _unanswered(self, error: NotReady) -> NotReady:
        cause = error.message.partition(" (")[2].partition(")")[0]
        why = f" ({cause})" if cause else ""
        return NotReady(f"the admin API at {self._base} does not answer{why}: {self._hint}")
