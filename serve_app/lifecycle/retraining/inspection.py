"""What a version has to be before it may answer anybody: it loads, fits, and costs no more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from serve_app.config.retraining import RetrainSettings, VersionGates
from serve_app.control.following import signature_differences
from serve_app.engine.lineage.card import card_of, lacking
from serve_app.engine.load import Loaded, load
from serve_app.lifecycle.gates import Gate, Verdict
from serve_app.lifecycle.retraining.cost import latencies_s, memory_bytes
from serve_app.lifecycle.retraining.effects import Ticket
from serve_app.registry.card_notes import CardNotes
from serve_app.registry.store import Registry


def inspected(
    registry: Registry, ticket: Ticket, version: int, champion: int | None
) -> Sequence[Gate]:
    """Load a version, which replays its sample, and hold it against the champion.

    Raises:
        ArtifactRejected: it does not load, or does not answer as it did when registered.
    """
    model = ticket.model
    wanted = RetrainSettings.model_validate(ticket.body.get("retrain") or {}).version
    loaded = load(registry, model, version)
    gates = [Gate("loads", None, None, 0, "passed"), *_of_itself(registry, loaded, wanted)]
    if champion is None:
        return gates
    standing = load(registry, model, champion)
    if wanted.fits_schema:
        before, now = standing.manifest.signature, loaded.manifest.signature
        problem = next(signature_differences(before, now), "")
        verdict: Verdict = "failed" if problem else "passed"
        gates.append(Gate("schema", None, None, 0, verdict, problem))
    if wanted.latency is not None:
        champion_s, challenger_s = latencies_s([standing, loaded])
        gates.append(_ratio("latency", challenger_s, champion_s, wanted.latency))
    if wanted.memory is not None:
        url = registry.url
        champion_b, challenger_b = (memory_bytes(url, model, one) for one in (champion, version))
        gates.append(_ratio("memory", challenger_b, champion_b, wanted.memory))
    return gates


def _of_itself(registry: Registry, loaded: Loaded, wanted: VersionGates) -> Iterator[Gate]:
    """What a version has to be whatever the champion is."""
    manifest = loaded.manifest
    if wanted.card:
        notes = CardNotes(registry.url).of(manifest.name, manifest.version)
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


def _ratio(name: str, challenger: float, champion: float, most: float) -> Gate:
    value = challenger / champion
    return Gate(name, value, most, 0, "passed" if value <= most else "failed")
