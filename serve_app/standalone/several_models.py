"""Models that are loaded and unloaded on request, as SageMaker asks its multi-model containers.

https://docs.aws.amazon.com/sagemaker/latest/dg/mms-container-apis.html. The platform unpacks a
model into a folder of its own, asks for it by `POST /models`, and unloads others where there is no
memory. It shows no credentials, so that what it may ask for is bounded otherwise: models of that
one folder alone, with signatures and without pickles as the settings want it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from serve_app.core.caller import Caller
from serve_app.core.reference import check_model
from serve_app.core.snapshot import Endpoint
from serve_app.engine.load import Loaded
from serve_app.engine.stages import Stage
from serve_app.engine.visible import require
from serve_app.errors import ConfigError, Conflict, InvalidInput, NotFound, NotPermitted, Overloaded
from serve_app.gateway.context import MANAGEMENT
from serve_app.gateway.wish import Wish
from serve_app.registry.manifest import Manifest

logger = logging.getLogger("serve_app.standalone")


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A version in a folder: the endpoint that it would answer, and what is needed to load it."""

    endpoint: Endpoint
    manifest: Manifest
    load: Callable[[], Loaded]


@dataclass(frozen=True, slots=True)
class _Model:
    """A model that answers, and where it lies."""

    folder: str
    endpoint: Endpoint
    version: Loaded


class SeveralModels:
    """Implements `Manages` for models below one folder.

    `read` reads which version a folder holds, as an endpoint of a name; `available` says how many
    bytes of memory are left; `show` lets endpoints answer by versions from then on.
    """

    def __init__(
        self,
        root: str,
        read: Callable[[str, str], StoredVersion],
        available: Callable[[], int],
        show: Callable[[Mapping[str, Endpoint], Mapping[str, Loaded]], None],
    ) -> None:
        self._root = Path(root)
        self._read = read
        self._available = available
        self._show = show
        self._models: dict[str, _Model] = {}
        # One at a time: two that are loaded at once would each count on the same memory.
        self._lock = asyncio.Lock()

    def url_of(self, endpoint: str) -> str | None:
        """The folder of a model that answers."""
        model = self._models.get(endpoint)
        return None if model is None else model.folder

    def reference(self, address: str) -> str:
        """The folder that an address names, where links do not lead elsewhere.

        Raises:
            InvalidInput: it is not below the folder of models, or there is none.
        """
        root = self._root.resolve()
        folder = root if "\0" in address else Path(address).resolve()
        if folder == root or not folder.is_relative_to(root):
            msg = f"{address[:200]!r} is not below {root}, where the platform puts models"
            raise InvalidInput(msg)
        if not folder.is_dir():
            raise InvalidInput(f"there is no folder {address[:200]!r}")
        return address

    async def add(self, wish: Wish, reference: str, *, replicas: int | None = None) -> str:  # noqa: ARG002
        """Load the model of a folder and let it answer; gives its version.

        Raises:
            Forbidden: who asks may not.
            InvalidInput: there is no model that can answer.
            Conflict: one of that name answers already.
            Overloaded: there is no memory for it.
            ArtifactRejected: it is not what was registered, or is not signed as it has to be.
        """
        name = wish.endpoint
        require(wish.caller, MANAGEMENT, name)
        check_model(name)
        folder = self.reference(reference)
        async with self._lock:
            if name in self._models:
                raise Conflict(f"model {name!r} is loaded already")
            stored = await asyncio.to_thread(self._stored, name, folder)
            version = self._same(stored.manifest)
            if version is None:
                self._check_memory(name, stored.manifest)
                version = await asyncio.to_thread(_loaded, name, stored)
            self._stand({**self._models, name: _Model(folder, stored.endpoint, version)})
        reference = stored.manifest.reference
        logger.info("model loaded", extra={"endpoint": name, "version": reference})
        return reference

    async def remove(self, wish: Wish) -> None:
        """Let a model answer no more.

        Raises:
            Forbidden: who asks may not.
            NotFound: there is none of that name.
        """
        name = wish.endpoint
        require(wish.caller, MANAGEMENT, name)
        async with self._lock:
            if name not in self._models:
                raise NotFound(f"model {name[:80]!r} is not loaded")
            self._stand({key: one for key, one in self._models.items() if key != name})
        logger.info("model unloaded", extra={"endpoint": name})

    async def reload(self, wish: Wish, stage: Stage) -> None:  # noqa: ARG002
        """Raises NotPermitted: a folder holds one version."""
        raise _not_so(wish)

    async def set_default(self, wish: Wish, stage: Stage, version: str) -> str:  # noqa: ARG002
        """Raises NotPermitted: a folder holds one version."""
        raise _not_so(wish)

    async def scale(self, wish: Wish, least: int, most: int, *, waits: bool = True) -> None:  # noqa: ARG002
        """Raises NotPermitted: one process has no replicas."""
        raise _not_so(wish)

    async def not_served(self, caller: Caller, served: Iterable[str]) -> Mapping[str, int]:  # noqa: ARG002
        """Nothing: what the platform has not asked for is not known here."""
        return {}

    def _stored(self, name: str, folder: str) -> StoredVersion:
        try:
            return self._read(name, folder)
        except ConfigError as error:
            raise InvalidInput(error.message, **error.details) from error

    def _same(self, manifest: Manifest) -> Loaded | None:
        """The same version where another name has it already; two names share it then.

        Raises:
            InvalidInput: it is another one of the same name and number.
        """
        for name, one in self._models.items():
            known = one.version.manifest
            if known.reference != manifest.reference:
                continue
            if known.digest != manifest.digest:
                # Not 409: the platform takes that for a model that answers already.
                raise InvalidInput(
                    f"model {name!r} is {known.reference}, too, and another one: "
                    "register one of them under another name"
                )
            return one.version
        return None

    def _check_memory(self, name: str, manifest: Manifest) -> None:
        wanted, left = sum(file.size_bytes for file in manifest.files), self._available()
        if wanted > left:
            msg = (
                f"the files of model {name!r} take {wanted // 2**20} MiB, and {left // 2**20} MiB "
                "of memory are left; unload another model first"
            )
            raise Overloaded(msg)

    def _stand(self, models: dict[str, _Model]) -> None:
        endpoints = {name: one.endpoint for name, one in models.items()}
        versions = {one.version.manifest.reference: one.version for one in models.values()}
        self._show(endpoints, versions)
        self._models = models


def _loaded(name: str, stored: StoredVersion) -> Loaded:
    try:
        return stored.load()
    except MemoryError as error:
        msg = f"there is no memory for model {name!r}; unload another model first"
        raise Overloaded(msg) from error


def _not_so(wish: Wish) -> NotPermitted:
    return NotPermitted(
        f"{wish.by} cannot change {wish.endpoint[:80]!r} so: here, models are loaded by "
        "POST /models and unloaded by DELETE /models/{name}"
    )
