"""The few file operations that the log of predictions needs, on any fsspec filesystem."""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import fsspec
import pyarrow.fs as arrow_fs
from fsspec.implementations.arrow import ArrowFSWrapper
from fsspec.implementations.local import LocalFileSystem

from serve_app.core.disk import sync as sync_path
from serve_app.core.hosts import url_leads_nowhere
from serve_app.errors import RecordsFailed

if TYPE_CHECKING:
    from serve_app.storage.records.whose import Vault

UNFINISHED = "unfinished"
"""The folder of files that are being written."""


class Listed(NamedTuple):
    """A file: its path below the root, and its size."""

    path: str
    size_bytes: int


class Files:
    """Files below one root, by relative path; `url` is a folder or any fsspec URL.

    `vault` reads what is encrypted. `footers` is where `segments` remembers what was read of files
    that never change. With `sync`, what is written to a local disk survives a power cut. Every
    method raises RecordsFailed, naming the path, when the filesystem refuses.
    """

    def __init__(self, url: str, *, sync: bool = False, vault: Vault | None = None) -> None:
        if not url.removeprefix("file://").strip("/ "):
            msg = f"{url!r} names no place for records; give a folder or a URL"
            raise RecordsFailed(msg, path=url)
        self.url = url
        self._sync = sync
        self.vault = vault
        self.footers: dict[str, Any] = {}
        with named(url):
            self._fs, root = _opened(url)
        self.is_local = isinstance(self._fs, LocalFileSystem)
        self._root = root.rstrip("/")

    @property
    def arrow_filesystem(self) -> Any:
        """The same filesystem, for Arrow's readers."""
        if self.is_local:
            return arrow_fs.LocalFileSystem()
        return arrow_fs.PyFileSystem(arrow_fs.FSSpecHandler(self._fs))

    def path(self, relative: str) -> str:
        """The whole path of a file, as the filesystem knows it."""
        return f"{self._root}/{relative}".rstrip("/")

    def below(self, folder: str) -> list[Listed]:
        """Every file below a folder, sorted by path; none where there is no such folder."""
        path = self.path(folder)
        with named(path):
            self._fs.invalidate_cache()
            try:
                details = self._fs.find(path, detail=True)
            except FileNotFoundError:
                return []
        start = len(self._root.lstrip("/")) + 1
        files = (
            Listed(name.lstrip("/")[start:], entry.get("size") or 0)
            for name, entry in details.items()
        )
        return sorted(file for file in files if file.path)

    def names(self, folder: str) -> list[str]:
        """The names of what is in a folder, sorted; none where there is no such folder."""
        path = self.path(folder)
        with named(path):
            self._fs.invalidate_cache()
            try:
                listing = self._fs.ls(path, detail=False)
            except FileNotFoundError:
                return []
            entries = [entry.strip("/") for entry in listing]
            # A file lists itself.
            if entries == [path.strip("/")] and not folder and self._fs.isfile(path):
                raise NotADirectoryError(errno.ENOTDIR, "it is a file; name a folder or a URL")
        return sorted(one.rpartition("/")[2] for one in entries if one != path.strip("/"))

    def read(self, file: str) -> bytes | None:
        """The whole content, none where there is no such file."""
        path = self.path(file)
        with named(path):
            try:
                content: bytes = self._fs.cat_file(path)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return None
        return content

    def exists(self, file: str) -> bool:
        """Whether there is such a file."""
        path = self.path(file)
        with named(path):
            self._fs.invalidate_cache()
            return bool(self._fs.isfile(path))

    def write(self, file: str, content: bytes | memoryview, *, sync: bool = False) -> None:
        """Write a file, in place of the one that may be there; readers see either whole.

        With `sync` it survives a power cut, whatever the other ones do.
        """
        path = self.path(file)
        with named(path):
            if self.is_local:
                self._write_local(Path(path), content, sync=sync or self._sync)
            else:
                self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
                self._fs.pipe_file(path, bytes(content))

    def remove(self, file: str) -> None:
        """Remove a file, if it is there, and on a local disk the folders that are empty then."""
        path = self.path(file)
        with named(path):
            with contextlib.suppress(FileNotFoundError):
                self._fs.rm_file(path)
            if self.is_local and "/" in file.partition("/")[2]:
                with contextlib.suppress(OSError):
                    os.removedirs(path.rpartition("/")[0])

    def clean(self) -> None:
        """Remove what a process that died was writing; for the one that writes, when it starts."""
        for name in self.names(UNFINISHED) if self.is_local else ():
            self.remove(f"{UNFINISHED}/{name}")

    def _write_local(self, target: Path, content: bytes | memoryview, *, sync: bool) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(self._root) / UNFINISHED / f"{uuid.uuid4().hex}.tmp"
        unfinished.parent.mkdir(exist_ok=True)
        try:
            with unfinished.open("xb") as file:
                file.write(content)
                if sync:
                    file.flush()
                    os.fsync(file.fileno())
            unfinished.replace(target)
        finally:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
        if sync:
            sync_path(target.parent)


def _opened(url: str) -> tuple[Any, str]:
    if "://" in url and url_leads_nowhere(url):
        raise RecordsFailed("there are no records at this address; it is not asked")
    try:
        opened: tuple[Any, str] = fsspec.url_to_fs(url)
    except ImportError:
        # Arrow speaks to S3 itself, so that s3fs need not be there.
        if not url.startswith("s3://"):
            raise
        bucket = url.removeprefix("s3://").partition("?")[0].rstrip("/")
        system, _ = arrow_fs.FileSystem.from_uri(url)
        return ArrowFSWrapper(system), bucket
    return opened


@contextlib.contextmanager
def named(path: str) -> Iterator[None]:
    """Raise whatever a filesystem raises as RecordsFailed, with the path."""
    try:
        yield
    except RecordsFailed:
        raise
    except Exception as error:
        # Besides OSError, every filesystem lets errors of its own library through.
        problem = str(error) or type(error).__name__
        if isinstance(error, OSError) and error.strerror:
            problem = error.strerror
        msg = f"the log of predictions cannot use {path}: {problem}"
        raise RecordsFailed(msg, path=path) from error
