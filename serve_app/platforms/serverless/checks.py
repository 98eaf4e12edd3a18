"""What is wrong with a file for a function or an endpoint of a cloud, before a cloud has it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from serve_app.documents.finding import Finding
from serve_app.documents.json_schema import documents, dotted, refused
from serve_app.documents.near_names import did_you_mean, nearest_names
from serve_app.documents.walk import LINE_BREAK, Path, keys, mapping, texts
from serve_app.documents.yaml_lines import Positions
from serve_app.platforms.serverless.shapes import (
    SAM_FUNCTION,
    TEMPLATES,
    function_schema,
    template_schema,
)

VARIABLES = (
    "SERVE_APP_MODEL", "SERVE_APP_REGISTRY", "SERVE_APP_STATE", "SERVE_APP_KEYS_FILE",
    "SERVE_APP_ACCESS", "SERVE_APP_TRUSTED_KEYS", "SERVE_APP_REQUIRE_SIGNED", "SERVE_APP_HOME",
    "SERVE_APP_CA_FILE", "SERVE_APP_RECORDS", "SERVE_APP_TOKEN",
)  # fmt: skip
_SAM = 0
_TAG = re.compile(r"(?<=[\s\[,:])!(?=\w)(?:\w+)(?=\s)")
_REFERENCE = re.compile(r"!(?:Ref\s+|GetAtt\s+)(?P<name>\w+)")
_SET_BY_SAM = ("Url", "Role", "Version", "Alias")
"""What SAM makes beside a function, under its name and this."""
_TO_FILL_IN = re.compile(r"FILL_IN_\w+")
_SECRET = re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----")
_IMAGE_KEYS = frozenset(("image", "Image", "imageUri", "ImageUri"))
_DIGEST = re.compile(r"@sha256:(?:[0-9a-f]{64}|FILL_IN_\w+)\Z")


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
    typed = "is not of type"
    return sorted({one for one in made if one.line not in open_lines or typed not in one.message})


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
    for rule in (_variables, _unfilled, _images, _secrets):
        for path, message in rule(body):
            yield Finding(positions.line(path), dotted(path), message)


def _variables(body: Any) -> Iterator[tuple[Path, str]]:
    """Names of variables that serve-app reads: one that is misspelt is as good as none."""
    named = [(path, value) for path, value in texts(body) if str(path[-1]).lower() == "name"]
    for path, name in [*keys(body), *named]:
        if name.isupper() and "_" in name and name not in VARIABLES:
            near = nearest_names(name, VARIABLES)
            if near and (name.startswith("SERVE_APP") or did_you_mean(name, VARIABLES)):
                yield path, f"serve-app reads no variable {name!r}. Did you mean {near[0]!r}?"


def _unfilled(body: Any) -> Iterator[tuple[Path, str]]:
    for path, text in texts(body):
        for place in _TO_FILL_IN.findall(text):
            yield path, f"{place} is to be filled in"


def _images(body: Any) -> Iterator[tuple[Path, str]]:
    for path, text in texts(body):
        if path[-1] in _IMAGE_KEYS and "/" in text and not _DIGEST.search(text):
            yield path, f"{text!r} names no image by its digest; write NAME@sha256:DIGEST"


def _secrets(body: Any) -> Iterator[tuple[Path, str]]:
    for path, text in texts(body):
        if _SECRET.search(text):
            yield path, "holds a key; give a role to the function, or name a secret, instead"
        if LINE_BREAK.search(text) and path[-1] not in {"InlineCode", "Description"}:
            yield path, f"{text!r} has a line break, which no name, path or option may have"


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
