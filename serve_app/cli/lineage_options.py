"""What the command line says of what a model was made of."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serve_app.errors import InvalidInput

if TYPE_CHECKING:
    from serve_app.registry.lineage import Lineage

_CHUNK_BYTES = 1 << 20


def read_lineage(file: str) -> Lineage:
    """The lineage in a file, YAML or JSON.

    Raises:
        InvalidInput: it holds none; says where and why.
    """
    import pydantic
    import yaml

    from serve_app.documents.refused_values import refusals, words_of
    from serve_app.documents.yaml_reading import read_yaml
    from serve_app.registry.lineage import Lineage

    try:
        body = read_yaml(Path(file).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidInput(f"--lineage: {file} cannot be read: {error}") from None
    if not isinstance(body, dict):
        msg = f"--lineage: {file} holds no mapping; write such as `run_id: r-7`"
        raise InvalidInput(msg)
    try:
        return Lineage.model_validate(body)
    except pydantic.ValidationError as error:
        first = refusals(error)[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise InvalidInput(f"--lineage: {file}: {where}: {words_of(first)}") from None


def lineage_of(
    file: str | None, *, run_id: str | None, parent: str | None, data: str | None
) -> Lineage:
    """The lineage of a file, with what options say in its place, and the file of its data.

    Raises:
        InvalidInput: the file holds none, or `parent` names no version by its number.
    """
    from serve_app.core.reference import split_version
    from serve_app.registry.lineage import DataFile, Dataset, Lineage

    lineage = Lineage() if file is None else read_lineage(file)
    changes: dict[str, Any] = {}
    if run_id:
        changes["run_id"] = run_id
    if parent is not None:
        split_version(parent)
        changes["parent"] = parent
    training = lineage.dataset("training") or Dataset()
    if data is not None and not training.files:
        path = Path(data)
        read = DataFile(path=data, sha256=digest_of(path), size_bytes=path.stat().st_size)
        others = [one for one in lineage.data if one is not training]
        changes["data"] = (training.model_copy(update={"files": (read,)}), *others)
    return lineage.model_copy(update=changes)


def digest_of(file: Path) -> str:
    """The SHA-256 of a file of any size."""
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
