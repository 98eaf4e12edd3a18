"""What is wrong with a unit of systemd by which a node runs, before a machine starts it.

systemd writes a line into its log about a key that it does not know, and goes on without.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from serve_app.documents.finding import Finding
from serve_app.documents.near_names import did_you_mean, same_names
from serve_app.platforms import written_rules
from serve_app.platforms.node_options import unfit_values, unknown_options
from serve_app.platforms.systemd import SETTLE_S
from serve_app.platforms.systemd_keys import KEYS, WORDS

_SECTION = re.compile(r"\[([^\]]+)\]\s*")
_HEAD = re.compile(r"^\[(Unit|Service|Install)\]\s*$", re.MULTILINE)
_COMMAND = re.compile(r"^Exec\w*\s*=", re.MULTILINE)
_SECRET = re.compile(r"(?i)(password|passwd|secret|token|api_?key|access_?key)=(?!\s|$)")
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|min|m|sec|s|hr|h|d)?")
_UNITS_S = {"ms": 0.001, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "hr": 3600, "d": 86400}
_USUAL_DRAIN_S = 30.0
_USUAL_STOP_S = 90.0
"""How long systemd waits where a unit says nothing of it."""
_FILES = 65536
_VERBS = ("start", "join")


@dataclass(frozen=True, slots=True)
class _Line:
    """An assignment: where it stands, in which section, and what it says."""

    number: int
    section: str
    key: str
    value: str


def is_unit(text: str) -> bool:
    """Whether a text is a unit that starts something."""
    return bool(_HEAD.search(text)) and bool(_COMMAND.search(text))


def findings(text: str) -> list[Finding]:
    """Everything that is wrong with a unit, by line."""
    lines, made = _read(text)
    for line in lines:
        made += [Finding(line.number, line.key, words) for words in _of_line(line)]
    of_service = {one.key: one for one in lines if one.section == "Service"}
    for rule in _RULES:
        made += rule(of_service)
    return sorted(set(made))


def _read(text: str) -> tuple[list[_Line], list[Finding]]:
    """The assignments of a unit, and lines that are none; those that go on count as one."""
    made: list[_Line] = []
    wrong: list[Finding] = []
    section, begun, number = "", "", 0
    for at, written in enumerate(text.splitlines(), 1):
        if not begun and (not written.strip() or written.lstrip().startswith(("#", ";"))):
            continue
        number = number if begun else at
        whole = f"{begun}{written.strip()}"
        begun = f"{whole[:-1]} " if whole.endswith("\\") else ""
        if begun:
            continue
        head = _SECTION.fullmatch(whole)
        key, equals, value = whole.partition("=")
        if head:
            section = head[1]
            if section not in KEYS and not section.startswith("X-"):
                meant = did_you_mean(section, KEYS)
                wrong.append(Finding(number, section, f"there is no section [{section}].{meant}"))
        elif equals and section:
            made.append(_Line(number, section, key.strip(), value.strip()))
        else:
            words = f"{whole[:40]!r} is no assignment below a [Section]; write KEY=VALUE"
            wrong.append(Finding(number, section, words))
    return made, wrong


def _of_line(line: _Line) -> Iterator[str]:
    known = KEYS.get(line.section, frozenset())
    if known and line.key not in known and not line.key.startswith("X-"):
        near = same_names(line.key, known)
        meant = f" Did you mean {near[0]!r}?" if near else did_you_mean(line.key, known)
        elsewhere = [name for name, keys in KEYS.items() if line.key in keys]
        if elsewhere:
            yield f"{line.key} stands below [{line.section}], and is read below [{elsewhere[0]}]"
        elif meant:
            yield f"there is no key {line.key!r} here.{meant}"
    words = WORDS.get(line.key)
    if words and line.value and line.value not in words:
        meant = did_you_mean(line.value, words)
        yield f"{line.value!r} is none of {', '.join(words)}.{meant}"
    if line.key == "Environment" and _SECRET.search(line.value):
        yield "holds a secret, which whoever asks systemd is shown; name a file that holds it"
    for _, message in written_rules.unfilled({line.key: line.value}):
        yield message


_Service = Mapping[str, _Line]


def _starts(service: _Service) -> Iterator[Finding]:
    """It starts a node that stays, by options that there are."""
    line = service.get("ExecStart")
    words = _words(line)
    if line is None or not words:
        yield Finding(1, "ExecStart", "lacks ExecStart, the command that it runs")
        return
    if not words[0].lstrip("-@:+!").startswith("/"):
        yield Finding(line.number, line.key, f"{words[0]!r} is no whole path, as systemd wants it")
    if PurePosixPath(words[0]).name != "serve-app":
        return
    verb = words[2] if words[1:2] == ["cluster"] and len(words) > len(_VERBS) else ""
    if verb not in _VERBS:
        command = " ".join(words[1:3])
        meant = did_you_mean(command, [f"cluster {one}" for one in _VERBS])
        if meant or words[1:2] == ["cluster"]:
            yield Finding(line.number, line.key, f"starts no node by {command!r}.{meant}")
        return
    options = _options(words[3:])
    problems = (*unknown_options((), verb, options), *unfit_values((), options))
    for _, message in problems:
        yield Finding(line.number, line.key, message)
    if "--foreground" not in options:
        words_of_it = "lacks --foreground, without which the command ends and systemd ends the node"
        yield Finding(line.number, line.key, words_of_it)


def _ends(service: _Service) -> Iterator[Finding]:
    """Requests are finished before what is left is ended by force."""
    line, stop = service.get("ExecStart"), service.get("TimeoutStopSec")
    words = _words(line)
    if line is None or words[1:2] != ["cluster"]:
        return
    options = _options(words[3:])
    drain_s = _number(options.get("--drain-s"), _USUAL_DRAIN_S)
    handing_over_s = drain_s if words[2:3] == ["join"] else 0.0
    needed_s = _number(options.get("--leave-s"), 0.0) + handing_over_s + drain_s + SETTLE_S
    span_s = _USUAL_STOP_S if stop is None else _span_s(stop.value)
    if span_s is not None and span_s < needed_s:
        number = line.number if stop is None else stop.number
        message = f"is {span_s:g} s, but ending takes up to {needed_s:g} s; write more"
        yield Finding(number, "TimeoutStopSec", message)
    kill = service.get("KillMode")
    if kill is None or kill.value != "mixed":
        number = line.number if kill is None else kill.number
        message = "write KillMode=mixed: else replicas are ended before they have answered"
        yield Finding(number, "KillMode", message)


def _may(service: _Service) -> Iterator[Finding]:
    """Who it runs as, and what it can write."""
    start = service.get("ExecStart")
    if start is None or PurePosixPath((_words(start) or [""])[0]).name != "serve-app":
        return
    user = service.get("User")
    if "DynamicUser" not in service and (user is None or user.value in {"root", "0"}):
        number = start.number if user is None else user.number
        yield Finding(number, "User", "runs as root, and models with it; write User=serve-app")
    limit = service.get("LimitNOFILE")
    highest = None if limit is None else limit.value.rpartition(":")[2]
    if highest is not None and highest.isdecimal() and int(highest) < _FILES:
        message = f"is {highest}; Ray and HAProxy hold more connections open: write {_FILES}"
        yield Finding(service["LimitNOFILE"].number, "LimitNOFILE", message)
    folder, strict = service.get("WorkingDirectory"), service.get("ProtectSystem")
    if folder is None:
        return
    if not folder.value.lstrip("-").startswith(("/", "~", "%")):
        message = f"{folder.value!r} is no whole path, and systemd takes no other"
        yield Finding(folder.number, folder.key, message)
    elif strict is not None and strict.value == "strict":
        paths = service.get("ReadWritePaths")
        writable = _words(paths)
        if not any(PurePosixPath(folder.value).is_relative_to(one) for one in writable):
            message = f"lacks {folder.value}, where state is written, with ProtectSystem=strict"
            yield Finding((paths or strict).number, "ReadWritePaths", message)


_RULES: Sequence[Callable[[_Service], Iterator[Finding]]] = (_starts, _ends, _may)


def _words(line: _Line | None) -> list[str]:
    if line is None:
        return []
    try:
        return shlex.split(line.value)
    except ValueError:
        return line.value.split()


def _options(words: Sequence[str]) -> dict[str, str]:
    """Options by their names; the value of one that takes none is never looked at."""
    made: dict[str, str] = {}
    for index, word in enumerate(words):
        if word.startswith("--"):
            name, has_value, value = word.partition("=")
            following = words[index + 1] if index + 1 < len(words) else ""
            made[name] = value if has_value else following
    return made


def _number(written: str | None, usual: float) -> float:
    try:
        return usual if written is None else float(written)
    except ValueError:
        return usual


def _span_s(written: str) -> float | None:
    """Seconds of a time as systemd reads it; none where it is `infinity` or none at all."""
    parts = _SPAN.findall(written)
    if not parts or _SPAN.sub("", written).strip():
        return None
    return sum(float(number) * _UNITS_S[unit or "s"] for number, unit in parts)
