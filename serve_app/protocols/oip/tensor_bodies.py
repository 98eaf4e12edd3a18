"""V2 bodies where another system is asked: what Triton answers in its containers.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md;
there the content type says where the bytes of tensors begin, since the platforms pass no header on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from serve_app.core.messages import Payload, Response
from serve_app.core.reference import number_of
from serve_app.errors import BadEncoding, UnsupportedMedia
from serve_app.protocols.bodies import json_body, large_json
from serve_app.protocols.dialect import JSON_TYPES, Around, Call, Dialect, Reply
from serve_app.protocols.oip import binary
from serve_app.protocols.oip import v2 as oip_v2
from serve_app.protocols.oip.outputs import AnswerForm

SAGEMAKER = "application/vnd.sagemaker-triton.binary+json"
VERTEX = "application/vnd.vertex-ai-triton.binary+json"
Marks = Callable[[Response], tuple[tuple[bytes, bytes], ...]]
"""The headers that a system's answers have beside."""
_OCTETS = "application/octet-stream"
_SIZE = "json-header-size"
_KNOWN = frozenset({SAGEMAKER, VERTEX})


class Triton(oip_v2.OpenInferenceV2):
    """The Open Inference Protocol in Triton's very form: nothing beside what it says itself."""

    name = "triton"

    def _answered(self, response: Response, outputs: Sequence[Any]) -> dict[str, Any]:
        identity = response.request.payload.id
        return {
            **({} if identity is None else {"id": identity}),
            "model_name": response.request.endpoint,
            "model_version": _version(response.answer.variants),
            "outputs": outputs,
        }


TRITON = Triton()


class WithTensors(Around):
    """A system's usual dialect, and V2 bodies beside it.

    A body is V2 if its content type is one of Triton's, if the header of binary bodies is there,
    or if it is JSON whose `inputs` are tensors; it is answered as V2. Binary answers say in their
    content type, one of `media_type`, how long their JSON is, and in V2's header too. `marks`
    are the headers of the usual answers.
    """

    def __init__(self, usual: Dialect, media_type: str, marks: Marks = lambda _: ()) -> None:
        super().__init__(usual)
        self._media_type = media_type
        self._marks = marks
        self.media_types = usual.media_types | {_OCTETS}

    def decode(self, call: Call) -> Payload:
        """From bytes to columns.

        Raises:
            ClientError: the bytes are of neither form.
        """
        framed = _framed(call)
        if framed is not None:
            return TRITON.decode(framed)
        document = _tensors(call) if b'"inputs"' in call.body else None
        if document is not None:
            return TRITON.of_document(document, call)
        if self._is_unknown(call):
            msg = (
                "a body of the content type 'application/octet-stream' is read as tensors: say "
                "in the header Inference-Header-Content-Length how long its JSON is"
            )
            raise UnsupportedMedia(msg, accepted=sorted(self._usual.media_types - {""}))
        return self._usual.decode(call)

    def _is_unknown(self, call: Call) -> bool:
        """Whether a body is of bytes that nothing says more of."""
        content_type = call.headers.get("content-type")
        return content_type not in self._usual.media_types and call.media_type == _OCTETS

    def encode(self, response: Response) -> Reply:
        """From an answer to bytes, in the form of the request.

        Raises:
            ClientError: what was asked for cannot be said.
        """
        if not isinstance(response.request.payload.form, AnswerForm):
            return self._usual.encode(response)
        reply = TRITON.encode(response)
        kind = reply.media_type
        for _, length in reply.headers:
            kind = f"{self._media_type};{_SIZE}={length.decode()}".encode()
        return reply._replace(media_type=kind, headers=(*reply.headers, *self._marks(response)))


REDIRECTED = WithTensors(TRITON, VERTEX)
"""V2 and nothing else, whose binary answers say the length of their JSON as Vertex's do."""


def _version(variants: Sequence[str]) -> str:
    """The number of the version that answered; the names of all where there are several."""
    return number_of(variants[0]) if len(variants) == 1 else ",".join(variants)


def _framed(call: Call) -> Call | None:
    """The call with V2's header, where anything says that tensors follow the JSON as bytes.

    Raises:
        BadEncoding: the content type says so in a way that cannot be read.
    """
    content_type = call.headers.get("content-type", "")
    if "-triton.binary+json" not in content_type.lower():
        return call if binary.HEADER in call.headers else None
    _, _, parameters = content_type.partition(";")
    name, _, size = parameters.partition("=")
    if call.media_type not in _KNOWN or name.strip().lower() != _SIZE:
        known = " or ".join(sorted(_KNOWN))
        msg = (
            f"the content type is {content_type[:120]!r}; binary tensors come as {known}, each "
            f"with ;{_SIZE}=<length of the JSON>"
        )
        raise BadEncoding(msg)
    size = size.strip()
    if not binary.is_length(size, call.body):
        msg = (
            f"{_SIZE} is {size[:40]!r}; it must be the length of the JSON at the start of the "
            f"body, which has {len(call.body)} bytes"
        )
        raise BadEncoding(msg, body_bytes=len(call.body))
    return replace(call, headers={**call.headers, binary.HEADER: size})


def _tensors(call: Call) -> dict[str, Any] | None:
    """The document of a JSON body whose `inputs` are tensors; none of other bodies."""
    kind, body = call.media_type, call.body
    if not (kind in JSON_TYPES or kind.endswith("+json")):
        return None
    if b'"datatype"' not in body and b'"shape"' not in body:
        return None
    document = large_json.parse(body) or json_body.parse_any(body, nan=True)
    inputs = document.get("inputs") if isinstance(document, dict) else None
    first = inputs[0] if isinstance(inputs, list) and inputs else None
    if not isinstance(first, dict) or not isinstance(first.get("name"), str):
        return None
    tensor_keys = {"datatype", "shape"} & first.keys()
    # A table may have columns of these names.
    return document if tensor_keys - set(call.names) else None
