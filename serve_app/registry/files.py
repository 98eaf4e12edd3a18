"""The few file operations that the registry needs, on any fsspec filesystem.

Files are created, whole, and never changed: nothing here overwrites one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import fsspec
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from serve_app.core.disk import sync_folder
from serve_app.core.hosts import links_of, url_leads_nowhere
from serve_app.errors import RegistryFailed
from serve_app.registry.answering import Answering
from serve_app.registry.exclusive import place, temporary_beside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_memory_lock = threading.Lock()


def _server_of(url: str) -> str:
    """What comes before the path of a URL, or of the last one of a chain."""
    return urlsplit(links_of(url)[-1])._replace(path="", query="", fragment="").geturl()


class Files:
    """Files below one root, by relative path.

    Every method raises RegistryFailed, naming the path, when the filesystem refuses, or is
    elsewhere and does not answer in time.
    """

    def __init__(self, url: str) -> None:
        if not url.removeprefix("file://").strip("/ "):
            msg = f"{url!r} names no place for a registry; give a folder or a URL"
            raise RegistryFailed(msg, path=url)
        _check_host(url)
        self.url = url
        with _named(url):
            fs, root = fsspec.url_to_fs(url)
        self._root = root.rstrip("/")
        self._create = creation_on(fs)
        is_here = isinstance(fs, LocalFileSystem | MemoryFileSystem)
        self._fs: Any = fs if is_here else Answering(fs, _server_of(url))

    def names(self, folder: str) -> list[str]:
        """The names of everything in a folder, sorted; empty when there is no such folder."""
        path = self._path(folder)
        with _named(path):
            self._fs.invalidate_cache()
            try:
                listing = self._fs.ls(path, detail=False)
            except FileNotFoundError:
                return []
            entries = [entry.strip("/") for entry in listing]
            # A file, and a folder of some object stores, lists itself.
            itself = path.strip("/")
            if entries == [itself] and not folder and self._fs.isfile(path):
                raise NotADirectoryError(errno.ENOTDIR, "it is a file; name a folder or a URL")
        return sorted(entry.rpartition("/")[2] for entry in entries if entry != itself)

    def exists(self, file: str) -> bool:
        """Whether there is such a file."""
        path = self._path(file)
        with _named(path):
            self._fs.invalidate_cache()
            return bool(self._fs.isfile(path))

    def read(self, file: str) -> bytes | None:
        """The whole content, or none when there is no such file."""
        path = self._path(file)
        with _named(path):
            try:
                content: bytes = self._fs.cat_file(path)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return None
        return content

    def create(self, file: str, content: bytes) -> bool:
        """Create a file; false when there is one already.

        Readers see it whole or not at all. Of several who create the same file at the same
        time, one succeeds. On a local disk it survives a power cut.
        """
        path = self._path(file)
        with _named(path):
            return self._create(self._fs, path, content)

    def remove(self, file: str) -> None:
        """Remove a file, if it is there."""
        path = self._path(file)
        with _named(path), contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(path)

    def remove_folder(self, folder: str) -> None:
        """Remove a folder with all that is in it, if it is there."""
        path = self._path(folder)
        with _named(path):
            self._fs.invalidate_cache()
            with contextlib.suppress(FileNotFoundError):
                self._fs.rm(path, recursive=True)

    def _path(self, relative: str) -> str:
        return f"{self._root}/{relative}".rstrip("/")


def creation_on(fs: Any) -> Callable[[Any, str, bytes], bool]:
    """What creates a whole file on a filesystem, and says no where there is one already."""
    if isinstance(fs, LocalFileSystem):
        return _create_on_disk
    if isinstance(fs, MemoryFileSystem):
        return _create_in_memory
    return _create_object


def _create_on_disk(_: Any, path: str, content: bytes) -> bool:
    target = Path(path)
    _make_folder(target.parent)
    temporary = temporary_beside(target)
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if not place(temporary, target):
            return False
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(target.parent)
    return True


def _create_in_memory(fs: Any, path: str, content: bytes) -> bool:
    # Its own exclusive mode looks first and writes later, which two threads can both do.
    with _memory_lock:
        if fs.isfile(path):
            return False
        fs.pipe_file(path, content)
    return True


def _create_object(fs: Any, path: str, content: bytes) -> bool:
    fs.makedirs(path.rpartition("/")[0], exist_ok=True)
    try:
        fs.pipe_file(path, content, mode="create")
    except FileExistsError:
        return False
    return True


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


@contextlib.contextmanager
def _named(path: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # Besides OSError, every fsspec filesystem lets errors of its own library through.
        problem = str(error) or type(error).__name__
        if isinstance(error, OSError) and error.strerror:
            problem = error.strerror
        msg = f"the registry cannot use {path}: {problem}"
        raise RegistryFailed(msg, path=path) from error


def _check_host(url: str) -> None:
    """Return unless a URL leads to where clouds hand out secrets, of whatever scheme it is.

    Raises:
        RegistryFailed: it does.
    """
    try:
        nowhere = url_leads_nowhere(url)
    except ValueError as error:
        raise RegistryFailed(f"the registry's address cannot be read: {error}") from None
    if nowhere:
        msg = "the registry's address is one at which there are no files; it is not asked"
        raise RegistryFailed(msg)
