"""Asks a server and compares what it says with what scikit-learn says."""

from __future__ import annotations

import http.client
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.peers.dialects import Dialect, Numbers

TOLERANCE = 1e-6
TIMEOUT_S = 60.0
SAID_CHARS = 300


class Wrong(Exception):
    """A server failed or predicted something else than scikit-learn; the run is void."""


@dataclass(frozen=True, slots=True)
class Question:
    """One body in a dialect, and the probabilities that scikit-learn gives its rows."""

    dialect: Dialect
    body: bytes
    expected: Numbers


@dataclass(frozen=True, slots=True)
class Said:
    """An answer as it came."""

    status: int
    head_bytes: int
    body: bytes


def ask(port: int, questions: Sequence[Question], *, timeout_s: float = TIMEOUT_S) -> list[Said]:
    """Send questions one after the other over one connection.

    Raises:
        OSError: nobody listens, or the connection broke.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    said: list[Said] = []
    try:
        for question in questions:
            headers = {"content-type": "application/json"}
            connection.request("POST", question.dialect.path, question.body, headers)
            answer = connection.getresponse()
            head = sum(len(name) + len(value) + 4 for name, value in answer.getheaders())
            said.append(Said(answer.status, head + len("HTTP/1.1 200 OK") + 4, answer.read()))
    except http.client.HTTPException as error:
        raise ConnectionError(f"no HTTP answer: {error!r}") from error
    finally:
        connection.close()
    return said


def compare(found: Numbers, expected: Numbers) -> str:
    """What is wrong with probabilities, in a few words; empty when nothing is."""
    if found.shape != expected.shape:
        return f"{found.shape[0]} probabilities for {expected.shape[0]} rows"
    away = np.abs(found - expected)
    # A comparison with NaN is false, so that it has to be this way around.
    bad = np.flatnonzero(~(away <= TOLERANCE))
    if not bad.size:
        return ""
    row = int(bad[0])
    return f"row {row}: {found[row]!r} instead of {expected[row]!r} ({bad.size} rows differ)"


def check(name: str, said: Sequence[Said], asked: Sequence[Question]) -> None:
    """Compare all answers.

    Raises:
        Wrong: one failed or differs; says whose and how.
    """
    for answer, question in zip(said, asked, strict=True):
        wrong = _wrong(answer, question)
        if wrong:
            raise Wrong(f"{name}: {wrong}")


def _wrong(answer: Said, question: Question) -> str:
    if answer.status != 200:
        told = answer.body[:SAID_CHARS].decode(errors="replace")
        return f"status {answer.status}: {told}"
    try:
        found = question.dialect.decode(answer.body)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        told = answer.body[:SAID_CHARS].decode(errors="replace")
        return f"an answer without probabilities ({error!r}): {told}"
    return compare(found, question.expected)
