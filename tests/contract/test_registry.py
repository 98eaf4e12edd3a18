"""What the registry promises, on every kind of place that it can be in."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from serve_app.errors import ArtifactRejected, Conflict, InvalidInput, NotFound, RegistryFailed
from serve_app.registry.aliases import Expected
from serve_app.registry.store import Registry
from tests.contract.registries import FILES, SIGNATURE, at_noon, draft

if TYPE_CHECKING:
    from pathlib import Path


def test_a_version_is_read_as_it_was_registered(registry: Registry, url: str) -> None:
    registered = registry.register(draft(parameters={"eta": 0.1}), FILES)
    artifact = Registry(url).read("diagnosis-xgb", 1)
    assert artifact.manifest == registered
    assert artifact.files == FILES


def test_a_manifest_says_what_registering_decided(registry: Registry) -> None:
    registry.register(draft(), FILES)
    manifest = registry.manifest("diagnosis-xgb", 1)
    assert manifest.signature == SIGNATURE
    assert (manifest.version, manifest.created_by) == (1, "ada")
    assert manifest.created_at == "2026-11-21T12:00:00+00:00"
    assert {f.path: (f.size_bytes, f.sha256) for f in manifest.files} == {
        path: (len(content), hashlib.sha256(content).hexdigest()) for path, content in FILES.items()
    }


def test_versions_are_numbered_per_model_and_listed_in_order(registry: Registry) -> None:
    for _ in range(11):
        registry.register(draft(), {})
    registry.register(draft("cultivar"), {})
    assert registry.versions("diagnosis-xgb") == list(range(1, 12))
    assert registry.versions("cultivar") == [1]
    assert registry.models() == ["cultivar", "diagnosis-xgb"]


def test_an_empty_registry_has_no_models_and_is_not_an_error(registry: Registry) -> None:
    assert registry.models() == []
    assert registry.versions("diagnosis-xgb") == []


def test_a_version_can_be_registered_again_from_its_manifest(registry: Registry) -> None:
    first = registry.register(draft(), FILES)
    second = registry.register(first, registry.read("diagnosis-xgb", 1).files)
    assert second == first.model_copy(update={"version": 2})


@pytest.mark.parametrize("file", sorted(FILES))
def test_a_changed_byte_is_refused_by_the_files_name(
    registry: Registry, put: Callable[[str, bytes], None], file: str
) -> None:
    registry.register(draft(), FILES)
    put(f"diagnosis-xgb/1/{file}", FILES[file][:-1] + b"?")
    for read in (registry.read, registry.verify):
        with pytest.raises(ArtifactRejected, match=f"{file} of diagnosis-xgb@1 has changed") as no:
            read("diagnosis-xgb", 1)
        assert no.value.details == {"file": file, "version": "diagnosis-xgb@1"}


def test_a_truncated_file_is_refused_with_both_sizes(
    registry: Registry, put: Callable[[str, bytes], None]
) -> None:
    registry.register(draft(), FILES)
    put("diagnosis-xgb/1/model.ubj", b"tree")
    with pytest.raises(ArtifactRejected, match=r"model\.ubj .* has 4 bytes instead of 500"):
        registry.read("diagnosis-xgb", 1)


def test_a_missing_file_is_refused_by_its_name(
    registry: Registry, put: Callable[[str, None], None]
) -> None:
    registry.register(draft(), FILES)
    put("diagnosis-xgb/1/model.ubj", None)
    with pytest.raises(ArtifactRejected, match=r"model\.ubj .* is missing") as refused:
        registry.verify("diagnosis-xgb", 1)
    assert refused.value.details["file"] == "model.ubj"


def test_a_whole_version_passes_verification(registry: Registry) -> None:
    registry.register(draft(), FILES)
    registry.verify("diagnosis-xgb", 1)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"name": "diagnosis-xgb"}'])
def test_a_damaged_manifest_is_refused_by_its_name(
    registry: Registry, put: Callable[[str, bytes], None], content: bytes
) -> None:
    registry.register(draft(), FILES)
    registry.register(draft(), FILES)
    put("diagnosis-xgb/1/manifest.json", content)
    with pytest.raises(ArtifactRejected, match=r"diagnosis-xgb/1/manifest\.json is damaged") as no:
        registry.read("diagnosis-xgb", 1)
    assert no.value.details["file"] == "manifest.json"
    assert registry.read("diagnosis-xgb", 2).files == FILES


def test_a_manifest_that_leads_out_of_its_folder_is_refused(
    registry: Registry, put: Callable[[str, bytes], None]
) -> None:
    manifest = registry.register(draft(), {"model.ubj": b"x"})
    put("secret", b"x")
    body = manifest.encode().replace(b"model.ubj", b"../../secret")
    put("diagnosis-xgb/1/manifest.json", body)
    with pytest.raises(ArtifactRejected, match=r"files\.0\.path"):
        registry.read("diagnosis-xgb", 1)


def test_a_manifest_in_the_place_of_another_is_refused(
    registry: Registry, put: Callable[[str, bytes], None]
) -> None:
    other = registry.register(draft("cultivar"), {})
    registry.register(draft(), {})
    put("diagnosis-xgb/1/manifest.json", other.encode())
    with pytest.raises(ArtifactRejected, match="is the manifest of cultivar@1"):
        registry.manifest("diagnosis-xgb", 1)


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "manifest.json", ".claim", ""])
def test_a_file_outside_of_its_versions_folder_is_refused_and_uses_up_no_number(
    registry: Registry, path: str
) -> None:
    with pytest.raises(InvalidInput, match="cannot be a file of a version"):
        registry.register(draft(), {path: b""})
    assert registry.register(draft(), {}).version == 1


@pytest.mark.parametrize("name", ["", "..", "a/b", "Diagnosis", "-x", "a" * 64])
def test_a_name_that_no_model_can_have_is_refused_and_never_there(
    registry: Registry, name: str
) -> None:
    with pytest.raises(InvalidInput, match="cannot name a model"):
        registry.register(draft(name), {})
    assert registry.versions(name) == []
    with pytest.raises(NotFound):
        registry.manifest(name, 1)


def test_an_unknown_model_is_not_found_and_the_nearest_name_is_given(registry: Registry) -> None:
    registry.register(draft(), {})
    registry.register(draft("cultivar"), {})
    for ask in (registry.manifest, registry.read, registry.verify):
        with pytest.raises(NotFound, match=r"'diagnosis-xbg' .* mean 'diagnosis-xgb'\?") as no:
            ask("diagnosis-xbg", 1)
        assert no.value.details["known"] == ["cultivar", "diagnosis-xgb"]


def test_an_unknown_version_is_not_found_and_those_that_exist_are_given(registry: Registry) -> None:
    for _ in range(2):
        registry.register(draft(), {})
    with pytest.raises(NotFound, match="'diagnosis-xgb' has no version 7; it has 1, 2") as no:
        registry.manifest("diagnosis-xgb", 7)
    assert no.value.details["known"] == [1, 2]


def test_of_many_versions_an_error_lists_the_newest(registry: Registry) -> None:
    for _ in range(7):
        registry.register(draft(), {})
    with pytest.raises(NotFound, match=r"its newest versions are 3, 4, 5, 6, 7$"):
        registry.manifest("diagnosis-xgb", 9)


def test_an_alias_names_a_version_until_it_is_moved(registry: Registry, url: str) -> None:
    for _ in range(2):
        registry.register(draft(), {})
    registry.set_alias("diagnosis-xgb", "champion", 2, by="ada", reason="better recall")
    registry.set_alias("diagnosis-xgb", "champion", 1, by="bob")
    registry.set_alias("diagnosis-xgb", "challenger", 2, by="bob")
    assert registry.alias("diagnosis-xgb", "champion") == 1
    assert Registry(url).aliases("diagnosis-xgb") == {"challenger": 2, "champion": 1}


def test_an_alias_remembers_every_move(registry: Registry) -> None:
    for _ in range(2):
        registry.register(draft(), {})
    registry.set_alias("diagnosis-xgb", "champion", 1, by="ada", reason="first")
    last = registry.set_alias("diagnosis-xgb", "champion", 2, by="bob")
    first, second = registry.alias_history("diagnosis-xgb", "champion")
    assert (first.version, first.previous, first.by, first.reason) == (1, None, "ada", "first")
    assert (second.version, second.previous, second.by, second.reason) == (2, 1, "bob", None)
    assert second == last
    assert first.moved_at == "2026-11-21T12:00:00+00:00"


def test_an_alias_can_be_moved_from_the_expected_version_alone(registry: Registry) -> None:
    for _ in range(2):
        registry.register(draft(), {})

    def move(version: int, expected: int | None) -> None:
        registry.set_alias(
            "diagnosis-xgb", "champion", version, by="ada", expected=Expected(expected)
        )

    with pytest.raises(Conflict, match="names no version and not diagnosis-xgb@1"):
        move(2, 1)
    move(1, None)
    move(2, 1)
    with pytest.raises(Conflict, match=r"names diagnosis-xgb@2 and not diagnosis-xgb@1"):
        move(1, 1)
    assert registry.alias("diagnosis-xgb", "champion") == 2
    assert len(registry.alias_history("diagnosis-xgb", "champion")) == 2


def test_of_many_who_move_an_alias_from_one_version_one_does(registry: Registry) -> None:
    for _ in range(2):
        registry.register(draft(), {})
    registry.set_alias("diagnosis-xgb", "champion", 1, by="ada")

    def move(_: int) -> bool:
        try:
            registry.set_alias("diagnosis-xgb", "champion", 2, by="bob", expected=Expected(1))
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(move, range(8))) == 1


def test_an_alias_that_was_never_set_has_no_history(registry: Registry) -> None:
    registry.register(draft(), {})
    assert registry.alias_history("diagnosis-xgb", "champion") == []
    assert registry.aliases("diagnosis-xgb") == {}


def test_an_alias_cannot_name_a_version_that_does_not_exist(registry: Registry) -> None:
    registry.register(draft(), {})
    with pytest.raises(NotFound, match="has no version 2; it has 1"):
        registry.set_alias("diagnosis-xgb", "champion", 2, by="ada")
    assert registry.aliases("diagnosis-xgb") == {}


def test_an_alias_that_looks_like_a_version_or_a_path_is_refused(registry: Registry) -> None:
    registry.register(draft(), {})
    for alias in ("3", "../../x", "Champion", ""):
        with pytest.raises(InvalidInput, match="cannot be an alias"):
            registry.set_alias("diagnosis-xgb", alias, 1, by="ada")
        with pytest.raises(InvalidInput, match="cannot be an alias"):
            registry.alias_history("diagnosis-xgb", alias)


def test_an_unknown_alias_is_not_found_and_those_that_exist_are_given(registry: Registry) -> None:
    registry.register(draft(), {})
    with pytest.raises(NotFound, match="no alias 'champion'; it has none"):
        registry.alias("diagnosis-xgb", "champion")
    registry.set_alias("diagnosis-xgb", "champion", 1, by="ada")
    with pytest.raises(
        NotFound, match=r"its aliases are champion; did you mean 'champion'\?"
    ) as no:
        registry.alias("diagnosis-xgb", "champoin")
    assert no.value.details["known"] == ["champion"]


def test_aliases_of_an_unknown_model_are_not_found_by_the_models_name(registry: Registry) -> None:
    registry.register(draft(), {})
    with pytest.raises(NotFound, match=r"no model 'diagnosis-xg' .* mean 'diagnosis-xgb'\?"):
        registry.aliases("diagnosis-xg")
    with pytest.raises(NotFound, match="no model"):
        registry.alias_history("../diagnosis-xgb", "champion")


@pytest.mark.parametrize("content", [b"", b"{", b'{"version": "x"}', b"[]"])
def test_a_damaged_alias_record_is_passed_over_with_a_warning(
    registry: Registry,
    put: Callable[[str, bytes], None],
    caplog: pytest.LogCaptureFixture,
    content: bytes,
) -> None:
    registry.register(draft(), {})
    registry.set_alias("diagnosis-xgb", "champion", 1, by="ada")
    put("diagnosis-xgb/aliases/champion/2.json", content)
    assert registry.alias("diagnosis-xgb", "champion") == 1
    assert "diagnosis-xgb/aliases/champion/2.json is damaged" in caplog.text
    registry.set_alias("diagnosis-xgb", "champion", 1, by="bob")
    assert [m.by for m in registry.alias_history("diagnosis-xgb", "champion")] == ["ada", "bob"]


def test_a_reference_by_number_or_alias_is_resolved(registry: Registry) -> None:
    registry.register(draft(), {})
    registry.set_alias("diagnosis-xgb", "champion", 1, by="ada")
    assert registry.resolve("diagnosis-xgb@1") == ("diagnosis-xgb", 1)
    assert registry.resolve("diagnosis-xgb@champion") == ("diagnosis-xgb", 1)
    with pytest.raises(InvalidInput, match="such as diagnosis-xgb@1"):
        registry.resolve("diagnosis-xgb")
    with pytest.raises(NotFound, match="no alias 'challenger'"):
        registry.resolve("diagnosis-xgb@challenger")
    with pytest.raises(NotFound, match="no model 'cultivar'"):
        registry.resolve("cultivar@champion")


def test_what_is_not_the_registrys_does_not_disturb_it(
    registry: Registry, put: Callable[[str, bytes], None]
) -> None:
    registry.register(draft(), {})
    registry.set_alias("diagnosis-xgb", "champion", 1, by="ada")
    for stray in (
        "readme",
        "Notes/a",
        "diagnosis-xgb/notes",
        "diagnosis-xgb/007/manifest.json",
        "diagnosis-xgb/aliases/champion/readme",
        "diagnosis-xgb/aliases/Old/1.json",
    ):
        put(stray, b"")
    assert registry.models() == ["diagnosis-xgb"]
    assert registry.versions("diagnosis-xgb") == [1]
    assert registry.aliases("diagnosis-xgb") == {"champion": 1}
    assert registry.register(draft(), {}).version == 2


class Watched(Mapping[str, bytes]):
    """Files that call back before each of them is written."""

    def __init__(self, files: Mapping[str, bytes], before: Callable[[str], None]) -> None:
        self._files = files
        self._before = before

    def __getitem__(self, path: str) -> bytes:
        self._before(path)
        return self._files[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def test_a_version_is_not_there_before_it_is_whole(registry: Registry, url: str) -> None:
    registry.register(draft(), FILES)
    reader = Registry(url)
    seen: list[tuple[str, list[int]]] = []

    def look(path: str) -> None:
        seen.append((path, reader.versions("diagnosis-xgb")))
        with pytest.raises(NotFound):
            reader.read("diagnosis-xgb", 2)

    registry.register(draft(), Watched(FILES, look))
    assert seen == [(path, [1]) for path in sorted(FILES)]
    assert reader.versions("diagnosis-xgb") == [1, 2]


def test_who_fails_in_the_middle_uses_up_a_number_and_leaves_no_version(registry: Registry) -> None:
    def fail(path: str) -> None:
        if path == "model.ubj":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        registry.register(draft(), Watched(FILES, fail))
    assert registry.versions("diagnosis-xgb") == []
    assert registry.models() == []
    assert registry.register(draft(), FILES).version == 2
    assert registry.read("diagnosis-xgb", 2).files == FILES


def test_a_registration_within_another_gets_a_number_of_its_own(registry: Registry) -> None:
    inner: list[int] = []
    files = {"model.ubj": b"x"}
    outer = registry.register(
        draft(),
        Watched(files, lambda _: inner.append(registry.register(draft(), files).version)),
    )
    assert (outer.version, inner) == (1, [2])
    assert registry.versions("diagnosis-xgb") == [1, 2]


# Memory behind another filesystem looks first and writes later, which two threads can both do.
exclusive = pytest.mark.parametrize("url", ["folder", "file", "memory"], indirect=True)


@exclusive
def test_threads_that_register_at_the_same_time_get_distinct_numbers(registry: Registry) -> None:
    together = threading.Barrier(4)

    def register(writer: int) -> list[int]:
        together.wait()
        files = {"model.ubj": bytes([writer])}
        return [registry.register(draft(), files).version for _ in range(5)]

    with ThreadPoolExecutor(4) as pool:
        by_writer = list(pool.map(register, range(4)))
    assert sorted(n for numbers in by_writer for n in numbers) == list(range(1, 21))
    for writer, numbers in enumerate(by_writer):
        assert numbers == sorted(numbers)
        for number in numbers:
            assert registry.read("diagnosis-xgb", number).files == {"model.ubj": bytes([writer])}


@exclusive
def test_threads_that_move_an_alias_at_the_same_time_all_stand_in_its_history(
    registry: Registry,
) -> None:
    for _ in range(4):
        registry.register(draft(), {})
    together = threading.Barrier(4)

    def move(version: int) -> None:
        together.wait()
        for _ in range(5):
            registry.set_alias("diagnosis-xgb", "champion", version, by=str(version))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(move, range(1, 5)))
    history = registry.alias_history("diagnosis-xgb", "champion")
    assert sorted(m.version for m in history) == sorted([1, 2, 3, 4] * 5)
    assert [m.previous for m in history] == [None, *(m.version for m in history[:-1])]
    assert registry.alias("diagnosis-xgb", "champion") == history[-1].version


@exclusive
def test_a_reader_never_sees_a_version_that_it_cannot_read(registry: Registry, url: str) -> None:
    reader = Registry(url)
    done = threading.Event()

    def write() -> None:
        try:
            for _ in range(25):
                registry.register(draft(), FILES)
        finally:
            done.set()

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        seen: list[int] = []
        while not done.is_set():
            newest = reader.versions("diagnosis-xgb")[len(seen) :]
            for number in newest:
                assert reader.read("diagnosis-xgb", number).files == FILES
            seen += newest
        writing.result()
    assert reader.versions("diagnosis-xgb") == list(range(1, 26))


def test_processes_that_register_at_the_same_time_get_distinct_numbers(tmp_path: Path) -> None:
    registry = Registry(str(tmp_path))
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        registering = [pool.submit(registry.register, draft(), FILES) for _ in range(20)]
        numbers = [manifest.result().version for manifest in registering]
    assert sorted(numbers) == list(range(1, 21)) == registry.versions("diagnosis-xgb")
    for number in numbers:
        registry.verify("diagnosis-xgb", number)


KILLED = """
import sys
from serve_app.core.signature import Output, Signature
from serve_app.registry.manifest import Draft
from serve_app.registry.store import Registry

