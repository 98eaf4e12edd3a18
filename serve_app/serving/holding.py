"""The versions that one replica holds: its own, or those that its alias names."""

import asyncio
import gc
import logging
from collections.abc import Callable, Collection, Mapping, Sequence

from serve_app.core.ports import Clock
from serve_app.core.reference import alias_of, model_of, split_version
from serve_app.engine.load import Loaded
from serve_app.errors import NotReady, ServeError
from serve_app.registry.manifest import Manifest
from serve_app.serving.gc_tuning import collect_rarely

Load = Callable[[int], Loaded]
Named = Callable[[], Sequence[int]]
"""The numbers of the versions that an alias has named, in their order: now the last."""
logger = logging.getLogger("serve_app.model")


def _first_that_loads(numbers: list[int], load: Load) -> tuple[int, Loaded]:
    refusals: list[ServeError] = []
    for number in dict.fromkeys(numbers):
        try:
            return number, load(number)
        except ServeError as error:
            logger.error("a version cannot be loaded", exc_info=error, extra={"version": number})
            refusals.append(error)
    raise refusals[0]


class Holding:
    """Holds the version of a reference, and, where that is an alias, the next one beside it.

    `load` reads and verifies a version by its number, `named` gives those that may be held, what
    is named now last. Where that cannot be loaded, one that was named before is: endpoints go on
    with it, and a replica that cannot start could not answer for them.

    Raises:
        NotFound: there is no such alias, and never was.
        ServeError: no version can be loaded; it is the error of the one that is named now.
    """

    def __init__(self, reference: str, *, load: Load, named: Named, clock: Clock) -> None:
        self._reference = reference
        self._load = load
        self._named = named
        self._clock = clock
        self._model = model_of(reference)
        number, loaded = _first_that_loads(list(reversed(list(named()))), load)
        version = f"{self._model}@{number}"
        self._loaded = {version: loaded}
        self._used_s = {version: clock()}
        self._loading: dict[str, asyncio.Task[Loaded]] = {}

    async def version(self, version: str) -> Loaded:
        """A version that a call names; one of the alias's that is not held is loaded for it.

        Raises:
            NotReady: it is none of those that this replica may hold.
            ServeError: it cannot be loaded.
        """
        loaded = self._loaded.get(version)
        if loaded is None:
            loaded = await self._brought(version)
        self._used_s[version] = self._clock()
        return loaded

    def digest(self, version: str) -> str:
        """The digest of what is held of a version; empty where it is not."""
        loaded = self._loaded.get(version)
        return "" if loaded is None else loaded.manifest.digest

    def manifests(self) -> list[Manifest]:
        """What is registered of the versions that are held."""
        return [loaded.manifest for loaded in self._loaded.values()]

    async def hold(
        self, versions: Collection[str], release_after_s: float, former: Collection[str] = ()
    ) -> Mapping[str, str]:
        """Hold these versions; others go once nobody asked for them for `release_after_s`.

        Those of `former` that are held stay as well; none is loaded for that. What comes back are
        the digests of all that is held. Where one cannot be loaded the others are held all the
        same.

        Raises:
            NotReady: one is none of those that this replica may hold.
            ServeError: one cannot be loaded.
        """
        tried = await asyncio.gather(*map(self.version, versions), return_exceptions=True)
        # A replica without any version could answer nobody.
        if versions and not any(isinstance(one, BaseException) for one in tried):
            self._release(frozenset((*versions, *former)), release_after_s)
        for one in tried:
            if isinstance(one, BaseException):
                raise one
        return {version: self.digest(version) for version in self._loaded}

    def _release(self, wanted: frozenset[str], release_after_s: float) -> None:
        now_s = self._clock()
        idle = {v for v, used_s in self._used_s.items() if now_s - used_s > release_after_s}
        gone = idle - wanted
        for version in gone:
            # What was used last may have been let go already.
            self._loaded.pop(version, None)
            del self._used_s[version]
            logger.info("version let go", extra={"version": version})
        if gone:
            # What stood at the start is never looked at for cycles otherwise.
            gc.unfreeze()
            collect_rarely()

    async def _brought(self, version: str) -> Loaded:
        """Load a version once, however many want it."""
        task = self._loading.get(version)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._checked_and_loaded(version))
            self._loading[version] = task
            task.add_done_callback(lambda _: self._loading.pop(version))
        return await asyncio.shield(task)

    async def _checked_and_loaded(self, version: str) -> Loaded:
        model, number = split_version(version)
        alias = alias_of(self._reference)
        if model != self._model or alias is None:
            msg = f"{version} is asked of a replica that holds {self._reference}"
            raise NotReady(msg)
        if number not in await asyncio.to_thread(self._named):
            msg = f"{version} is asked of a replica of {self._reference}, which never named it"
            raise NotReady(msg)
        loaded = await asyncio.to_thread(self._load, number)
        self._loaded[version] = loaded
        self._used_s[version] = self._clock()
        logger.info("version loaded", extra={"version": version})
        return loaded
