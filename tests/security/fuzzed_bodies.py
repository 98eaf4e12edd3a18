"""Sends mutations of golden bodies to a gateway, one after the other, over every dialect and gRPC.

Run as a program, so that a body that ends the process ends this one: a file then has the number of
the last. What is answered with 5xx, or never, is listed with the number that makes it again.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import mmap
import random
import struct
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from google.protobuf import json_format
from google.protobuf.message import DecodeError

from serve_app.protocols.oip.messages import message
from tests.golden.gateway import Gateway

GOLDEN = Path(__file__).parents[1] / "golden"
DEADLINE_S = 10.0
PARTS = 10
"""Memory is measured so often, after equal numbers of bodies."""
LEAVES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 10**30, 1.5, -0.0, 1e308,
    1e-320, "", "a", "NaN", "Infinity", "1e999", "\x00", "\ud83d\ude00", "é" * 300, "1" * 5_000,
    [], {}, [[]], [None], {"": ""}, [1, "a", None], {"b64": "AA="}, {"b64": "????"}, [[[[1]]]],
    "INT8", "FP16", "BYTES", "UINT64", [-1], [0], [2**40], [2, 2], "predictions", "mixed",
)  # fmt: skip
TOKENS = (
    b"NaN", b"-Infinity", b"1e999", b"\\ud800", b"\x00", b"\xff\xfe", b"{", b"[" * 200, b'"', b",",
    b"null", b"9" * 400, b"-", b"0.", b"\\u0000", b"true", b"\xf0\x9f", b"\r\n", b"\xef\xbb\xbf",
)  # fmt: skip
HEADERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("content-type", ("", "text/csv", "application/json; charset=latin-1", "application/x-npy",
                      "application/octet-stream", "multipart/form-data; boundary=x", "text/libsvm",
                      "application/vnd.apache.arrow.stream", "a/b" * 100, "application/json;q=\xff",
                      "application/x-www-form-urlencoded", "application/x-recordio-protobuf")),
    ("content-encoding", ("gzip", "deflate", "zstd", "br", "identity", "gzip, gzip", "x")),
    ("accept", ("text/csv", "application/x-npy", "*/*;q=0", "x", "application/jsonlines")),
    ("inference-header-content-length", ("0", "1", "-1", "99999999", "x", "1e3", "")),
    ("x-request-id", ("", "é", "a" * 4_000, "\x7f")),
    ("x-amzn-sagemaker-custom-attributes", ("probabilities=true", "=" * 50, "a,b;c")),
    ("prediction-timeout-ms", ("0", "-1", "x", "1e999")),
    ("x-timeout-s", ("0", "nan", "-5", "1e400")),
)  # fmt: skip


@dataclass
class Sent:
    """A body with where it goes."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Outcome:
    """What became of all bodies."""

    statuses: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    slowest: tuple[float, int] = (0.0, 0)
    mib: list[float] = field(default_factory=list)


def goldens() -> list[Sent]:
    """Every golden request by HTTP."""
    found = []
    for file in sorted(GOLDEN.glob("*/cases.json")):
        for case in json.loads(file.read_text()).values():
            asked = case["request"] or {}
            if "path" not in asked or not ("text" in asked or "base64" in asked):
                continue
            text = asked.get("text")
            body = base64.b64decode(asked["base64"]) if text is None else text.encode()
            # What is answered goes furthest, and so does what is a little other.
            often = 8 if case["response"]["status"] == 200 else 1
            found += [Sent(asked["path"], asked["headers"], body)] * often
    return found


def calls() -> list[dict[str, Any]]:
    """Every golden request by gRPC, as JSON says it."""
    cases = json.loads((GOLDEN / "oip_grpc" / "cases.json").read_text())
    return [case["request"] for case in cases.values() if case["request"] is not None]


