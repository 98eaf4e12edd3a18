"""A file that people wrote is replaced whole, unless somebody else changed it meanwhile."""

from __future__ import annotations

import difflib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from serve_app.errors import ConfigError, Conflict


@dataclass(frozen=True, slots=True)
class FileChange:
    """What a file held when it was read, and what it will hold."""

    file: Path
    before: str
    after: str

    def diff(self) -> str:
        """The lines that differ, as `diff -u` shows them."""
        lines = difflib.unified_diff(
            self.before.splitlines(), self.after.splitlines(), str(self.file), str(self.file),
            lineterm="",
        )  # fmt: skip
        return "\n".join(lines)

    def write(self) -> None:
        """Replace the file in one step; whoever reads it meanwhile reads all of either.

        Raises:
            Conflict: it is not as it was read.
            ConfigError: it cannot be written.
        """
        # A link stays one.
        file = self.file.resolve()
        try:
            with tempfile.NamedTemporaryFile(
                "w", encoding="utf-8", newline="", dir=file.parent, prefix=f".{file.name}.",
                delete=False,
            ) as temporary:  # fmt: skip
                temporary.write(self.after)
            self._replaced(file, Path(temporary.name))
        except OSError as error:
            raise ConfigError(f"{self.file} cannot be written: {error.strerror}") from error

    def _replaced(self, file: Path, temporary: Path) -> None:
        try:
            shutil.copymode(file, temporary)
            if read_text(file) != self.before:
                raise Conflict(
                    f"{self.file} was changed meanwhile and is left as it is; run this again"
                )
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)


def read_text(file: Path) -> str:
    """A text with the ends of its lines as they are.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError: it is not UTF-8.
    """
    return file.read_bytes().decode("utf-8")
