"""Deleting versions, and numbers that are never used again, wherever a registry is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fsspec
import pytest

from serve_app.errors import Conflict, NotFound, RegistryFailed
from serve_app.registry.store import Registry
from tests.contract.registries import FILES, draft

MODEL = "diagnosis-xgb"


@pytest.fixture
def away(url: str) -> Callable[[str], None]:
    """Deletes a folder behind the registry's back."""

    def away(folder: str) -> None:
        fs, root = fsspec.url_to_fs(url)
        fs.rm(f"{root}/{folder}".rstrip("/"), recursive=True)

    return away


@pytest.fixture
def left(url: str) -> Callable[[], list[str]]:
    """The paths of all files of the registry, the record of numbers excepted."""

    def left() -> list[str]:
        fs, root = fsspec.url_to_fs(url)
        fs.invalidate_cache()
        found = (str(path).partition(root.strip("/"))[2].strip("/") for path in fs.find(root))
        return sorted(path for path in found if not path.startswith("_numbers"))

    return left


def registered(registry: Registry, count: int) -> None:
    for _ in range(count):
        registry.register(draft(), FILES)


def test_a_deleted_version_is_gone_and_the_others_stay(
    registry: Registry, url: str, left: Callable[[], list[str]]
) -> None:
    registered(registry, 3)
    registry.delete(MODEL, 2)
    assert Registry(url).versions(MODEL) == [1, 3]
    assert not [path for path in left() if path.startswith(f"{MODEL}/2")]
    with pytest.raises(NotFound, match=r"no version 2 \(it was deleted\); it has 1, 3"):
        registry.read(MODEL, 2)
    assert registry.read(MODEL, 3).files == FILES


def test_the_number_of_a_deleted_version_is_not_used_again(registry: Registry, url: str) -> None:
    registered(registry, 2)
    registry.delete(MODEL, 2)
    assert Registry(url).register(draft(), {}).version == 3


def test_a_deleted_model_leaves_nothing_but_its_numbers(
    registry: Registry, url: str, left: Callable[[], list[str]]
) -> None:
    registered(registry, 2)
    registry.register(draft("cultivar"), {})
    registry.set_alias(MODEL, "champion", 2, by="ada")
    registry.remove_alias(MODEL, "champion", by="ada")
    assert registry.delete_model(MODEL) == [1, 2]
    assert Registry(url).models() == ["cultivar"]
    assert not [path for path in left() if path.startswith(MODEL)]
    assert registry.register(draft(), {}).version == 3
    assert registry.alias_history(MODEL, "champion") == []


@pytest.mark.parametrize("folder", [f"{MODEL}/2", MODEL])
def test_a_number_is_not_used_again_when_its_folder_was_deleted_by_hand(
    registry: Registry, url: str, away: Callable[[str], None], folder: str
) -> None:
    registered(registry, 2)
    away(folder)
    assert registry.register(draft(), {}).version == 3
    assert Registry(url).register(draft(), {}).version == 4


def test_a_registry_without_a_record_of_numbers_goes_on_after_its_highest(
    registry: Registry, away: Callable[[str], None]
) -> None:
    registered(registry, 3)
    away("_numbers")
    registry.delete(MODEL, 1)
    assert registry.register(draft(), {}).version == 4
    assert registry.versions(MODEL) == [2, 3, 4]


def test_a_registry_without_a_record_of_numbers_knows_those_of_its_aliases(
    registry: Registry, away: Callable[[str], None]
) -> None:
    registered(registry, 3)
    registry.set_alias(MODEL, "champion", 3, by="ada")
    registry.set_alias(MODEL, "champion", 1, by="ada")
    away("_numbers")
    away(f"{MODEL}/3")
    assert registry.register(draft(), {}).version == 4


def test_a_number_that_an_older_release_claimed_meanwhile_is_left_to_it(
    registry: Registry, put: Callable[[str, bytes], None]
) -> None:
    registered(registry, 1)
    put(f"{MODEL}/2/.claim", b"{}")
    assert registry.register(draft(), {}).version == 3


