"""Which files jobs in the words of other systems read, and which of their lines are no records."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from serve_app.batch import csv_records
from serve_app.batch.csv_records import Record
from serve_app.batch.inputs import Form, Kind, Place, opened
from serve_app.batch.json_path import JsonPath
from serve_app.batch.rendering import Content, Rendering, Transform
from serve_app.batch.shards import IsHeader
from serve_app.engine.batch.roots import Roots
from serve_app.errors import BadEncoding, InvalidInput
from serve_app.protocols.bodies import json_body
from serve_app.registry.manifest import Manifest

_SIGNS = re.compile(r"[*?\[\]]")
_MOST_MANIFEST_BYTES = 16 * 1024 * 1024
_OF_LINES: dict[Content, Kind] = {"csv": "cells", "lines": "jsonl", "json": "jsonl"}


def settled_on(
    roots: Roots, given: Sequence[str], rendering: Rendering
) -> tuple[list[Place], Rendering]:
    """The files that a job reads, and how, now that it is known where they stand.

    Raises:
        InvalidInput: there are none, or output would be put where input is read.
        Forbidden: one is outside of the roots.
    """
    if not isinstance(rendering, Transform):
        form = Form("csv" if rendering.content == "csv" else "jsonl")
        return roots.places(given, form), rendering
    kind: Kind = _OF_LINES[rendering.content] if rendering.split else "document"
    form = Form(kind, rendering.packed)
    if rendering.is_manifest:
        (manifest,) = given
        prefix, names = _listed(roots, manifest)
        places = roots.places([f"{prefix}{name}" for name in names], form)
        base = prefix
    else:
        (uri,) = given
        if _SIGNS.search(uri):
            raise InvalidInput(f"{uri[:200]!r} holds a sign of patterns; name a prefix")
        places, base = _below(roots, uri, form)
    inside = f"{rendering.destination.rstrip('/')}/"
    if inside.startswith(base) and any(one.path.startswith(inside) for one in places):
        msg = f"output below {rendering.destination} would be read as input; put it elsewhere"
        raise InvalidInput(msg)
    return places, replace(rendering, base=base)


def header_of(rendering: Rendering | None, version: Manifest) -> IsHeader | None:
    """Tells headers of CSV by the names of a version's columns; none where files have none."""
    if not isinstance(rendering, Transform) or rendering.content != "csv":
        return None
    names = {column.name for column in version.signature.inputs}
    path = JsonPath(rendering.input_filter)

    def is_header(record: Record) -> bool:
        with suppress(ValueError, InvalidInput):
            cells: Any = path.of([cell.strip() for cell in csv_records.cells(record.content)])
            return isinstance(cells, list) and len(cells) == len(names) and set(cells) == names
        return False

    return is_header


def _below(roots: Roots, uri: str, form: Form) -> tuple[list[Place], str]:
    """The files below a prefix, and from where on their names count."""
    folder = f"{uri.rstrip('/')}/"
    parent = uri[: uri.rstrip("/").rfind("/") + 1]
    try:
        places = roots.places([uri], form)
    except InvalidInput:
        if uri.endswith("/"):
            raise
        places = roots.places([f"{uri}*"], form)
    is_folder = all(one.path.startswith(folder) for one in places)
    return places, folder if is_folder else parent


def _listed(roots: Roots, manifest: str) -> tuple[str, list[str]]:
    """The prefix and the names that a manifest lists.

    Raises:
        InvalidInput: it is none.
    """
    (place,) = roots.places([manifest], Form("document"))
    with opened(place.path) as file:
        content = file.read(_MOST_MANIFEST_BYTES)
    form = f'{manifest[:200]} must be [{{"prefix": "s3://…/"}}, "name", …]'
    try:
        document = json_body.parse_any(content)
    except BadEncoding as error:
        raise InvalidInput(f"{form}: {error.message}") from None
    if not isinstance(document, list) or len(document) < 2 or not isinstance(document[0], dict):
        raise InvalidInput(form)
    prefix, names = document[0].get("prefix"), document[1:]
    if not isinstance(prefix, str) or not all(isinstance(name, str) for name in names):
        raise InvalidInput(form)
    if _SIGNS.search(prefix) or any(_SIGNS.search(name) for name in names):
        raise InvalidInput(f"{form}; it holds a sign of patterns")
    return prefix.removeprefix("file://"), names
