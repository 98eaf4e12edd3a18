"""Reads a config as it was meant: every unknown key is said once, and mended for what follows.

What is checked after this sees a misspelled key under its right name and a misplaced one where
it belongs, so that one mistake has one finding, and its value is still looked at.
"""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from serve_app.documents.near_names import nearest_names, same_names
from serve_app.serving.checking.shapes import Spot, empty_spots, shape_of_config, spots

Path_ = tuple[str | int, ...]
_DEEPEST = 3
MOST_UNKNOWN = 200
"""So many unknown keys are told one by one."""


@dataclass(frozen=True, slots=True)
class Meant:
    """A config as it was meant.

    `unknown` are the unknown keys by their paths in the file, with what to say of each;
    `unclear` are the mappings that hold a key of which nobody knows what was meant by it, by
    their paths in `body`.
    """

    body: dict[str, Any]
    unknown: tuple[tuple[Path_, str], ...]
    unclear: frozenset[Path_]
    _stood: Mapping[Path_, Path_]

    def in_file(self, path: Path_) -> Path_:
        """Where something of `body` stands in the file."""
        return _in_file(self._stood, path)


def read_as_meant(config: Mapping[str, Any]) -> Meant:
    """Find every key that neither Ray nor we know, and mend a copy of the config."""
    reading = _Reading(copy.deepcopy(dict(config)))
    while (unknown := reading.first_unknown()) is not None:
        if len(reading.unknown) == MOST_UNKNOWN:
            reading.leave_out_rest(*unknown)
            break
        reading.mend(*unknown)
    return Meant(
        reading.body, tuple(reading.unknown), frozenset(reading.unclear), dict(reading.stood)
    )


class _Reading:
    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body
        self.unknown: list[tuple[Path_, str]] = []
        self.unclear: set[Path_] = set()
        self.stood: dict[Path_, Path_] = {}

    def first_unknown(self) -> tuple[tuple[Spot, ...], str] | None:
        """An unknown key and the mappings around it, the one that holds it last."""
        return _first_unknown((Spot((), self.body, shape_of_config()),))

    def mend(self, around: tuple[Spot, ...], key: str) -> None:
        """Say what is wrong with an unknown key, and rename it, move it or leave it out."""
        spot = around[-1]
        stood = _in_file(self.stood, (*spot.path, key))
        free = [name for name in spot.shape.keys if name not in spot.body]
        near = same_names(key, free)
        place = None if near else _place(around, key)
        if not near and place is None:
            near = nearest_names(key, spot.shape.keys)
        problem = f"there is no key {key!r} here."
        if near and not (near_and_free := [name for name in near if name in free]):
            named = " and ".join(repr(name) for name in near)
            self.unknown.append((stood, f"{problem} It looks like {named}, which stands here too"))
            del spot.body[key]
        elif near:
            near = near_and_free
            named = " or ".join(repr(name) for name in near)
            self.unknown.append((stood, f"{problem} Did you mean {named}?"))
            self._rename(spot, key, near[0])
        elif place is not None:
            self.unknown.append((stood, f"{problem} {_belongs(place)}"))
            self._move(spot, key, place)
        else:
            rest = f" Those that may still stand here: {', '.join(sorted(free))}" if free else ""
            self.unknown.append((stood, problem + rest))
            self.unclear.add(spot.path)
            del spot.body[key]

    def leave_out_rest(self, around: tuple[Spot, ...], key: str) -> None:
        """Say that there are more unknown keys, from this one on, and leave all of them out.

        For each it is looked where in the config it may belong, which takes long for very many.
        """
        count = self._without_unknown(Spot((), self.body, shape_of_config()))
        stood = _in_file(self.stood, (*around[-1].path, key))
        self.unknown.append((stood, f"{count} more keys are not known; mend those above first"))

    def _without_unknown(self, spot: Spot) -> int:
        wrong = [key for key in spot.body if key not in spot.shape.keys]
        for key in wrong:
            del spot.body[key]
        if wrong:
            self.unclear.add(spot.path)
        return len(wrong) + sum(map(self._without_unknown, spots(spot)))

    def _rename(self, spot: Spot, key: str, name: str) -> None:
        self.stood[(*spot.path, name)] = _in_file(self.stood, (*spot.path, key))
        items = [(name if k == key else k, value) for k, value in spot.body.items()]
        spot.body.clear()
        spot.body.update(items)

    def _move(self, spot: Spot, key: str, place: Spot) -> None:
        stood = _in_file(self.stood, (*spot.path, key))
        value = spot.body.pop(key)
        if place.several:
            # Which item was meant cannot be told, so none of the list is blamed for lacking it.
            self.unclear.add(place.path[:-1])
            return
        body: Any = self.body
        for part in place.path:
            if isinstance(body, dict) and body.get(part) is None:
                body[part] = {}
            body = body[part]
        body[key] = value
        self.stood[(*place.path, key)] = stood


def _in_file(stood: Mapping[Path_, Path_], path: Path_) -> Path_:
    for length in range(len(path), 0, -1):
        if path[:length] in stood:
            return (*stood[path[:length]], *path[length:])
    return path


def _first_unknown(around: tuple[Spot, ...]) -> tuple[tuple[Spot, ...], str] | None:
    spot = around[-1]
    for key in spot.body:
        if key not in spot.shape.keys:
            return around, key
    for below in spots(spot):
        unknown = _first_unknown((*around, below))
        if unknown is not None:
            return unknown
    return None


def _place(around: tuple[Spot, ...], key: str) -> Spot | None:
    """Where a key belongs that stands elsewhere: below the mapping that it stands in, or above.

    Another item of the list, or another name, that the mapping itself is below, is no such place.
    What the mapping right above lacks is rather that than something that is new or deep below.
    """
    lacking = around[-2] if len(around) > 1 and _takes(around[-2], key) else None
    for position in range(len(around) - 1, -1, -1):
        spot, depth = around[position], len(around[position].path)
        if position < len(around) - 1 and _takes(spot, key):
            return spot
        from_here = around[-1].path[depth : depth + 1]
        there = [
            one
            for one in _below(spot, _DEEPEST)
            if one.path[depth : depth + 1] != from_here and _takes(one, key)
        ]
        if there:
            # Where something of the kind stands already, and not too deep.
            nearest = min(there, key=lambda one: (not one.body, len(one.path)))
            levels = sum(isinstance(part, str) for part in nearest.path[depth:])
            is_near = nearest.body and levels <= 1
            return nearest if is_near or lacking is None else lacking
    return None


def _takes(spot: Spot, key: str) -> bool:
    return key in spot.shape.keys and key not in spot.body


def _below(spot: Spot, depth: int) -> Iterable[Spot]:
    if depth == 0:
        return
    for below in (*spots(spot), *empty_spots(spot)):
        yield below
        yield from _below(below, depth - 1)


def _belongs(place: Spot) -> str:
    if not place.path:
        return "It belongs to the top of the file"
    last = [part for part in place.path if isinstance(part, str)][-1]
    item = "an item of " if place.several else ""
    return f"It belongs to {item}{last!r}"