def as_message(document: dict[str, Any], rng: random.Random) -> bytes:
    """A request in which one thing is other: a field of it, or its bytes."""
    for _ in range(rng.choice([0, 1, 1, 2])):
        changed = _changed(copy.deepcopy(document), rng)
        try:
            json_format.ParseDict(changed, message("ModelInferRequest")())
        except (json_format.ParseError, ValueError, TypeError, SystemError):
            continue
        document = changed
    request = json_format.ParseDict(document, message("ModelInferRequest")())
    for n in range(len(request.raw_input_contents)):
        if rng.random() < 0.3:
            request.raw_input_contents[n] = in_bytes(request.raw_input_contents[n], rng)
    content: bytes = request.SerializeToString()
    return content if rng.random() < 0.7 else in_bytes(content, rng)


def in_bytes(body: bytes, rng: random.Random) -> bytes:
    """A few bytes of other values, a part left out, twice there, or a token put in."""
    if not body:
        return rng.choice(TOKENS)
    start, end = sorted(rng.randrange(len(body) + 1) for _ in range(2))
    how = rng.randrange(5)
    if how == 0:
        changed = bytearray(body)
        for _ in range(rng.choice([1, 1, 2, 8])):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        return bytes(changed)
    if how == 1:
        return body[:end]
    if how == 2:
        return body[:start] + body[end:]
    if how == 3:
        return body[:end] + body[start:]
    return body[:start] + rng.choice(TOKENS) + body[start:]


def in_json(body: bytes, rng: random.Random) -> bytes:
    """A value somewhere in the document exchanged, left out, nested, or under another name."""
    try:
        document = json.loads(body)
    except (ValueError, UnicodeDecodeError):
        return in_bytes(body, rng)
    for _ in range(rng.choice([1, 1, 2, 3])):
        document = _changed(document, rng)
    return json.dumps(document, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")


def _changed(document: Any, rng: random.Random) -> Any:
    places: list[tuple[Any, Any]] = []
    waiting = [document] if isinstance(document, (dict, list)) else []
    while waiting:
        value = waiting.pop()
        keys = value.keys() if isinstance(value, dict) else range(len(value))
        for key in list(keys):
            places.append((value, key))
            if isinstance(value[key], (dict, list)):
                waiting.append(value[key])
    if not places:
        return copy.deepcopy(rng.choice(LEAVES))
    value, key = rng.choice(places)
    how = rng.randrange(6)
    if how <= 2:
        value[key] = copy.deepcopy(rng.choice(LEAVES))
    elif how == 3:
        del value[key]
    elif how == 4:
        other = copy.deepcopy(rng.choice(places))
        value[key] = other[0][other[1]]
    elif isinstance(value, dict):
        value[rng.choice(["", "extra", "age", "dose", "inputs", "instances", "parameters"])] = (
            value.pop(key)
        )
    else:
        value.extend([value[key]] * rng.choice([1, 2, 50]))
    return document


def in_numbers(body: bytes, rng: random.Random) -> bytes:
    """A length or a number of a binary form exchanged."""
    if len(body) < 8:
        return in_bytes(body, rng)
    at = rng.randrange(len(body) - 7)
    number = rng.choice([0, 1, 2, 255, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1])
    size = rng.choice([2, 4, 8])
    packed = struct.pack("<Q", number)[:size]
    return body[:at] + packed + body[at + size :]


MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    in_json, in_json, in_json, in_bytes, in_numbers,
)  # fmt: skip


def mutated(sent: Sent, rng: random.Random) -> Sent:
    """A request in which one thing is other, or a few."""
    headers = dict(sent.headers)
    if rng.random() < 0.15:
        name, values = rng.choice(HEADERS)
        headers[name] = rng.choice(values)
    path = sent.path
    if rng.random() < 0.03:
        path += rng.choice(["?a=b", "?detail=x", "/", "%00", "/../x", "?" + "q=1&" * 50])
    return Sent(path, headers, rng.choice(MUTATIONS)(sent.body, rng))


