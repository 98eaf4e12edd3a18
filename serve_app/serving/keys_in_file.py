"""Keys that gateways of a cluster read from a file, such as a secret that Kubernetes mounts."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from serve_app.core.access import KeyRecord
from serve_app.errors import ConfigError
from serve_app.storage.keys_file import KeysFile

PERIOD_S = 1.0
"""How often it is looked whether the file is another one."""
logger = logging.getLogger("serve_app.gateway")


class KeysInFile:
    """The keys of a file, as they were when it could be read last.

    Raises:
        ConfigError: there is no such file, or it is none of keys.
    """

    def __init__(self, path: str) -> None:
        self._file = KeysFile(Path(path))
        if not self._file.path.is_file():
            msg = (
                f"there is no file of keys {path}; make one with `serve-app keys create NAME "
                f"--scope predict --file {path}`, and bring it to every machine"
            )
            raise ConfigError(msg)
        self._stamp = self._file.stamp()
        self.records: tuple[KeyRecord, ...] = tuple(self._file.all())

    async def follow(self, changed: Callable[[], None]) -> None:
        """Read the file again whenever it has changed, and say so; for ever."""
        while True:
            await asyncio.sleep(PERIOD_S)
            if await asyncio.to_thread(self.look):
                changed()

    def look(self) -> bool:
        """Whether other keys are read now; where the file is gone or broken, former ones stay."""
        stamp = self._file.stamp()
        if stamp == self._stamp:
            return False
        if not self._file.path.is_file():
            # While a mounted secret is replaced there may be none for a moment.
            return False
        try:
            records = tuple(self._file.all())
        except ConfigError as error:
            logger.error("the keys of before go on", extra={"why": error.message})
            self._stamp = stamp
            return False
        self._stamp, self.records = stamp, records
        return True
