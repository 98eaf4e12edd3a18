"""Brings the artifacts of a model onto this machine, wherever its server says that they lie."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import fsspec

from serve_app.core.hosts import is_own, links_of, url_leads_nowhere
from serve_app.errors import ArtifactRejected, InvalidInput, NotFound, RegistryFailed
from serve_app.redaction import without_secrets
from serve_app.registry.mlflow.client import MlflowClient

REMOTE = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "hdfs", "webhdfs", "sftp")
"""Schemes of places that fsspec reads with this machine's own credentials."""
MOST_FILES = 10_000
MOST_BYTES = 64 << 30


@dataclass(frozen=True, slots=True)
class _File:
    """A file of the artifacts: its path below the model, and its length where that is known."""

    path: PurePosixPath
    size_bytes: int | None


def download(client: MlflowClient, uri: str, into: Path) -> None:
    """Write everything below `uri` into a folder that is there and empty.

    Raises:
        NotFound: nothing lies there.
        InvalidInput: it is of a kind that is not read here; says what to do.
        ArtifactRejected: a path leads out of the folder, or a file is shorter than was said, or
            there are more than `MOST_FILES` files or `MOST_BYTES` bytes.
        RegistryFailed: it cannot be read; ServeError: as the client's methods raise.
    """
    parts = urlsplit(uri)
    if len(links_of(uri)) > 1 or url_leads_nowhere(uri):
        msg = (
            f"the server says that the model's files lie at {without_secrets(uri)}, which is not "
            "read here, and not asked for them"
        )
        raise InvalidInput(msg)
    if parts.scheme == "mlflow-artifacts":
        _from_server(client, uri, into)
    elif parts.scheme in {"", "file"}:
        _from_disk(client, uri, into)
    elif parts.scheme in REMOTE:
        _from_store(uri, into)
    else:
        msg = (
            f"the model's files lie at {without_secrets(uri)}, which is not read here; those that "
            f"are read are mlflow-artifacts:, {', '.join(f'{one}:' for one in REMOTE)}"
        )
        raise InvalidInput(msg)
    if not any(into.iterdir()):
        raise NotFound(f"nothing lies at {without_secrets(uri)}, where the model's files should be")


def _from_server(client: MlflowClient, uri: str, into: Path) -> None:
    parts = urlsplit(uri)
    if parts.netloc and parts.netloc != urlsplit(client.server).netloc:
        msg = (
            f"the model's files lie on another server, {parts.netloc}; credentials for "
            f"{client.server} are not shown there"
        )
        raise InvalidInput(msg)
    root = unquote(parts.path).strip("/")
    taken_bytes = 0
    for file in _listed(client, root, PurePosixPath()):
        place = _place(into, file.path)
        with place.open("wb") as content:
            length = client.download(f"{root}/{file.path}", content, MOST_BYTES - taken_bytes)
        taken_bytes = _checked_total(taken_bytes + length)
        _check_length(file, length)


def _listed(client: MlflowClient, root: str, folder: PurePosixPath) -> Iterator[_File]:
    """Every file below a folder; the server tells paths relative to the folder that is listed."""
    folders, count = [folder], 0
    while folders:
        inner = folders.pop()
        for one in client.list_artifacts(f"{root}/{inner}" if inner.parts else root):
            path = inner / _safe(str(one.get("path", ""))).name
            count += 1
            if count > MOST_FILES:
                raise ArtifactRejected(f"the model has more than {MOST_FILES:,} files and folders")
            if one.get("is_dir"):
                folders.append(path)
            else:
                size = one.get("file_size")
                yield _File(path, None if size is None else int(size))


def _from_disk(client: MlflowClient, uri: str, into: Path) -> None:
    """A server on this very machine that hands out no artifacts names a folder of its disk."""
    folder = Path(unquote(urlsplit(uri).path))
    if not is_own(urlsplit(client.server).hostname or "") or not folder.is_dir():
        msg = (
            f"the model's files lie on the server's own disk ({folder}), which this machine "
            "cannot read; start the server with --serve-artifacts, or give it a store such as "
            "s3://"
        )
        raise InvalidInput(msg)
    total_bytes = 0
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ArtifactRejected(f"{path} leads out of the model's folder")
        total_bytes = _checked_total(total_bytes + path.stat().st_size)
        shutil.copyfile(path, _place(into, PurePosixPath(path.relative_to(folder).as_posix())))


def _from_store(uri: str, into: Path) -> None:
    try:
        filesystem, root = fsspec.url_to_fs(uri)
        root = root.rstrip("/")
        entries = filesystem.find(root, detail=True)
        if len(entries) > MOST_FILES:
            raise ArtifactRejected(f"the model has more than {MOST_FILES:,} files")
        _checked_total(sum(int(one.get("size") or 0) for one in entries.values()))
        for path, entry in entries.items():
            inner = _safe(path.removeprefix(root).lstrip("/"))
            place = _place(into, inner)
            filesystem.get_file(path, str(place))
            _check_length(_File(inner, entry.get("size")), place.stat().st_size)
    except ImportError as error:
        msg = f"{without_secrets(uri)} needs more than is installed: {error}"
        raise InvalidInput(msg) from None
    except (OSError, ValueError) as error:
        raise RegistryFailed(f"{without_secrets(uri)} cannot be read: {error}") from error


def _safe(text: str) -> PurePosixPath:
    """A relative path that stays where it begins."""
    path = PurePosixPath(text)
    unsafe = path.is_absolute() or ".." in path.parts or not path.parts
    if unsafe or "\\" in text or "\0" in text or (len(text) > 1 and text[1] == ":"):
        raise ArtifactRejected(f"the server names a file {text!r}, which leads out of the model")
    return path


def _place(into: Path, path: PurePosixPath) -> Path:
    place = into.joinpath(*path.parts)
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _check_length(file: _File, length: int) -> None:
    if file.size_bytes is not None and length != file.size_bytes:
        msg = f"{file.path} has {file.size_bytes} bytes, of which {length} arrived; try again"
        raise ArtifactRejected(msg)


def _checked_total(total_bytes: int) -> int:
    if total_bytes > MOST_BYTES:
        raise ArtifactRejected(f"the model's files are larger than {MOST_BYTES >> 30} GiB")
    return total_bytes
