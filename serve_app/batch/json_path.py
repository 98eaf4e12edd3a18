"""The part of JSONPath with which SageMaker's transform jobs choose values of a record.

https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform-data-processing.html: `$`, names
after a dot or in brackets, several of them, places and ranges of places, and `*`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serve_app.errors import InvalidInput

LONGEST = 63
_NAME = re.compile(r"\.([^.\[\]'\"*\s()?@,:]+)")
_WILDCARD = re.compile(r"\.\*|\[\s*\*\s*\]")
_BRACKETS = re.compile(r"\.?\[((?:'[^']*'|\"[^\"]*\"|[^\]'\"])*)\]")
_QUOTED = re.compile(r"\s*(?:'([^']+)'|\"([^\"]+)\")\s*")
_PLACE = re.compile(r"\s*(-?\d{1,9})\s*")
_RANGE = re.compile(r"\s*+(-?\d{1,9})?\s*+:\s*+(-?\d{1,9})?\s*+(?::\s*+(-?\d{1,9})?\s*+)?")

Part = str | int | slice
"""A name of an object, or a place or range of places of a list."""


@dataclass(frozen=True, slots=True)
class _Step:
    """What one step takes of a value: `parts` of it, or all where there are none.

    `several` parts give a list or an object of those, one gives itself.
    """

    parts: tuple[Part, ...]
    several: bool


class JsonPath:
    """A path, which takes the same of every record.

    Raises:
        InvalidInput: it cannot be read; says where, and what is known.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._steps = _steps(text)

    @property
    def is_whole(self) -> bool:
        """Whether it takes a record as it is."""
        return not self._steps

    def of(self, value: Any) -> Any:
        """What it takes of a value.

        Raises:
            InvalidInput: the value has no such name or place.
        """
        for step in self._steps:
            value = self._taken(step, value)
        return value

    def _taken(self, step: _Step, value: Any) -> Any:
        if isinstance(value, Mapping):
            return self._of_object(step, value)
        if isinstance(value, list):
            return self._of_list(step, value)
        raise InvalidInput(f"a value at {self.text}; there is nothing within {str(value)[:80]!r}")

    def _of_object(self, step: _Step, value: Mapping[str, Any]) -> Any:
        if not step.parts:
            return list(value.values())
        for part in step.parts:
            if not isinstance(part, str) or part not in value:
                names = ", ".join(map(repr, list(value)[:20]))
                raise InvalidInput(f"a value at {self.text}; there is no {part!r} among {names}")
        if step.several:
            return {str(part): value[str(part)] for part in step.parts}
        return value[str(step.parts[0])]

    def _of_list(self, step: _Step, value: Sequence[Any]) -> Any:
        if not step.parts:
            return list(value)
        taken: list[Any] = []
        for part in step.parts:
            if isinstance(part, slice):
                taken.extend(value[part])
            elif isinstance(part, int) and -len(value) <= part < len(value):
                taken.append(value[part])
            else:
                msg = f"a value at {self.text}; there is no {part!r} among {len(value)} values"
                raise InvalidInput(msg)
        return taken if step.several else taken[0]


def _steps(text: str) -> tuple[_Step, ...]:
    if len(text) > LONGEST:
        raise InvalidInput(f"a JSONPath has up to {LONGEST} characters; got {len(text)}")
    if not text.startswith("$"):
        raise InvalidInput(f"{text!r} is no JSONPath: it begins with $")
    steps: list[_Step] = []
    place = 1
    while place < len(text):
        if match := _WILDCARD.match(text, place):
            steps.append(_Step((), several=True))
        elif match := _NAME.match(text, place):
            steps.append(_Step((match[1],), several=False))
        elif match := _BRACKETS.match(text, place):
            steps.append(_in_brackets(match[1], text))
        else:
            raise _unknown(text, text[place:])
        place = match.end()
    return tuple(steps)


def _in_brackets(content: str, text: str) -> _Step:
    parts: list[Part] = []
    rest = content
    while True:
        part, end = _part(rest, text)
        parts.append(part)
        if end == len(rest):
            break
        if rest[end] != ",":
            raise _unknown(text, rest)
        rest = rest[end + 1 :]
    return _Step(tuple(parts), several=len(parts) > 1 or isinstance(parts[0], slice))


def _part(text: str, whole: str) -> tuple[Part, int]:
    """The first part of what stands in brackets, and where it ends."""
    if match := _QUOTED.match(text):
        return match[1] or match[2], match.end()
    if match := _RANGE.match(text):
        start, stop, step = (None if one is None else int(one) for one in match.groups())
        if step is not None and step <= 0:
            raise InvalidInput(f"{whole!r}: the step of a range has to be 1 or more")
        return slice(start, stop, step), match.end()
    if match := _PLACE.match(text):
        return int(match[1]), match.end()
    raise _unknown(whole, text)


def _unknown(text: str, rest: str) -> InvalidInput:
    msg = (
        f"{text!r} cannot be read at {rest[:40]!r}: known are $, .name, ['name'], "
        "['name','other'], [0], [0,-1], [1:] and *"
    )
    return InvalidInput(msg)
