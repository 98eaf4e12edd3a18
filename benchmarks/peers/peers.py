"""Every server that is measured."""

from __future__ import annotations

from benchmarks.peers.ceilings import CEILINGS
from benchmarks.peers.others import OTHERS
from benchmarks.peers.ours import OURS
from benchmarks.peers.peer import Peer

ALL = (*OURS, *OTHERS, *CEILINGS)
"""In the order in which each round measures them."""


def chosen(names: str | None) -> tuple[Peer, ...]:
    """The servers of a list with commas between; all when there is none.

    Raises:
        ValueError: a name is unknown; says which there are.
    """
    if names is None:
        return ALL
    wanted = [name.strip() for name in names.split(",")]
    known = {peer.name: peer for peer in ALL}
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ValueError(f"no server {unknown[0]!r}; there are {', '.join(known)}")
    return tuple(known[name] for name in wanted)
