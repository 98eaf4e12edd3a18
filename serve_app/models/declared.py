"""Types that somebody declares for columns: `zip=string`, or a file of them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from serve_app.documents.yaml_reading import read_yaml
from serve_app.errors import InvalidInput
from serve_app.models.frame_dtypes import of_name

_FILES = frozenset({".yaml", ".yml", ".json"})
_PARTS = re.compile(r",(?![^\[(]*[\])])")
_CATEGORY = re.compile(r"category(?:\[(?P<inner>.+)\])?")
_WORDS = ("string", "category", "datetime", "date", "decimal")
_KEYS = frozenset({"type", "categories", "ordered"})


@dataclass(frozen=True, slots=True)
class Declared:
    """What a column was in training.

    `word` is string, category, datetime, date or decimal, or the name of a dtype of pandas'.
    Of categories, `inner` is the type of the values where it was said, and `categories` lists
    them in their order where it matters.
    """

    word: str
    inner: str | None = None
    categories: tuple[Any, ...] | None = None
    ordered: bool = False


def declared(given: Sequence[str]) -> dict[str, Declared]:
    """The types of columns by name, out of texts like `zip=string,store=category` or file names.

    A YAML or JSON file holds `{column: type}`, which may stand under `dtypes`; a type there may
    be `{type: category, categories: [low, high], ordered: true}`. What comes later wins.

    Raises:
        InvalidInput: there is no such type or file; says where.
    """
    types: dict[str, Declared] = {}
    for text in given:
        if Path(text).suffix.lower() in _FILES:
            types.update(_of_file(Path(text)))
            continue
        for part in _PARTS.split(text):
            name, between, word = part.partition("=")
            if not between or not name:
                msg = f"--dtypes: {part!r} is neither column=type nor a .yaml or .json file"
                raise InvalidInput(msg)
            types[name] = _of_word(name, word.strip())
    return types


def _of_file(path: Path) -> dict[str, Declared]:
    try:
        text = path.read_text("utf-8")
        document = json.loads(text) if path.suffix.lower() == ".json" else read_yaml(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        msg = f"--dtypes: {path} cannot be read ({error})"
        raise InvalidInput(msg) from error
    if isinstance(document, Mapping) and isinstance(document.get("dtypes"), Mapping):
        document = document["dtypes"]
    if not isinstance(document, Mapping):
        raise InvalidInput(f"--dtypes: {path} holds no mapping of columns to types")
    return {str(name): _of_entry(str(name), entry) for name, entry in document.items()}


def _of_entry(name: str, entry: Any) -> Declared:
    if isinstance(entry, str):
        return _of_word(name, entry)
    if not isinstance(entry, Mapping) or not set(entry) <= _KEYS:
        msg = f"column {name!r}: a type is a word, or has the keys {', '.join(sorted(_KEYS))}"
        raise InvalidInput(msg, column=name)
    plain = _of_word(name, str(entry.get("type", "category")))
    categories, ordered = entry.get("categories"), entry.get("ordered", False)
    if plain.word != "category" or not isinstance(categories, list | None):
        msg = f"column {name!r}: 'categories' is a list, and goes with the type category"
        raise InvalidInput(msg, column=name)
    if ordered and not categories:
        msg = f"column {name!r}: what is ordered needs its 'categories', in their order"
        raise InvalidInput(msg, column=name)
    return Declared("category", plain.inner, tuple(categories) if categories else None, ordered)


def _of_word(name: str, word: str) -> Declared:
    category = _CATEGORY.fullmatch(word)
    if category is not None:
        inner = category["inner"]
        return Declared("category", inner if inner is None else _of_word(name, inner).word)
    if word in _WORDS:
        return Declared(word)
    try:
        kind = of_name(word).kind
    except (TypeError, ValueError, NotImplementedError) as error:
        msg = (
            f"column {name!r}: there is no type {word!r}; known are {', '.join(_WORDS)}, bool, "
            "int64, float64, Int64, boolean and the other names of pandas' dtypes"
        )
        raise InvalidInput(msg, column=name) from error
    if kind in "mcV" or word.startswith(("period", "interval")):
        msg = f"column {name!r}: values of the type {word} cannot be served"
        raise InvalidInput(msg, column=name)
    return Declared(word)
