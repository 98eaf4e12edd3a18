"""What was measured, as a file that further runs add to and pictures are drawn from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.peers.measured import Closed, Generator, Open
from benchmarks.peers.peer import Peer
from benchmarks.peers.wrk import Measured


@dataclass(frozen=True, slots=True)
class Results:
    """All of it: the machine, each run's settings, the servers, what rounds and arrivals saw."""

    about: Mapping[str, Any]
    runs: Sequence[Mapping[str, Any]]
    servers: Mapping[str, Mapping[str, str]]
    versions: Mapping[str, Mapping[str, str]]
    rounds: Sequence[Closed]
    arrivals: Sequence[Open]
    generators: Sequence[Generator] = field(default_factory=tuple)

    @property
    def kinds(self) -> dict[str, str]:
        """Whether each server is ours, a peer or a ceiling."""
        return {name: server["kind"] for name, server in self.servers.items()}


def servers(peers: Sequence[Peer]) -> dict[str, dict[str, str]]:
    """What files keep of servers."""
    return {peer.name: {"kind": peer.kind, "settings": peer.settings} for peer in peers}


def both(first: Results, then: Results) -> Results:
    """Two runs on one machine as one.

    Raises:
        ValueError: they are from machines that differ.
    """
    if first.about != then.about:
        changed = [key for key in then.about if then.about[key] != first.about.get(key)]
        raise ValueError(
            f"the file's machine had another {', '.join(changed)}; choose another file"
        )
    return replace(
        first,
        runs=[*first.runs, *then.runs],
        servers={**first.servers, **then.servers},
        versions={**first.versions, **then.versions},
        rounds=[*first.rounds, *then.rounds],
        arrivals=[*first.arrivals, *then.arrivals],
        generators=[*first.generators, *then.generators],
    )


def write(file: Path, results: Results) -> None:
    """Write all of it as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(asdict(results), indent=1) + "\n")


def read(file: Path) -> Results:
    """Read what `write` wrote.

    Raises:
        ValueError: the file is something else.
    """
    body = json.loads(file.read_text())
    try:
        return Results(
            about=body["about"],
            runs=body["runs"],
            servers=body["servers"],
            versions=body["versions"],
            rounds=[_closed(one) for one in body["rounds"]],
            arrivals=[Open(**one) for one in body["arrivals"]],
            generators=[_generator(one) for one in body["generators"]],
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"{file.name} is no file of `make bench-peers`: {error!r}") from error


def _closed(body: dict[str, Any]) -> Closed:
    loads = {name: Measured(**load) for name, load in body.pop("loads").items()}
    held = [(name, mib) for name, mib in body.pop("processes")]
    return Closed(**body, loads=loads, processes=held)


def _generator(body: dict[str, Any]) -> Generator:
    return Generator(body["closed_per_s"], [Open(**one) for one in body["arrivals"]])