class Blocking(dict):
    def __getitem__(self, path):
        if path == "second":
            print("half", flush=True)
            sys.stdin.read()
        return super().__getitem__(path)

signature = Signature((), Output("regression"))
draft = Draft(name="diagnosis-xgb", flavour="xgboost", format="ubj", signature=signature)
Registry(sys.argv[1]).register(draft, Blocking(first=b"1", second=b"2"))
"""


def test_who_is_killed_in_the_middle_leaves_no_version_and_the_next_one_registers(
    tmp_path: Path,
) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"half\n"
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert (tmp_path / "diagnosis-xgb/1/first").read_bytes() == b"1"
    registry = Registry(str(tmp_path))
    assert registry.models() == []
    assert registry.versions("diagnosis-xgb") == []
    assert registry.register(draft(), FILES).version == 2
    assert registry.models() == ["diagnosis-xgb"]


def test_a_registry_on_disk_can_be_read_by_a_person(tmp_path: Path) -> None:
    registry = Registry(str(tmp_path), now=at_noon, user="ada")
    registry.register(draft(), FILES)
    registry.set_alias("diagnosis-xgb", "champion", 1, by="ada")
    files = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    assert files == [
        "_numbers/diagnosis-xgb/1.json",
        "diagnosis-xgb/1/.claim",
        "diagnosis-xgb/1/encoders/sex.json",
        "diagnosis-xgb/1/manifest.json",
        "diagnosis-xgb/1/model.ubj",
        "diagnosis-xgb/aliases/champion/1.json",
    ]
    for claim in ("_numbers/diagnosis-xgb/1.json", "diagnosis-xgb/1/.claim"):
        note = json.loads((tmp_path / claim).read_bytes())
        assert note == {"at": "2026-11-21T12:00:00+00:00", "by": "ada"}


def test_a_registry_that_is_a_file_is_reported_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "registry").write_bytes(b"")
    registry = Registry(str(tmp_path / "registry"))
    with pytest.raises(RegistryFailed) as failed:
        registry.register(draft(), {})
    assert failed.value.details["path"].startswith(str(tmp_path / "registry"))
    with pytest.raises(RegistryFailed):
        registry.manifest("diagnosis-xgb", 1)


def test_who_registers_without_a_login_name_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)
    assert Registry(str(tmp_path)).register(draft(), {}).created_by == "unknown"
