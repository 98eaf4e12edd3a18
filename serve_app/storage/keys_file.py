"""API keys in a file: for one process without a cluster."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from serve_app.core.access import KeyRecord
from serve_app.errors import ConfigError, RegistryFailed
from serve_app.registry.exclusive import temporary_beside

MODE = 0o600


class KeysFile:
    """Implements the `KeyStore` port of `control.keys`: a JSON document, replaced whole.

    It holds digests and no key; whoever may write it lets in whom they like, so that nobody else
    than its owner may read or write it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def all(self) -> list[KeyRecord]:
        """Every key that there ever was; none where there is no file.

        Raises:
            ConfigError: it is no file of keys.
        """
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            msg = f"the file of keys {self.path} cannot be read: {error}"
            raise ConfigError(msg) from error
        try:
            return [KeyRecord.from_json(one) for one in json.loads(text)["keys"]]
        except (ValueError, TypeError, KeyError, AttributeError):
            msg = (
                f"{self.path} is no file of keys; make one with "
                f"`serve-app keys create NAME --scope predict --file {self.path.name}`"
            )
            raise ConfigError(msg) from None

    def put(self, *records: KeyRecord) -> None:
        """Keep all of these or none, each in place of what was kept of its id.

        Raises:
            ConfigError: the present file is no file of keys.
            RegistryFailed: it cannot be written.
        """
        known = {one.id: one for one in self.all()}
        known.update((one.id, one) for one in records)
        text = json.dumps({"keys": [one.to_json() for one in known.values()]}, indent=1)
        made = temporary_beside(self.path)
        try:
            descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            made.replace(self.path)
        except OSError as error:
            msg = f"the file of keys {self.path} cannot be written: {error}"
            raise RegistryFailed(msg, path=str(self.path)) from error
        finally:
            with suppress(OSError):
                made.unlink()

    def stamp(self) -> tuple[int, int]:
        """Something that differs after each change; zeros where there is no file."""
        try:
            status = self.path.stat()
        except OSError:
            return 0, 0
        return status.st_mtime_ns, status.st_ino
