"""Notes on cards are added one after the other, on every kind of place that a registry is in."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from serve_app.errors import InvalidInput
from serve_app.registry.card_notes import MOST_CHARACTERS, CardNote, CardNotes
from serve_app.registry.store import Registry
from tests.contract.registries import at_noon, draft

NAME = "diagnosis-xgb"


@pytest.fixture
def notes(url: str) -> CardNotes:
    return CardNotes(url, now=at_noon)


def test_what_was_written_stays_in_its_order(registry: Registry, notes: CardNotes) -> None:
    registry.register(draft(), {})
    assert notes.of(NAME, 1) == []
    first = notes.add(NAME, 1, " Intended use ", "Screening.\n", by="ada")
    assert first == CardNote("Intended use", "Screening.", "2026-11-21T12:00:00+00:00", "ada")
    second = notes.add(NAME, 1, "Intended use", "Not in hospitals.", by="bob")
    assert notes.of(NAME, 1) == [first, second]
    assert notes.of(NAME, 2) == []
    assert registry.models() == [NAME]
    assert registry.versions(NAME) == [1]
    assert registry.register(draft(), {}).version == 2


@pytest.mark.parametrize(
    ("heading", "text"),
    [(" ", "x"), ("Use", " \n"), ("Use", "x" * (MOST_CHARACTERS + 1))],
)
def test_a_note_that_says_nothing_or_too_much_is_refused(
    notes: CardNotes, heading: str, text: str
) -> None:
    with pytest.raises(InvalidInput, match="a note needs a heading"):
        notes.add(NAME, 1, heading, text, by="ada")
    with pytest.raises(InvalidInput, match="cannot name a model"):
        notes.add("../x", 1, "Use", "x", by="ada")
    assert notes.of(NAME, 1) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"heading": 1}'])
def test_a_damaged_note_is_passed_over_with_a_warning(
    notes: CardNotes,
    put: Callable[[str, bytes], None],
    caplog: pytest.LogCaptureFixture,
    content: bytes,
) -> None:
    first = notes.add(NAME, 1, "Use", "x", by="ada")
    put(f"{NAME}/notes/1/2.json", content)
    assert notes.of(NAME, 1) == [first]
    assert "notes/1/2.json is damaged" in caplog.text
    third = notes.add(NAME, 1, "Use", "y", by="ada")
    assert notes.of(NAME, 1) == [first, third]


@pytest.mark.parametrize("url", ["folder", "memory"], indirect=True)
def test_of_notes_that_are_written_at_once_all_stand(notes: CardNotes) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: notes.add(NAME, 1, "Use", f"text {n}", by="ada"), range(12)))
    assert sorted(one.text for one in notes.of(NAME, 1)) == sorted(f"text {n}" for n in range(12))


def test_a_model_that_is_deleted_leaves_no_notes(registry: Registry, notes: CardNotes) -> None:
    registry.register(draft(), {})
    notes.add(NAME, 1, "Use", "x", by="ada")
    registry.delete_model(NAME)
    assert notes.of(NAME, 1) == []
