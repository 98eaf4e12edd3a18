"""Several dialects on one path, told apart by content types."""

from __future__ import annotations

from collections.abc import Mapping

from serve_app.core.messages import Payload, Response
from serve_app.protocols.dialect import Around, Call, Dialect, Reply, media_type


class ByType(Around):
    """One dialect, and others for the content types that are theirs alone.

    A body is read in the dialect of its content type and answered in the same, unless `Accept`
    names another one. Only the usual dialect and those of `answers` can be chosen so: they need
    to remember nothing of the body that they answer.
    """

    def __init__(
        self,
        usual: Dialect,
        others: Mapping[str, Dialect],
        answers: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(usual)
        self._others = others
        self._chosen = {kind: others[kind] for kind in answers}
        self._chosen["application/json"] = usual
        self.media_types = usual.media_types | others.keys()

    def decode(self, call: Call) -> Payload:
        """From bytes to columns, in the dialect of the content type.

        Raises:
            ClientError: the bytes are not of that dialect.
        """
        return self._others.get(call.media_type, self._usual).decode(call)

    def encode(self, response: Response) -> Reply:
        """From an answer to bytes.

        Raises:
            ClientError: what was asked for cannot be said.
        """
        headers = response.request.headers
        dialect = self._others.get(media_type(headers.get("content-type", "")), self._usual)
        accepted = headers.get("accept")
        if accepted is not None and dialect in self._chosen.values():
            dialect = self._chosen.get(media_type(accepted), dialect)
        return dialect.encode(response)
