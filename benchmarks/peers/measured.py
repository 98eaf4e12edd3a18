"""What is measured of a server: shapes of loads, and what one round saw."""

from __future__ import annotations

from dataclasses import dataclass, field

from benchmarks.peers.peer import Peer
from benchmarks.peers.wrk import Measured

HTTP1, HTTP2, GRPC = "HTTP/1.1", "HTTP/2", "gRPC"
ARRIVALS = "arrivals"


@dataclass(frozen=True, slots=True)
class Shape:
    """A closed load: how many rows in each body, how many bodies, how many connections."""

    rows: int
    bodies: int
    connections: int
    least_seconds: float = 0.0
    protocol: str = HTTP1

    @property
    def name(self) -> str:
        """How figures name it."""
        words = f"{self.rows} {'row' if self.rows == 1 else 'rows'}, {self.connections} connections"
        return words if self.protocol == HTTP1 else f"{words}, {self.protocol}"

    @property
    def part(self) -> str:
        """What `--only` calls it."""
        if self.protocol != HTTP1:
            return {HTTP2: "http2", GRPC: "grpc"}[self.protocol]
        return "one-row" if self.rows == 1 else "many-rows"

    def fits(self, peer: Peer) -> bool:
        """Whether a server speaks the protocol."""
        return {HTTP1: True, HTTP2: peer.http2, GRPC: peer.grpc_after is not None}[self.protocol]


SHAPES = (
    Shape(1, 200, 1),
    Shape(1, 200, 16),
    Shape(1, 200, 64),
    Shape(1, 200, 1, protocol=HTTP2),
    Shape(1, 200, 16, protocol=HTTP2),
    Shape(1, 200, 1, protocol=GRPC),
    Shape(1, 200, 16, protocol=GRPC),
    Shape(100, 20, 4),
    Shape(10_000, 2, 1, least_seconds=5.0),
)
SINGLE = tuple(shape for shape in SHAPES if shape.part == "one-row")
PARTS = (*dict.fromkeys(shape.part for shape in SHAPES), ARRIVALS)


@dataclass(frozen=True, slots=True)
class Closed:
    """One server in one round: start, loads by shape, memory, size of a one-row answer."""

    peer: str
    first_answer_s: float
    loads: dict[str, Measured]
    memory_mib: float
    processes: list[tuple[str, float]]
    answer_bytes: float
    body_bytes: float


@dataclass(frozen=True, slots=True)
class Open:
    """One server under arrivals at a steady rate; latencies count from when a request was due.

    `unsent` requests were still waiting for a connection when the time was over, and those of
    `failed_by` had another answer than a prediction, or none: the server could not keep up.
    """

    peer: str
    rate_per_s: float
    answered: int
    unsent: int
    p50_ms: float | None
    p99_ms: float | None
    p999_ms: float | None
    failed_by: dict[str, int] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        """How many requests had no prediction for an answer."""
        return sum(self.failed_by.values())

    @property
    def answered_share(self) -> float:
        """The share of the requests that were due which were answered with a prediction."""
        due = self.answered + self.unsent + self.failed
        return self.answered / due if due else 0.0


@dataclass(frozen=True, slots=True)
class Generator:
    """What the generator of arrivals can do itself, beside a server that computes nothing."""

    closed_per_s: float
    arrivals: list[Open]


def parts(names: str | None) -> frozenset[str]:
    """The parts of a list with commas between; all when there is none.

    Raises:
        ValueError: a name is unknown; says which there are.
    """
    if names is None:
        return frozenset(PARTS)
    wanted = [name.strip() for name in names.split(",")]
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        raise ValueError(f"no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    return frozenset(wanted)
