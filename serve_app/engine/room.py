"""Whether work beside serving has room in a cluster, before it would wait for ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from serve_app.errors import NotReady

_MIB = 1024 * 1024
_TINY = 1e-6
"""Fractions of CPUs are sums of floats."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one worker is given of a node: a fraction of a CPU, and memory in MiB where it counts.

    It is what the scheduler reserves; how long a CPU is used is not bounded by it.
    """

    num_cpus: float
    memory_mb: int | None = None

    @property
    def memory_bytes(self) -> int | None:
        """The memory in bytes."""
        return None if self.memory_mb is None else self.memory_mb * _MIB


@dataclass(frozen=True, slots=True)
class NodeRoom:
    """What a node of the cluster has, and what of it nobody has reserved; memory in bytes."""

    cpus: float
    free_cpus: float
    memory_bytes: float
    free_memory_bytes: float

    def holds(self, share: Share) -> int:
        """How many such workers have room in what is free."""
        return _fitting(share, self.free_cpus, self.free_memory_bytes)

    def could_hold(self, share: Share) -> bool:
        """Whether one would have room if nothing else ran here."""
        return _fitting(share, self.cpus, self.memory_bytes) > 0


def workers_with_room(share: Share, wanted: int, nodes: Sequence[NodeRoom]) -> int:
    """How many workers have room now: at least one, at most so many as are wanted.

    Raises:
        NotReady: none has; says what one needs and what there is.
    """
    room = sum(node.holds(share) for node in nodes)
    if room:
        return min(wanted, room)
    free = max((node.free_cpus for node in nodes), default=0.0)
    of_memory = max((node.free_memory_bytes for node in nodes), default=0.0)
    needs, has = f"{share.num_cpus:g} CPU", f"{_short(free)} is free"
    if share.memory_mb is not None:
        needs += f" and {share.memory_mb:,} MiB"
        has = f"{_short(free)} CPU and {of_memory / _MIB:,.0f} MiB are free"
    where = "" if len(nodes) < 2 else f" on any of {len(nodes)} nodes"
    if any(node.could_hold(share) for node in nodes):
        hint = "ask for less, let fewer replicas run, or wait for room"
    else:
        hint = "no node is so large: ask for less"
    raise NotReady(f"a worker needs {needs}, {has}{where}; {hint}")


def _fitting(share: Share, cpus: float, memory_bytes: float) -> int:
    fitting = [int((cpus + _TINY) / share.num_cpus)]
    if share.memory_bytes:
        fitting.append(int(memory_bytes / share.memory_bytes))
    return max(min(fitting), 0)


def _short(cpus: float) -> str:
    return f"{max(cpus, 0.0):.2f}".rstrip("0").rstrip(".")
