"""What is wrong with a file for a function or an endpoint of a cloud, before a cloud has it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from serve_app.documents.finding import Finding
from serve_app.documents.json_schema import documents, dotted, refused
from serve_app.documents.near_names import did_you_mean, nearest_names
from serve_app.documents.walk import mapping
from serve_app.documents.yaml_lines import Positions
from serve_app.platforms import written_rules
from serve_app.platforms.serverless import value_rules
from serve_app.platforms.serverless.shapes import (
    SAM_FUNCTION,
    TEMPLATES,
    function_schema,
    template_schema,
)

_SAM = 0
_TAG = re.compile(r"(?<=[\s\[,:])!(?=\w)(?:\w+)(?=\s)")
_REFERENCE = re.compile(r"!(?:Ref\s+|GetAtt\s+)(?P<name>\w+)")
_SET_BY_SAM = ("Url", "Role", "Version", "Alias")
"""What SAM makes beside a function, under its name and this."""
_OPEN = ("is not of type", "is a secret")
"""What is not known of a value that stands behind a tag."""


def recognised(text: str) -> bool:
    """Whether a text is such a file; tags of CloudFormation are no tags of YAML."""
    return any(_index(body) is not None for body in _bodies(text))


def findings(text: str) -> list[Finding]:
    """Everything that is wrong with a file, by line."""
    try:
        parts = documents(_TAG.sub(lambda tag: " " * len(tag[0]), text))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        return [Finding(1 if mark is None else mark.line + 1, "", " ".join(str(error).split()))]
    made: list[Finding] = []
    for body, positions in parts:
        index = _index(body)
        if index is None:
            continue
        made += refused(body, positions, template_schema(index))
        made += _by_rules(body, positions)
        if index == _SAM:
            made += _functions(body, positions)
            made += _references(body, text)
    # What a tag stands for is known when the template is deployed.
    lines = text.splitlines()
    open_lines = {number for number, line in enumerate(lines, 1) if _TAG.search(f"{line} ")}
    return sorted(
        {
            one
            for one in made
            if one.line not in open_lines or not any(words in one.message for words in _OPEN)
        }
    )


def _bodies(text: str) -> list[Any]:
    try:
        return [body for body, _ in documents(_TAG.sub("", text))]
    except yaml.YAMLError:
        return []


def _index(body: Any) -> int | None:
    """Which of the templates a document is: the one whose keys it has; most fields decide."""
    if not isinstance(body, Mapping) or "applications" in body or "apiVersion" in body:
        return None
    shared = [
        (len(one.fields & set(body)), -index)
        for index, one in enumerate(TEMPLATES)
        if any(_tells(key, body) for key in one.keys)
    ]
    return -max(shared)[1] if shared else None


def _tells(key: str, body: Mapping[Any, Any]) -> bool:
    """Whether a key says which file it is; a model by its name alone may be anything's."""
    if key == "$schema":
        return "azuremlschemas" in str(body.get(key))
    return key in body and (key != "model" or isinstance(body[key], Mapping))


def _by_rules(body: Any, positions: Positions) -> Iterator[Finding]:
    for rule in (*written_rules.OF_ONE_PROCESS, *value_rules.RULES):
        for path, message in rule(body):
            yield Finding(positions.line(path), dotted(path), message)


def _functions(body: Any, positions: Positions) -> Iterator[Finding]:
    """The functions of a template of SAM; other resources are left to CloudFormation."""
    for name, one in mapping(body.get("Resources")).items():
        path = ("Resources", name)
        kind = mapping(one).get("Type")
        if kind == SAM_FUNCTION.name:
            yield from refused(one, positions, function_schema(), path)
        elif kind is None or nearest_names(str(kind), [SAM_FUNCTION.name]):
            at = path if kind is None else (*path, "Type")
            message = f"is {kind!r}. Did you mean {SAM_FUNCTION.name!r}?"
            for key in mapping(one) if kind is None else ():
                if nearest_names(str(key), ["Type"]):
                    at, message = (
                        (*path, key),
                        f"there is no key {key!r} here. Did you mean 'Type'?",
                    )
            yield Finding(positions.line(at), dotted(at), message)


def _references(body: Any, text: str) -> Iterator[Finding]:
    """Names behind `!Ref` and `!GetAtt` are those of parameters and resources."""
    resources = mapping(body.get("Resources"))
    known = {*mapping(body.get("Parameters")), *resources}
    known |= {f"{name}{what}" for name in resources for what in _SET_BY_SAM}
    for number, line in enumerate(text.splitlines(), 1):
        for reference in _REFERENCE.finditer(line.split(" #")[0]):
            name = reference["name"]
            if name not in known and not name.startswith("AWS"):
                meant = did_you_mean(name, sorted(map(str, known)))
                message = f"no parameter and no resource is named {name!r}.{meant}"
                yield Finding(number, reference[0].split()[0], message)
