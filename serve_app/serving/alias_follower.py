"""Lets the endpoints that stand follow the registry's aliases."""

import asyncio
import functools
import logging
import time
from collections.abc import Mapping
from typing import Any

from ray import serve

from serve_app.control import changes
from serve_app.control.declare import read
from serve_app.control.former import Histories, former_versions
from serve_app.control.snapshots import Snapshots
from serve_app.core.events import Event
from serve_app.core.ports import Clock
from serve_app.errors import ServeError
from serve_app.registry.aliases import AliasMove
from serve_app.registry.store import Registry

Named = Mapping[str, Mapping[str, int]]
"""The numbers of versions that aliases name, by model and alias."""
AGAIN_AFTER_S = 30.0
"""How long endpoints that cannot follow are not described again while no alias moves."""
logger = logging.getLogger("serve_app.control")


class AliasFollower:
    """Looks what aliases name and which applications there are, and lets both be known."""

    def __init__(
        self, registry: Registry, snapshots: Snapshots, *, clock: Clock, keep_former_s: float = 0.0
    ) -> None:
        """Keep versions that were replaced for `keep_former_s`; `clock` is of this process."""
        self._registry = registry
        self._keep_former_s = keep_former_s
        self._histories: Histories = {}
        self._histories_of: Named | None = None
        self._snapshots = snapshots
        self._clock = clock
        self._declared: Mapping[str, Any] | None = None
        self._read_for: Named | None = None
        self._read_s = 0.0
        # Of two looks at once, the one that read first could speak last.
        self._one_at_a_time = asyncio.Lock()

    def accept(self, user_config: Mapping[str, Any]) -> None:
        """Take the declaration that stands, as it was written."""
        self._declared, self._read_for = user_config, None

    async def look(self) -> list[Event]:
        """Take what is named and there now; gives what changed by that.

        What cannot be read stays as it was read last.

        Raises:
            RegistryFailed: what was read cannot be kept, so that nothing changed.
        """
        async with self._one_at_a_time:
            await self.see_applications()
            models = sorted(self._snapshots.models())
            try:
                named = await asyncio.to_thread(self._named, models)
            except ServeError as error:
                logger.warning("the aliases cannot be read", extra={"why": error.message})
                return []
            moved = await self._moved(models, named)
            # Before the next version takes over: the former one does not cease to be ready.
            self._keep_former()
            return [*moved, *await self._followed(named)]

    async def see_applications(self) -> None:
        """Take which applications there are, where endpoints may be in those of aliases."""
        follows = set(self._snapshots.follows().values())
        if not follows & set(self._snapshots.placed()):
            return
        try:
            status = await asyncio.to_thread(serve.status)
        except Exception as error:  # noqa: BLE001 - whatever Ray raises: it is asked again
            logger.warning("the applications cannot be read", extra={"why": type(error).__name__})
            return
        self._snapshots.set_applications(frozenset(status.applications))

    def _named(self, models: list[str]) -> Named:
        return {model: self._registry.aliases(model) for model in models}

    async def _moved(self, models: list[str], named: Named) -> list[Event]:
        before = self._snapshots.current.aliases
        self._snapshots.set_aliases(named)
        if self._histories_of != named:
            try:
                self._histories = await asyncio.to_thread(self._moves_of, models)
            except ServeError as error:
                logger.warning("moves of aliases cannot be read", extra={"why": error.message})
                self._histories = {}
            else:
                self._histories_of = named
        if before == named:
            return []
        return list(changes.aliases_moved(time.time(), before, named, self._last_moves()))

    def _keep_former(self) -> None:
        follows, now_s = self._snapshots.follows(), time.time()
        kept = former_versions(follows, self._histories, now_s, self._keep_former_s)
        self._snapshots.keep_former(kept)

    async def _followed(self, named: Named) -> list[Event]:
        behind = self._snapshots.is_behind() or self._snapshots.held
        if self._declared is None or not behind:
            return []
        now_s = self._clock()
        if self._read_for == named and now_s - self._read_s < AGAIN_AFTER_S:
            return []
        describe = functools.partial(
            read, self._declared, self._registry.manifest, self._registry.resolve
        )
        declaration = await asyncio.to_thread(describe)
        before = self._snapshots.held
        self._snapshots.follow(declaration)
        self._read_for, self._read_s = named, now_s
        return list(changes.held(time.time(), before, self._snapshots.held))

    def _moves_of(self, models: list[str]) -> Histories:
        return {model: self._registry.alias_histories(model) for model in models}

    def _last_moves(self) -> dict[tuple[str, str], AliasMove]:
        """The last move of each alias."""
        return {
            (model, alias): moves[-1]
            for model, aliases in self._histories.items()
            for alias, moves in aliases.items()
            if moves
        }
