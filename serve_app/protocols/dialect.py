"""What every dialect is given and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from serve_app.core.messages import Payload, Response
from serve_app.core.signature import Column, Signature
from serve_app.errors import BadEncoding

JSON = b"application/json"
JSON_TYPES = frozenset({"application/json", "text/json", ""})
"""The content types that JSON comes with; `""` stands for none."""
FORM = "application/x-www-form-urlencoded"
"""What curl's `-d` says of any body, JSON too; TensorFlow Serving's documentation posts so."""
ANY = frozenset({"*/*", *JSON_TYPES})
"""The content types of systems that do not look at them."""
_HEADERS = {"present": True, "absent": False}


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it arrived, its body decompressed.

    `columns` are those of the endpoint and `names` their names, in order; the names of
    `headers` are in lower case. `signature` says more of an endpoint, where it is known, and
    `endpoint` is what it is called.
    """

    body: bytes
    names: tuple[str, ...]
    max_rows: int
    headers: Mapping[str, str] = field(default_factory=dict)
    columns: tuple[Column, ...] = ()
    signature: Signature | None = None
    endpoint: str = ""

    @property
    def shaped(self) -> bool:
        """Whether a graph takes tensors, one per row, in place of numbers and words."""
        graph = self.signature
        return graph is not None and bool(graph.tensors) and any(c.shape for c in graph.inputs)

    @property
    def knows_no_names(self) -> bool:
        """Whether only the order of the columns says which is which, as in a matrix."""
        graph = self.signature
        if graph is None or not graph.inputs:
            return False
        # Of most models the first column tells that they have names.
        return graph.by_position or (graph.inputs[0].label == 0 and _numbered(graph))

    @property
    def media_type(self) -> str:
        """The content type in lower case and without its parameters, `""` for none."""
        return media_type(self.headers.get("content-type", ""))

    @property
    def header(self) -> bool | None:
        """Whether a body of CSV has a header, where its content type says so (RFC 4180).

        Raises:
            BadEncoding: it says neither `present` nor `absent`.
        """
        for part in self.headers.get("content-type", "").split(";")[1:]:
            name, _, value = part.partition("=")
            if name.strip().lower() == "header":
                word = value.strip().strip('"').lower()
                if word not in _HEADERS:
                    msg = f"header={word[:80]} says nothing: write header=present or header=absent"
                    raise BadEncoding(msg)
                return _HEADERS[word]
        return None


def _numbered(signature: Signature) -> bool:
    """Whether the frame of training called its columns 0, 1, 2."""
    return all(column.label == place for place, column in enumerate(signature.inputs))


def media_type(header: str) -> str:
    """A content type in lower case and without its parameters."""
    return header.partition(";")[0].strip().lower()


class Reply(NamedTuple):
    """An answer as it leaves; `status` is that of an error where it is not the common one."""

    body: bytes
    media_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()
    status: int | None = None


class Addressee(NamedTuple):
    """Whom a request asks for in its headers, where its path does not say."""

    endpoint: str | None = None
    version: str | None = None


NOBODY = Addressee()


class Dialect(Protocol):
    """How one protocol writes requests and answers."""

    @property
    def name(self) -> str:
        """What it is called in code."""
        ...

    @property
    def media_types(self) -> frozenset[str]:
        """The content types that its bodies come with; `""` stands for none."""
        ...

    def target(self, headers: Mapping[str, str]) -> Addressee:
        """The endpoint and version that headers name."""
        ...

    def refuse(self, refusal: Refusal) -> Reply | None:
        """An error in this protocol's own words; none where the common ones will do."""
        ...

    def decode(self, call: Call) -> Payload:
        """From bytes to columns.

        Raises:
            ClientError: the bytes are not of this protocol.
        """
        ...

    def encode(self, response: Response) -> Reply:
        """From an answer to bytes.

        Raises:
            ClientError: what was asked for cannot be said.
        """
        ...


class Refusal(NamedTuple):
    """Why a request is not answered: `code` is the error's own, `status` that of HTTP.

    `details` are what the error tells beside: who was asked for, what there is.
    """

    message: str
    code: str
    status: int
    request_id: str
    details: Mapping[str, Any] = MappingProxyType({})


Words = Callable[[Refusal], Reply | None]
"""How errors are said; none where the common form will do."""


def in_common_words(refusal: Refusal) -> Reply | None:  # noqa: ARG001
    """The form of errors that most clients read."""
    return None


class ByPath:
    """A dialect whose paths say who is asked, and whose errors are like everybody's."""

    def target(self, headers: Mapping[str, str]) -> Addressee:  # noqa: ARG002
        """Nobody: the path says."""
        return NOBODY

    def refuse(self, refusal: Refusal) -> Reply | None:  # noqa: ARG002
        """Nothing of its own."""
        return None


class Around:
    """What stands around a usual dialect: its name, whom it asks, and its errors are that one's."""

    def __init__(self, usual: Dialect) -> None:
        self._usual = usual
        self.name = usual.name

    def target(self, headers: Mapping[str, str]) -> Addressee:
        """As the usual dialect says."""
        return self._usual.target(headers)

    def refuse(self, refusal: Refusal) -> Reply | None:
        """As the usual dialect says."""
        return self._usual.refuse(refusal)
