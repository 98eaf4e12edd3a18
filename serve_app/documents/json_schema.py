"""What a JSON Schema refuses in a YAML document, by line, with the nearest right name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend

from serve_app.documents.finding import Finding
from serve_app.documents.near_names import did_you_mean, nearest_names, same_names
from serve_app.documents.quantities import nearest_quantity
from serve_app.documents.yaml_lines import LOADER, Positions
from serve_app.documents.yaml_reading import read_documents

Path = tuple[str | int, ...]


def _pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[ValidationError]:
    """As JSON Schema means it, where `$` is the end; Python's also lies before a last newline."""
    whole = f"{pattern[:-1]}\\Z" if pattern.endswith("$") else pattern
    if isinstance(instance, str) and not re.search(whole, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


_Validator = extend(Draft202012Validator, {"pattern": _pattern})


def documents(text: str) -> list[tuple[Any, Positions]]:
    """Each document of a file with where its keys stand; documents that hold nothing are left out.

    Raises:
        yaml.YAMLError: the text is no YAML, or goes beyond the bounds of `yaml_reading`.
    """
    bodies = read_documents(text)
    roots = yaml.compose_all(text, Loader=LOADER)
    pairs = zip(bodies, roots, strict=True)
    return [(body, Positions(root)) for body, root in pairs if body is not None]


def refused(
    body: Any, positions: Positions, schema: Mapping[str, Any], at: Path = ()
) -> list[Finding]:
    """Everything in a document (its part `at`) that a schema refuses, and keys that stand twice."""
    validator = _Validator(schema)
    errors = sorted(validator.iter_errors(body), key=lambda one: list(map(str, one.path)))
    findings = [one for error in errors for one in _findings(error, positions, at)]
    if not at:
        findings += [
            Finding(one.line, dotted(one.path), f"stands twice, first in line {one.first_line}")
            for one in positions.duplicates()
        ]
    return sorted(set(findings))


def dotted(path: Iterable[str | int]) -> str:
    """A path as people write it: `spec.groups[0].name`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _findings(error: ValidationError, positions: Positions, at: Path) -> Iterator[Finding]:
    path = (*at, *error.absolute_path)
    if error.context and (inner := best_match(error.context)) is not None:
        yield from _findings(inner, positions, at)
    elif error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        for key in error.instance:
            if key not in known and not _by_pattern(key, error.schema):
                yield Finding(
                    positions.line((*path, key)), dotted((*path, key)), _unknown(key, known)
                )
    elif error.validator == "required":
        yield Finding(positions.line(path), dotted(path), f"lacks {error.message.split()[0]}")
    else:
        yield Finding(positions.line(path), dotted(path), _unfit(error))


def _unfit(error: ValidationError) -> str:
    """What is wrong with a value, with the nearest one that is right."""
    instance, meant = error.instance, ""
    if error.validator == "enum" and isinstance(instance, str):
        known = [one for one in error.validator_value if one]
        same = same_names(instance, known)
        meant = f" Did you mean {same[0]!r}?" if same else did_you_mean(instance, known)
    elif error.validator == "pattern":
        near = nearest_quantity(instance, error.validator_value)
        meant = f" Did you mean {near!r}?" if near else ""
        if "title" in error.schema:
            return f"{instance!r} is not {error.schema['title']}.{meant}"
    return f"{error.message}.{meant}" if meant else error.message


def _by_pattern(key: str, schema: Mapping[str, Any]) -> bool:
    return any(re.search(pattern, key) for pattern in schema.get("patternProperties", {}))


def _unknown(key: str, known: Iterable[str]) -> str:
    names = list(known)
    near = same_names(key, names) or nearest_names(key, names)
    meant = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    rest = f" Known are: {', '.join(sorted(names))}" if names and not near else ""
    return f"there is no key {key!r} here.{meant}{rest}"