async def asked(app: Any, sent: Sent) -> tuple[int, bytes]:
    """Send a request to an ASGI application: status and body of the answer."""
    path, _, query = sent.path.partition("?")
    received = [{"type": "http.request", "body": sent.body, "more_body": False}]
    status, parts = 0, []

    async def receive() -> dict[str, Any]:
        return received.pop() if received else {"type": "http.disconnect"}

    async def send(event: dict[str, Any]) -> None:
        nonlocal status
        status = event.get("status", status)
        parts.append(event.get("body", b""))

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": path, "raw_path": path.encode(), "root_path": "",
        "query_string": query.encode(), "client": ("127.0.0.1", 1), "server": ("gateway", 80),
        "headers": [
            (b"host", b"gateway"),
            *((n.encode(), v.encode("latin-1", "replace")) for n, v in sent.headers.items()),
        ],
    }  # fmt: skip
    await app(scope, receive, send)
    return status, b"".join(parts)


class Refused(Exception):
    """What a call was aborted with."""


class Context:
    """A call as the service of gRPC sees it."""

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return (("x-request-id", "r-1"),)

    def time_remaining(self) -> None:
        return None

    async def abort(self, code: Any, said: str) -> None:
        raise Refused(code.name, said)


async def called(service: Any, content: bytes) -> str:
    """Call the service with the bytes of a request: the code of the answer."""
    request = message("ModelInferRequest")()
    try:
        request.ParseFromString(content)
    except DecodeError:
        return "UNREADABLE"
    try:
        await service._guarded(service._infer)(request, Context())
    except Refused as refused:
        return str(refused.args[0])
    return "OK"


SERVER_FAULTS = frozenset({"INTERNAL", "UNKNOWN", "DATA_LOSS", "UNAVAILABLE", "UNIMPLEMENTED"})


async def sent_to(gateway: Gateway, first: int, count: int, last: mmap.mmap) -> Outcome:
    """Send so many bodies, from a number on."""
    outcome, process = Outcome(), psutil.Process()
    requests, messages = goldens(), calls()
    for number in range(first, first + count):
        last[:8] = number.to_bytes(8, "little")
        rng = random.Random(number)
        began_s = time.process_time()
        try:
            async with asyncio.timeout(DEADLINE_S):
                if number % 10 == 0:
                    content = as_message(rng.choice(messages), rng)
                    code = await called(gateway.service, content)
                    failed = code in SERVER_FAULTS
                else:
                    one = mutated(rng.choice(requests), rng)
                    status, body = await asked(gateway.app, one)
                    code, failed = str(status), status >= 500 or status == 0
                    failed = failed or (status >= 400 and not body)
        except Exception as error:  # noqa: BLE001 - whatever it is, a client would have no answer
            code, failed = type(error).__name__, True
        # Timers that were cancelled go when the loop has a turn, as it has between requests.
        await asyncio.sleep(0)
        # The processor's time: on a machine that others use a body may wait for long.
        outcome.slowest = max(outcome.slowest, (time.process_time() - began_s, number))
        outcome.statuses[code] += 1
        if failed:
            outcome.failed.append(f"{number}: {code}")
        if (number - first + 1) % max(1, count // PARTS) == 0:
            outcome.mib.append(round(process.memory_info().rss / 2**20, 1))
    return outcome


def main(first: int, count: int, folder: Path) -> None:
    """Send the bodies; the last line says what became of them."""
    warnings.simplefilter("ignore")
    file = folder / "last"
    file.write_bytes(bytes(8))
    with file.open("r+b") as opened, mmap.mmap(opened.fileno(), 8) as last:
        outcome = asyncio.run(sent_to(Gateway(), first, count, last))
    print(
        json.dumps(
            {
                "bodies": count,
                "statuses": dict(outcome.statuses.most_common()),
                "failed": outcome.failed[:50],
                "failures": len(outcome.failed),
                "slowest_ms": round(outcome.slowest[0] * 1000),
                "slowest": outcome.slowest[1],
                "mib": outcome.mib,
            }
        )
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
