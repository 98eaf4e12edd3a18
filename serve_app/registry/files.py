"""The few file operations that the registry needs, on any fsspec filesystem."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator

import fsspec
from fsspec.implementations.local import LocalFileSystem

from serve_app.errors import RegistryFailed


class Files:
    """Files below one root, by relative path.

    Every method raises RegistryFailed, naming the path, when the filesystem refuses.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        with _named(url):
            self._fs, root = fsspec.core.url_to_fs(url)
        self._root = root.rstrip("/")

    def names(self, folder: str) -> list[str]:
        """The names of everything in a folder, sorted; empty when there is none."""
        path = self._path(folder)
        with _named(path):
            self._fs.invalidate_cache()
            try:
                found = self._fs.ls(path, detail=False)
            except (FileNotFoundError, NotADirectoryError):
                return []
        return sorted(entry.rstrip("/").rpartition("/")[2] for entry in found)

    def exists(self, file: str) -> bool:
        """Whether there is such a file."""
        path = self._path(file)
        with _named(path):
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

    def write(self, file: str, content: bytes) -> None:
        """Write a file that nobody reads yet."""
        path = self._path(file)
        with _named(path):
            self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._fs.pipe_file(path, content)

    def write_whole(self, file: str, content: bytes) -> None:
        """Write a file that readers see whole or not at all, and that survives a power cut."""
        path = self._path(file)
        with _named(path):
            if not isinstance(self._fs, LocalFileSystem):
                # Object stores show an object when it is complete, memory at once.
                self._fs.pipe_file(path, content)
                return
            temporary = self._written(path, content)
            os.replace(temporary, path)  # noqa: PTH105 - paths of fsspec are strings

    def create(self, file: str, content: bytes) -> bool:
        """Create a file whole; false when somebody else has created it before."""
        path = self._path(file)
        with _named(path):
            self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            try:
                if not isinstance(self._fs, LocalFileSystem):
                    self._fs.pipe_file(path, content, mode="create")
                    return True
                temporary = self._written(path, content)
                try:
                    os.link(temporary, path)  # noqa: PTH - as above
                finally:
                    os.unlink(temporary)  # noqa: PTH108 - as above
            except FileExistsError:
                return False
        return True

    def _written(self, path: str, content: bytes) -> str:
        folder, _, name = path.rpartition("/")
        temporary = f"{folder}/.{name}.{uuid.uuid4().hex}"
        with open(temporary, "xb") as file:  # noqa: PTH123 - as above
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        return temporary

    def _path(self, relative: str) -> str:
        return f"{self._root}/{relative}".rstrip("/")


@contextlib.contextmanager
def _named(path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, ImportError) as error:
        msg = f"the registry cannot use {path}: {error}"
        raise RegistryFailed(msg, path=path) from error
