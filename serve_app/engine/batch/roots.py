"""Files that strangers name: only those below roots that the operator names."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Sequence

from serve_app.batch.inputs import Form, Place, places
from serve_app.engine.batch.output import place_named
from serve_app.errors import Forbidden, InvalidInput, TooLarge

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_SIGNS = re.compile(r"[*?\[]")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_MIB = 1024 * 1024
MOST_INPUTS = 1_000


class Roots:
    """Below `inputs`, folders and URLs, everything may be read; below `output` jobs write.

    `destinations` are further ones for output that is named by a URL, and for that of jobs in the
    words of other systems.
    """

    def __init__(
        self,
        inputs: Sequence[str],
        output: str,
        max_input_bytes: int,
        destinations: Sequence[str] = (),
    ) -> None:
        self._inputs = tuple(one.rstrip("/") for one in inputs)
        self._output = output.rstrip("/")
        self._destinations = tuple(one.rstrip("/") for one in (output, *destinations))
        self.max_input_bytes = max_input_bytes

    def places(self, given: Sequence[str], form: Form | None = None) -> list[Place]:
        """The files that paths, folders and patterns name, all of them below a root.

        A relative path begins at the first root. Where a `form` is given, all are of that.

        Raises:
            InvalidInput: one names nothing, or a file of no kind that is read.
            Forbidden: one is outside of all roots, also by a link.
            TooLarge: they are more than a request may have read.
        """
        if not given or len(given) > MOST_INPUTS:
            raise InvalidInput(f"name 1 to {MOST_INPUTS:,} files, folders or patterns as input")
        matched = places([self._within(one) for one in given], self._output, form)
        for one in matched:
            if not self._holds(one.path):
                raise self._outside(one.path)
        size = sum(one.size for one in matched)
        if size > self.max_input_bytes:
            msg = (
                f"the input has {size / _MIB:,.0f} MiB, and {self.max_input_bytes / _MIB:,.0f} "
                "MiB may be submitted over HTTP: use serve-app jobs submit, or several jobs"
            )
            raise TooLarge(msg)
        return matched

    def output(self, name: str) -> str:
        """The place of a job's output: that of a plain name below `output`, or of a URL.

        Raises:
            InvalidInput: it is neither, or no storage that output is written to.
            Forbidden: the URL is not below `output` or one of `destinations`.
        """
        if _is_url(name):
            self.check_destination(name)
            if name.rstrip("/") in self._destinations:
                raise InvalidInput(f"{name} holds the output of many jobs: name a folder below it")
            return place_named(name)
        if not _NAME.fullmatch(name):
            msg = (
                "'output' must be the name of a folder, of letters, digits and '._-', or the URL "
                f"of one in a storage; got {name[:80]!r}"
            )
            raise InvalidInput(msg)
        return place_named(f"{self._output}/{name}")

    def check_destination(self, place: str) -> None:
        """Return where output may be put below a folder or URL.

        Raises:
            Forbidden: it may not.
        """
        plain = "\0" not in place and "::" not in place
        if not plain or not any(_is_below(place, root) for root in self._destinations):
            roots = ", ".join(self._destinations)
            msg = f"{place[:200]!r} may not be written to; output has to be below {roots}"
            raise Forbidden(msg)

    def _within(self, text: str) -> str:
        """A path or URL as it is read; checked before anything looks whether it is there."""
        if "\0" in text or "::" in text:
            raise self._outside(text)
        if not _SCHEME.match(text) and not text.startswith("/"):
            text = f"{self._inputs[0]}/{text}"
        if not self._holds(_SIGNS.split(text)[0] if _SIGNS.search(text) else text):
            raise self._outside(text)
        return text

    def _holds(self, path: str) -> bool:
        return any(_is_below(path, root) for root in self._inputs)

    def _outside(self, text: str) -> Forbidden:
        roots = ", ".join(self._inputs)
        return Forbidden(f"{text[:200]!r} may not be read; input has to be below {roots}")


def _is_below(path: str, root: str) -> bool:
    if _is_url(root) != _is_url(path):
        return False
    if _is_url(root):
        # No storage knows links, but some read dots, and others encoded ones.
        parts = path.split("/")
        within = path.rstrip("/") == root or path.startswith(f"{root}/")
        return within and not {"..", "."} & set(parts) and "%" not in path
    real = os.path.realpath(path)
    return posixpath.commonpath([real, os.path.realpath(root)]) == os.path.realpath(root)


def _is_url(text: str) -> bool:
    return bool(_SCHEME.match(text))