def test_a_version_that_an_alias_names_is_not_deleted(registry: Registry) -> None:
    registered(registry, 2)
    registry.set_alias(MODEL, "champion", 2, by="ada")
    with pytest.raises(Conflict, match=rf"{MODEL}@2 is not deleted.*'champion'"):
        registry.delete(MODEL, 2)
    with pytest.raises(Conflict, match="'champion'"):
        registry.delete_model(MODEL)
    assert registry.versions(MODEL) == [1, 2]
    registry.delete(MODEL, 1)
    registry.remove_alias(MODEL, "champion", by="ada", reason="no longer")
    assert registry.aliases(MODEL) == {}
    last = registry.alias_history(MODEL, "champion")[-1]
    assert (last.version, last.previous, last.reason) == (None, 2, "no longer")
    registry.delete(MODEL, 2)
    assert registry.models() == []


def test_an_alias_that_was_removed_can_be_set_again(registry: Registry) -> None:
    registered(registry, 1)
    registry.set_alias(MODEL, "champion", 1, by="ada")
    registry.remove_alias(MODEL, "champion", by="ada")
    with pytest.raises(NotFound, match="no alias 'champion'"):
        registry.remove_alias(MODEL, "champion", by="ada")
    registry.set_alias(MODEL, "champion", 1, by="ada")
    assert registry.alias(MODEL, "champion") == 1
    assert [m.version for m in registry.alias_histories(MODEL)["champion"]] == [1, None, 1]


def test_what_is_not_there_cannot_be_deleted(registry: Registry) -> None:
    registered(registry, 1)
    with pytest.raises(NotFound, match="has no version 2; it has 1"):
        registry.delete(MODEL, 2)
    for name in ("diagnosis-xg", "../diagnosis-xgb", ""):
        with pytest.raises(NotFound, match="no model"):
            registry.delete(name, 1)
        with pytest.raises(NotFound, match="no model"):
            registry.delete_model(name)
    registry.delete(MODEL, 1)
    with pytest.raises(NotFound, match="no model"):
        registry.delete(MODEL, 1)


def test_a_version_that_is_being_registered_cannot_be_deleted(
    registry: Registry, put: Callable[[str, bytes], None]
) -> None:
    registered(registry, 1)
    put(f"{MODEL}/2/.claim", b"{}")
    put(f"{MODEL}/2/model.ubj", b"half")
    with pytest.raises(NotFound, match="no version 2"):
        registry.delete(MODEL, 2)
    assert registry.delete_model(MODEL) == [1]
    with pytest.raises(NotFound):
        registry.manifest(MODEL, 1)


def test_a_version_with_a_damaged_manifest_can_be_deleted(
    registry: Registry, put: Callable[[str, bytes | None], None]
) -> None:
    registered(registry, 2)
    put(f"{MODEL}/1/manifest.json", b"{")
    registry.delete(MODEL, 1)
    assert registry.versions(MODEL) == [2]


def test_what_was_interrupted_is_not_there_and_is_finished_by_deleting_again(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, left: Callable[[], list[str]]
) -> None:
    registered(registry, 2)

    def fail(*_: Any) -> None:
        raise RegistryFailed("the disk is gone")

    with monkeypatch.context() as patched:
        patched.setattr("serve_app.registry.files.Files.remove_folder", fail)
        with pytest.raises(RegistryFailed):
            registry.delete(MODEL, 1)
    assert registry.versions(MODEL) == [2]
    assert [path for path in left() if path.startswith(f"{MODEL}/1/")]
    registry.delete(MODEL, 1)
    assert not [path for path in left() if path.startswith(f"{MODEL}/1/")]


def test_whoever_reads_a_version_while_it_is_deleted_hears_that_it_is_gone(
    registry: Registry, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered(registry, 2)
    manifest = registry.manifest(MODEL, 1)
    Registry(url).delete(MODEL, 1)
    monkeypatch.setattr(registry, "manifest", lambda *_: manifest)
    with pytest.raises(NotFound, match=r"no version 1 \(it was deleted\)"):
        registry.read(MODEL, 1)
