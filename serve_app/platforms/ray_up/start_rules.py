"""Every node starts with serve-app's whole environment, and with the same one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path as File
from typing import Any

from serve_app.cluster.environment import Ports, variables
from serve_app.platforms.node_options import unfit_values, unknown_options
from serve_app.platforms.ray_up.start_files import misspelt, unbrought_files

Path = tuple[str | int, ...]
HEAD = "head_start_ray_commands"
WORKER = "worker_start_ray_commands"
_SAME_OPTIONS = {
    "--http-port": "8000",
    "--internal-ports": "",
    "--drain-s": "30",
    "--trusted-proxy": "",
    "--allowed-host": "",
    "--client-connections": "1024",
    "--client-requests-per-s": "0",
    "--client-refusals-per-minute": "100",
    "--head-timeout-s": "10",
    "--tls-certificate": "",
    "--client-ca": "",
    "--tls-min": "1.2",
}
"""Options that must be equal on all nodes, with what stands for them where they are missing."""
_TOKEN = "--auth-token"  # noqa: S105 - an option's name
_SAME_AS = {"--token-file": _TOKEN}
_BY_MACHINE = frozenset(("RAY_SERVE_HAPROXY_NBTHREAD",))
"""Variables that follow the machine, and may differ."""
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class _Start:
    """How a list of commands starts a node: by which, with which options and variables."""

    path: Path
    by: str
    options: Mapping[str, str]
    exported: Mapping[str, str] = field(default_factory=dict)
    line: str = ""
    verb: str = "start"


def starts(body: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """What is wrong with how the head and the workers start, by where it stands."""
    head, worker = (_start(body, key) for key in (HEAD, WORKER))
    for key, one in ((HEAD, head), (WORKER, worker)):
        if key in body and one is None:
            role = "serve-app cluster start" if key == HEAD else "serve-app cluster join"
            yield (key,), f"starts no node: there must be {role} in it"
    if head is not None and "--autoscaling-config" not in head.options:
        yield (
            head.path,
            (
                "lacks --autoscaling-config ~/ray_bootstrap_config.yaml; without it no worker is "
                "ever started"
            ),
        )
    for one in (head, worker):
        if one is not None:
            yield from _of_one(one)
        if one is not None and one.by != "ray":
            yield from unknown_options(one.path, one.verb, one.options)
            yield from unfit_values(one.path, one.options)
            yield from misspelt(one.path, one.line, one.options)
            yield from unbrought_files(one.path, one.line, one.options, body)
    if head is not None and worker is not None:
        yield from _unequal(head, worker)


def _of_one(start: _Start) -> Iterator[tuple[Path, str]]:
    if "ulimit -n" not in start.line:
        yield (
            start.path,
            (
                "lacks ulimit -n 65536; Ray and HAProxy hold more connections open than the usual "
                "1,024"
            ),
        )
    if start.by == "ray":
        missing = sorted(_needed() - set(start.exported))
        if missing:
            rest = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
            yield (
                start.path,
                (
                    f"ray start without {', '.join(missing[:_SHOWN])}{rest}: the node would serve "
                    "at a tenth of the speed; serve-app cluster start and join set all of them"
                ),
            )
    elif _TOKEN not in start.options:
        yield (
            start.path,
            (
                f"lacks {_TOKEN}: whoever reaches the head's ports could run code on every "
                "machine; name a file that file_mounts brings"
            ),
        )


def _unequal(head: _Start, worker: _Start) -> Iterator[tuple[Path, str]]:
    if head.by != worker.by:
        yield worker.path, "must start its node in the way the head does, with one environment"
        return
    names = sorted({*head.exported, *worker.exported} - _BY_MACHINE)
    for name in names if head.by == "ray" else ():
        ours, theirs = worker.exported.get(name), head.exported.get(name)
        if ours != theirs and theirs is not None and ours is not None:
            yield worker.path, f"{name} is {ours!r} here and {theirs!r} on the head"
    for option, usual in _SAME_OPTIONS.items() if head.by != "ray" else ():
        ours, theirs = worker.options.get(option, usual), head.options.get(option, usual)
        if ours != theirs:
            yield (
                worker.path,
                (
                    f"{option} is {ours or 'missing'} here and {theirs or 'missing'} on the head; "
                    "every node needs the same"
                ),
            )
    if "--supervise" in head.options and "--end-with-ray" in worker.options:
        yield (
            worker.path,
            (
                "--end-with-ray ends this node with its head, which --supervise brings back; leave "
                "one of both out"
            ),
        )
    if (_TOKEN in head.options) != (_TOKEN in worker.options) and head.by != "ray":
        yield worker.path, f"{_TOKEN} must stand on the head and on the workers, or nowhere"


def _start(body: Mapping[str, Any], key: str) -> _Start | None:
    """The command of a list that starts a node."""
    commands = body.get(key)
    for index, line in enumerate(commands if isinstance(commands, Sequence) else ()):
        words = _words(str(line))
        for by, verb in (("serve-app", "cluster"), ("ray", "start")):
            for rest in _called(words, by, verb):
                if by == "ray" or rest[0] in {"start", "join"}:
                    options, exported = _options(rest), _exported(words)
                    return _Start((key, index), by, options, exported, str(line), rest[0])
    return None


def _called(words: Sequence[str], program: str, verb: str) -> Iterator[Sequence[str]]:
    """The words that follow on each `program verb` of a command."""
    for index, (one, other) in enumerate(pairwise(words)):
        if File(one).name == program and other == verb and len(words) > index + 2:
            yield words[index + 2 :]


def _words(line: str) -> list[str]:
    try:
        return shlex.split(re.sub(r"(&&|;)", r" \1 ", line))
    except ValueError:
        return line.split()


def _options(words: Sequence[str]) -> dict[str, str]:
    options: dict[str, str] = {}
    for index, word in enumerate(words):
        if word.startswith("--"):
            written, has_value, value = word.partition("=")
            name = _SAME_AS.get(written, written)
            following = words[index + 1] if index + 1 < len(words) else ""
            # What is given several times counts together.
            former = f"{options[name]} " if name in options else ""
            options[name] = former + (value if has_value else following)
    return options


def _exported(words: Sequence[str]) -> dict[str, str]:
    """The variables that a command sets before it starts anything."""
    pairs = (word.partition("=") for word in words if re.match(r"[A-Za-z_]\w*=", word))
    return {name: value for name, _, value in pairs}


def _needed() -> set[str]:
    """The names of all variables that a node starts with."""
    return set(variables(folder=File("/"), home=File("/"), ports=Ports(), drain_s=0.0))
