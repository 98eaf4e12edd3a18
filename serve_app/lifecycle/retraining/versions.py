"""Versions of a registry, and which one is champion: moved from what was expected, or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from serve_app.config.retraining import RetrainSettings, VersionGates
from serve_app.control.following import signature_differences
from serve_app.engine.lineage.card import card_of, lacking
from serve_app.engine.load import Loaded, load
from serve_app.errors import Conflict, NotFound
from serve_app.lifecycle.champion import ALIAS
from serve_app.lifecycle.digests import digest_of
from serve_app.lifecycle.gates import Gate, Verdict
from serve_app.lifecycle.retraining.cost import latencies_s, memory_bytes
from serve_app.lifecycle.retraining.effects import Promotion, Ticket
from serve_app.registry.aliases import Expected
from serve_app.registry.card_notes import CardNotes
from serve_app.registry.store import Registry


@dataclass(frozen=True, slots=True)
class RegistryVersions:
    """The versions of one registry. Those that are `loaded` answer somewhere already."""

    registry: Registry
    loaded: frozenset[str] = frozenset()

    def champion(self, model: str) -> int | None:
        """The version that is champion now; none where no version is."""
        try:
            return self.registry.aliases(model).get(ALIAS)
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
        model = ticket.model
        wanted = RetrainSettings.model_validate(ticket.body.get("retrain") or {}).version
        loaded = load(self.registry, model, version)
        gates = [Gate("loads", None, None, 0, "passed"), *self._of_itself(loaded, wanted)]
        if champion is None:
            return gates
        standing = load(self.registry, model, champion)
        if wanted.fits_schema:
            before, now = standing.manifest.signature, loaded.manifest.signature
            problem = next(signature_differences(before, now), "")
            verdict: Verdict = "failed" if problem else "passed"
            gates.append(Gate("schema", None, None, 0, verdict, problem))
        if wanted.latency is not None:
            champion_s, challenger_s = latencies_s([standing, loaded])
            gates.append(_ratio("latency", challenger_s, champion_s, wanted.latency))
        if wanted.memory is not None:
            url = self.registry.url
            champion_b, challenger_b = (
                memory_bytes(url, model, one) for one in (champion, version)
            )
            gates.append(_ratio("memory", challenger_b, champion_b, wanted.memory))
        return gates

    def _of_itself(self, loaded: Loaded, wanted: VersionGates) -> Iterator[Gate]:
        """What a version has to be whatever the champion is."""
        manifest = loaded.manifest
        if wanted.card:
            notes = CardNotes(self.registry.url).of(manifest.name, manifest.version)
            missing = lacking(card_of(manifest, notes), wanted.card)
            reason = (
                f"its card lacks {' and '.join(missing)}: name a file with that section in "
                "card.add of the pipeline"
            )
            yield Gate(
                "card", float(len(missing)), 0.0, 0, "failed" if missing else "passed",
                reason if missing else "",
            )  # fmt: skip
        if wanted.compiled:
            compiled = manifest.compiled
            computes = compiled is not None and compiled.served
            reason = "" if computes else "its own library computes, not its compiled form"
            yield Gate("compiled", None, None, 0, "passed" if computes else "failed", reason)

    def check(self, model: str, version: int) -> None:
        """Make sure that a version loads, and takes and gives what the champion does.

        Raises:
            NotFound: no such version.
            ArtifactRejected: it does not load.
            Conflict: clients of the champion would notice.
        """
        if f"{model}@{version}" not in self.loaded:
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
                model, ALIAS, version, by=who, reason=mark, expected=Expected(expected)
            )
        except Conflict:
            # Another process may have done so for the same run at the same moment.
            return "promoted" if self._was_promoted(model, mark) else "moved by others"
        return "promoted"

    def _was_promoted(self, model: str, mark: str) -> bool:
        return any(move.reason == mark for move in self.registry.alias_history(model, ALIAS))


def _ratio(name: str, challenger: float, champion: float, most: float) -> Gate:
    value = challenger / champion
    return Gate(name, value, most, 0, "passed" if value <= most else "failed")
