"""What is wrong with a Dockerfile, before somebody builds it: by line, with the nearest right name.

A builder gives an argument that nobody declares away, and takes an empty one for one that nobody
gives.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from serve_app.documents.finding import Finding
from serve_app.documents.near_names import did_you_mean
from serve_app.documents.walk import LINE_BREAK
from serve_app.errors import InvalidInput
from serve_app.platforms.images.quoting import image_reference

EMPTY = "scratch"
"""What a Dockerfile calls an image without files."""
INSTRUCTIONS = frozenset((
    "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL",
    "MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
))  # fmt: skip
OF_BUILDERS = frozenset((
    "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy",
    "https_proxy", "ftp_proxy", "no_proxy", "all_proxy", "SOURCE_DATE_EPOCH",
    "BUILDKIT_INLINE_CACHE", "BUILDKIT_MULTI_PLATFORM", "BUILDKIT_SYNTAX",
    "BUILDKIT_CONTEXT_KEEP_GIT_DIR", "BUILDKIT_SANDBOX_HOSTNAME",
))  # fmt: skip
"""Arguments that builders know without an `ARG`."""
FLAGS: Mapping[str, frozenset[str]] = {
    "ADD": frozenset((
        "checksum", "chmod", "chown", "exclude", "keep-git-dir", "link", "unpack",
    )),
    "COPY": frozenset(("chmod", "chown", "exclude", "from", "link", "parents")),
    "FROM": frozenset(("platform",)),
    "HEALTHCHECK": frozenset(("interval", "retries", "start-interval", "start-period", "timeout")),
    "RUN": frozenset(("device", "mount", "network", "security")),
}  # fmt: skip
"""By instruction, without hyphens; a builder refuses others once it has come so far."""
_SUBSTITUTED = frozenset(("ADD", "COPY", "ENV", "EXPOSE", "LABEL", "USER", "VOLUME", "WORKDIR"))
"""Where the builder, not a shell, puts a value in place of its name."""
_FLAG = re.compile(r"--(?P<name>[\w-]+)(?:=\S*)?(?:\s+|\Z)")
_VARIABLE = re.compile(r"(?:\A|\s)(\w+)=")
_BEGINS = re.compile(r"\s*(?:ARG|FROM)\s", re.IGNORECASE)
_INSTRUCTION = re.compile(r"\s*(?P<name>\S+)\s*(?P<value>.*)")
_ARGUMENT = re.compile(r"\$\{?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}?")
_HERE_DOCUMENT = re.compile(r"<<-?[\"']?(?P<end>\w+)")
_COPIED_FROM = re.compile(r"--from=(?P<stage>\S+)")
_NAMED_STAGE = 3


def is_dockerfile(text: str) -> bool:
    """Whether a text begins as a Dockerfile does."""
    lines = (line for line in text.splitlines() if line.strip() and not _is_comment(line))
    return _BEGINS.match(next(lines, "")) is not None


@dataclass(slots=True)
class _Seen:
    """What stands above a line: stages, arguments with their values, and the user."""

    arguments: dict[str, str]
    stages: set[str] = field(default_factory=set)
    declared: set[str] = field(default_factory=set)
    variables: set[str] = field(default_factory=set)
    count: int = 0
    user: tuple[int, str] = (1, "root")


def check_dockerfile(text: str, arguments: Mapping[str, str] | None = None) -> list[Finding]:
    """What is wrong with a Dockerfile that is built with these `--build-arg`s.

    Each image that it starts from must have a digest, and the last stage a user that is not root.
    """
    seen = _Seen(dict(arguments or {}))
    findings = list(_of_values(seen.arguments))
    for number, name, value in _instructions(text):
        findings.extend(_of_instruction(number, name, value, seen))
    for name in sorted(set(arguments or {}) - seen.declared - OF_BUILDERS):
        meant = did_you_mean(name, seen.declared)
        message = f"no ARG declares {name!r}, so that --build-arg {name}=… changes nothing.{meant}"
        findings.append(Finding(1, name, message))
    if not seen.count:
        findings.append(Finding(1, "FROM", "there is no FROM, and so no image"))
    elif seen.user[1] in {"root", "0"}:
        message = "the image would run as root; write USER 10001:10001"
        findings.append(Finding(seen.user[0], "USER", message))
    return findings


def _of_values(arguments: Mapping[str, str]) -> Iterator[Finding]:
    for name, value in arguments.items():
        if LINE_BREAK.search(value):
            yield Finding(1, name, f"{value!r} has a line break, which no argument may have")


def _of_instruction(number: int, name: str, value: str, seen: _Seen) -> Iterator[Finding]:
    if name not in INSTRUCTIONS:
        meant = did_you_mean(name, INSTRUCTIONS)
        yield Finding(number, name, f"there is no instruction {name!r}.{meant}")
        return
    yield from _of_flags(number, name, value)
    if name in _SUBSTITUTED:
        yield from _of_names(number, value, seen)
    if not value:
        yield Finding(number, name, "says nothing")
    elif name in {"ARG", "ENV"}:
        _declare(name, value, seen)
    elif name == "FROM":
        source, stage = _from(value)
        seen.user = (number, "root") if source not in seen.stages else seen.user
        if source not in seen.stages:
            yield from _base(number, source, seen)
        seen.stages.update({stage} - {""})
        seen.count += 1
    elif name == "USER":
        seen.user = (number, value.partition(":")[0])
    elif name in {"COPY", "ADD"} and (match := _COPIED_FROM.search(value)) is not None:
        yield from _copied(number, match["stage"], seen)


def _declare(name: str, value: str, seen: _Seen) -> None:
    if name == "ENV":
        seen.variables.update(_VARIABLE.findall(value))
        return
    for declared in value.split():
        argument, _, usual = declared.partition("=")
        seen.declared.add(argument)
        seen.arguments.setdefault(argument, usual.strip('"'))


def _of_flags(number: int, name: str, value: str) -> Iterator[Finding]:
    rest = value
    while (flag := _FLAG.match(rest)) is not None:
        rest = rest[flag.end() :]
        if flag["name"] not in FLAGS.get(name, ()):
            meant = did_you_mean(flag["name"], FLAGS.get(name, ()))
            yield Finding(number, name, f"has no flag --{flag['name']}.{meant}")


def _of_names(number: int, value: str, seen: _Seen) -> Iterator[Finding]:
    """Names that are nearly those of arguments: a builder would put nothing in their place."""
    known = seen.declared | seen.variables | OF_BUILDERS
    for name in {match["name"] for match in _ARGUMENT.finditer(value)} - known:
        meant = did_you_mean(name, seen.declared | seen.variables)
        if meant:
            yield Finding(number, name, f"no ARG and no ENV above declares {name!r}.{meant}")


def _copied(line: int, stage: str, seen: _Seen) -> Iterator[Finding]:
    if stage in seen.stages or (stage.isdigit() and int(stage) < seen.count):
        return
    meant = did_you_mean(stage, seen.stages)
    if meant:
        yield Finding(line, "--from", f"no stage above is named {stage!r}.{meant}")
    else:
        yield from _base(line, stage, seen)


def _instructions(text: str) -> Iterator[tuple[int, str, str]]:
    """Every instruction: its line from 1, its name in capitals, and its value on one line."""
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        if _is_comment(line):
            continue
        whole = line
        while whole.endswith("\\"):
            following = next(lines, (0, ""))[1]
            # Comments may stand between the lines of one instruction.
            whole = whole if _is_comment(following) else whole[:-1] + following
        match = _INSTRUCTION.fullmatch(whole)
        if match is None:
            continue
        _pass_here_documents(match, lines)
        yield number, match["name"].upper(), match["value"].strip()


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _pass_here_documents(match: re.Match[str], lines: Iterable[tuple[int, str]]) -> None:
    """Leave out the lines of texts that stand in the file itself."""
    if match["name"].upper() in {"RUN", "COPY", "ADD"}:
        for document in _HERE_DOCUMENT.finditer(match["value"]):
            for _, line in lines:
                if line.strip() == document["end"]:
                    break


def _from(value: str) -> tuple[str, str]:
    """The image or stage that a `FROM` starts from, and the name of its own stage, if any."""
    words = [word for word in value.split() if not word.startswith("--")]
    return words[0] if words else "", words[2] if len(words) >= _NAMED_STAGE else ""


def _base(line: int, source: str, seen: _Seen) -> Iterator[Finding]:
    if source == EMPTY:
        return
    image, key = source, "FROM"
    passed: set[str] = set()
    # An argument may be what another one is.
    while (named := _ARGUMENT.fullmatch(image)) is not None and named["name"] not in passed:
        key = named["name"]
        passed.add(key)
        image = seen.arguments.get(key, "") if key in seen.declared else ""
    if not image or _ARGUMENT.fullmatch(image) is not None:
        if key not in {"FROM", *seen.declared}:
            meant = did_you_mean(key, seen.declared)
            yield Finding(line, key, f"no ARG above declares {key!r}.{meant}")
            return
        message = (
            f"nothing says which image {key} is; build with --build-arg {key}=NAME@sha256:…, or "
            "write it with serve-app export dockerfile --base"
        )
        yield Finding(line, key, message)
        return
    try:
        image_reference(image, "the base")
    except InvalidInput as error:
        yield Finding(line, key, error.message)
