"""Versions of a registry, and which one is champion: moved from what was expected, or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from serve_app.control.following import signature_differences
from serve_app.errors import Conflict, NotFound
from serve_app.lifecycle.digests import digest_of
from serve_app.lifecycle.gates import Gate
from serve_app.lifecycle.retraining.effects import Promotion, Ticket
from serve_app.registry.aliases import CHAMPION, Expected
from serve_app.registry.store import Registry


@dataclass(frozen=True, slots=True)
class RegistryVersions:
    """The versions of one registry. Those that are `loaded` answer somewhere already."""

    registry: Registry
    loaded: frozenset[str] = frozenset()

    def champion(self, model: str) -> int | None:
        """The version that is champion now; none where no version is."""
        try:
            return self.registry.aliases(model).get(CHAMPION)
        except NotFound:
            return None

    def digest(self, model: str, version: int) -> str:
        """The digest of a version's manifest, in which those of all its files stand.

        Raises:
            NotFound: no such version.
            ArtifactRejected: it is damaged.
        """
        return digest_of(self.registry.manifest(model, version).model_dump(mode="json"))

    def inspect(self, ticket: Ticket, version: int, champion: int | None) -> Sequence[Gate]:
        """Load a version, which replays its sample, and hold it against the champion.

        Raises:
            ArtifactRejected: it does not load, or does not answer as it did when registered.
        """
        from serve_app.lifecycle.retraining.inspection import inspected  # noqa: PLC0415 - pandas

        return inspected(self.registry, ticket, version, champion)

    def check(self, model: str, version: int) -> None:
        """Make sure that a version loads, and takes and gives what the champion does.

        Raises:
            NotFound: no such version.
            ArtifactRejected: it does not load.
            Conflict: clients of the champion would notice.
        """
        if f"{model}@{version}" not in self.loaded:
            from serve_app.engine.load import load  # noqa: PLC0415 - pandas, and seconds with it

            load(self.registry, model, version)
        champion = self.champion(model)
        if champion is None:
            return
        before, now = (self.registry.manifest(model, one).signature for one in (champion, version))
        problem = next(signature_differences(before, now), None)
        if problem is not None:
            msg = f"{model}@{version} does not fit what {model}@{champion} does: {problem}"
            raise Conflict(msg)

    def promote(
        self, model: str, version: int, expected: int | None, *, mark: str, who: str
    ) -> Promotion:
        """Let a version be champion, if `expected` still is, and at most once for a mark.

        Raises:
            NotFound: no such version.
            NotPermitted: moves must be signed, and there is no key here.
        """
        if self._was_promoted(model, mark):
            return "promoted"
        try:
            self.registry.set_alias(
                model, CHAMPION, version, by=who, reason=mark, expected=Expected(expected)
            )
        except Conflict:
            # Another process may have done so for the same run at the same moment.
            return "promoted" if self._was_promoted(model, mark) else "moved by others"
        return "promoted"

    def _was_promoted(self, model: str, mark: str) -> bool:
        return any(move.reason == mark for move in self.registry.alias_history(model, CHAMPION))
