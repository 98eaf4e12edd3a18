"""The last step of a run: what people say goes on the cards of its versions, which are written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from serve_app.config.pipeline import PipelineSettings
from serve_app.engine.lineage.card import GENERATED_SECTIONS, card_of
from serve_app.engine.lineage.card_text import markdown
from serve_app.engine.lineage.sections import sections_of
from serve_app.errors import InvalidInput
from serve_app.lifecycle.steps import Work
from serve_app.registry.card_notes import CardNotes
from serve_app.registry.store import Registry
from serve_app.registry.user import current_user

FOLDER = "cards"


def sections(settings: PipelineSettings) -> list[tuple[str, str]]:
    """All sections that the pipeline adds, in the order of its files.

    Raises:
        InvalidInput: a file cannot be read, or holds no sections.
    """
    return [part for file in settings.card.add for part in sections_of(Path(file), "card.add")]


def check_sections(settings: PipelineSettings, titles: Sequence[str]) -> None:
    """Let pass what cards are to have, where it is written by itself or stands in the files.

    Raises:
        InvalidInput: nobody would write a section; or a file of sections cannot be read.
    """
    known = [*GENERATED_SECTIONS, *(heading for heading, _ in sections(settings))]
    there = {title.casefold() for title in known}
    missing = [title for title in titles if title.strip().casefold() not in there]
    if missing:
        msg = (
            f"retrain.version.card wants {' and '.join(missing)}, which no file of card.add has; "
            f"written by themselves are {', '.join(GENERATED_SECTIONS)}"
        )
        raise InvalidInput(msg)


def write_cards(work: Work, registry: Registry, versions: Sequence[int]) -> list[str]:
    """Add the pipeline's sections to the cards of versions and write these into the run's folder.

    A section that stands on a card already is not added again. Gives the files' names.

    Raises:
        InvalidInput: a file of sections cannot be read, or holds none.
        RegistryFailed: the registry cannot be written.
    """
    notes, added = CardNotes(registry.url), sections(work.settings)
    model, folder = work.settings.model, work.folder / FOLDER
    folder.mkdir(exist_ok=True)
    names = []
    for version in versions:
        known = {(note.heading, note.text) for note in notes.of(model, version)}
        for heading, text in added:
            if (heading, text) not in known:
                notes.add(model, version, heading, text, by=current_user())
        card = card_of(registry.manifest(model, version), notes.of(model, version))
        name = f"{model}@{version}.md"
        partial = folder / f".{name}.part"
        partial.write_text(markdown(card), "utf-8")
        partial.replace(folder / name)
        names.append(f"{FOLDER}/{name}")
    return names
