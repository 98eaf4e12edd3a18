"""What somebody who writes to a registry can do where its versions must be signed: nothing."""

from __future__ import annotations

import dataclasses
import itertools
import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fsspec
import pytest

from serve_app.config.registry import RegistrySettings
from serve_app.engine.load import load
from serve_app.engine.trusted_registry import open_registry
from serve_app.errors import ArtifactRejected, NotFound, NotPermitted, RegistryFailed
from serve_app.registry.store import Registry
from serve_app.security.signer import Signer
from serve_app.security.signing import key_id, key_pair, private_key, public_key
from serve_app.security.trusted_keys import TrustedKeys
from tests.contract.registries import FILES, draft

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NAME = "diagnosis-xgb"
DEADLINE_S = 60.0


def signer() -> tuple[Signer, bytes]:
    private, public = key_pair()
    return Signer(private_key(private), "Ada", lambda: NOW), public


ADA, PUBLIC_PEM = signer()
PUBLIC = public_key(PUBLIC_PEM)
EVE, _ = signer()
TRUST = TrustedKeys({key_id(PUBLIC): PUBLIC})
OPTIONAL = dataclasses.replace(TRUST, required=False)


@pytest.fixture(params=["folder", "bucket"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path) if request.param == "folder" else f"memory://{tmp_path.name}-signed"


class Place:
    """A registry with two signed versions, and what an attacker does to its files."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.fs, self.root = fsspec.url_to_fs(url)
        self.own = Registry(url, now=lambda: NOW, user="ada", signer=ADA)
        for depth in (3, 4):
            self.own.register(draft(parameters={"depth": depth}), FILES)
        self.own.set_alias(NAME, "champion", 1, by="ada")
        self.own.set_alias(NAME, "champion", 2, by="ada")

    def reader(self, trust: TrustedKeys | None = TRUST) -> Registry:
        return Registry(self.url, trust=trust)

    def read(self, file: str) -> bytes:
        content: bytes = self.fs.cat_file(f"{self.root}/{NAME}/{file}")
        return content

    def write(self, file: str, content: bytes) -> None:
        path = f"{self.root}/{NAME}/{file}"
        self.fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        self.fs.pipe_file(path, content)

    def edit(self, file: str, change: Callable[[Any], Any]) -> None:
        body = json.loads(self.read(file))
        change(body)
        self.write(file, (json.dumps(body, indent=2, sort_keys=True) + "\n").encode())

    def copy(self, source: str, target: str) -> None:
        self.write(target, self.read(source))

    @property
    def signature(self) -> str:
        return f"signatures/{ADA.key_id}.json"


@pytest.fixture
def place(url: str) -> Place:
    return Place(url)


def test_what_was_signed_is_read(place: Place) -> None:
    registry = place.reader()
    assert registry.read(NAME, 2).files == FILES
    assert registry.resolve(f"{NAME}@champion") == (NAME, 2)
    assert [move.version for move in registry.alias_history(NAME, "champion")] == [1, 2]
    statements = TRUST.signers_of(
        NAME, 2, place.read("2/manifest.json"), [place.read(f"2/{place.signature}")]
    )
    assert [(one.signer, one.previous) for one in statements] == [("Ada", 1)]


def swap_file(place: Place) -> None:
    """Another file, with a manifest that agrees with it."""
    import hashlib

    place.write("2/model.ubj", b"evil")
    digest = hashlib.sha256(b"evil").hexdigest()

    def agree(body: Any) -> None:
        entry = next(one for one in body["files"] if one["path"] == "model.ubj")
        entry.update(sha256=digest, size_bytes=4)

    place.edit("2/manifest.json", agree)


def replayed_version(place: Place) -> None:
    """An older version, with its signature, under a newer number."""
    place.copy(f"1/{place.signature}", f"2/{place.signature}")
    place.edit("1/manifest.json", lambda body: body.update(version=2))
    place.copy("1/manifest.json", "2/manifest.json")


def signed_by_eve(place: Place) -> None:
    """Signed with a key that nobody trusts."""
    place.fs.rm_file(f"{place.root}/{NAME}/2/{place.signature}")
    Registry(place.url).sign(NAME, 2, EVE)


def eve_as_ada(place: Place) -> None:
    """Signed by another key in the name of a trusted one."""
    signed_by_eve(place)
    content = place.read(f"2/signatures/{EVE.key_id}.json")
    place.write(f"2/{place.signature}", content.replace(EVE.key_id.encode(), ADA.key_id.encode()))


VERSION_ATTACKS: dict[str, tuple[Callable[[Place], None], str]] = {
    "types": (
        lambda p: p.edit("2/manifest.json", lambda b: b.update(trusted_types=["posix.system"])),
        "has another manifest than Ada signed",
    ),
    "sample": (
        lambda p: p.edit(
            "2/manifest.json",
            lambda b: b.update(sample={"inputs": {"age": [1]}, "expected": {"values": ["no"]}}),
        ),
        "has another manifest than Ada signed",
    ),
    "whitespace": (
        lambda p: p.write("2/manifest.json", p.read("2/manifest.json") + b"\n"),
        "has another manifest than Ada signed",
    ),
    "digest": (swap_file, "has another manifest than Ada signed"),
    "unsigned": (
        lambda p: p.fs.rm_file(f"{p.root}/{NAME}/2/{p.signature}"),
        "is not signed, and this registry's versions must be",
    ),
    "replayed": (replayed_version, f"bears a signature of {NAME}@1"),
    "foreign": (signed_by_eve, "is signed with no key that is trusted here"),
    "forged": (eve_as_ada, "has a wrong signature of the key"),
    "damaged": (lambda p: p.write(f"2/{p.signature}", b"{}"), "has a damaged signature"),
    "kind": (
        lambda p: p.write(
            f"2/{p.signature}",
            json.dumps(json.loads(p.read("aliases/champion/2.json"))["envelope"]).encode(),
        ),
        "has a damaged signature",
    ),
}


@pytest.mark.parametrize("attack", VERSION_ATTACKS)
def test_an_altered_version_is_refused_by_all_that_reads_it(place: Place, attack: str) -> None:
    act, words = VERSION_ATTACKS[attack]
    act(place)
    registry = place.reader()
    for read in (registry.manifest, registry.read, registry.verify, registry.as_stored):
        with pytest.raises(ArtifactRejected, match=words) as refused:
            read(NAME, 2)
        assert refused.value.message.startswith(f"{NAME}@2 ")
        assert f"serve-app sign {NAME}@2 --key" in refused.value.message
    with pytest.raises(ArtifactRejected, match=words):
        load(registry, NAME, 2)


@pytest.mark.parametrize("attack", sorted(set(VERSION_ATTACKS) - {"unsigned"}))
def test_a_signature_that_is_there_must_be_right_also_where_none_is_needed(
    place: Place, attack: str
) -> None:
    act, words = VERSION_ATTACKS[attack]
    act(place)
    with pytest.raises(ArtifactRejected, match=words):
        place.reader(OPTIONAL).manifest(NAME, 2)


def test_an_unsigned_version_passes_where_no_signature_is_needed(place: Place) -> None:
    VERSION_ATTACKS["unsigned"][0](place)
    assert place.reader(OPTIONAL).read(NAME, 2).files == FILES


def moved_back(place: Place) -> None:
    place.edit("aliases/champion/2.json", lambda body: body.update(version=1))


MOVE_ATTACKS: dict[str, tuple[Callable[[Place], None], str]] = {
    "edited": (moved_back, "is not the move that was signed"),
    "reason": (
        lambda p: p.edit("aliases/champion/2.json", lambda b: b.update(by="root")),
        "is not the move that was signed",
    ),
    "replayed": (
        lambda p: p.copy("aliases/champion/1.json", "aliases/champion/3.json"),
        "is not the move that was signed",
    ),
    "other alias": (
        lambda p: p.copy("aliases/champion/1.json", "aliases/champion/9.json"),
        "is not the move that was signed",
    ),
    "unsigned": (
        lambda p: p.edit("aliases/champion/2.json", lambda b: b.pop("envelope")),
        "is not signed, and this registry's aliases must be",
    ),
    "new unsigned": (
        lambda p: Registry(p.url).set_alias(NAME, "champion", 1, by="eve") and None,
        "is not signed, and this registry's aliases must be",
    ),
    "removed by eve": (
        lambda p: Registry(p.url, signer=EVE).remove_alias(NAME, "champion", by="eve") and None,
        "is signed with no key that is trusted here",
    ),
    "damaged": (
        lambda p: p.write("aliases/champion/2.json", b"nothing"),
        "is not signed, and this registry's aliases must be",
    ),
    "envelope": (
        lambda p: p.edit("aliases/champion/2.json", lambda b: b.update(envelope=[1])),
        "has a damaged signature",
    ),
}


@pytest.mark.parametrize("attack", MOVE_ATTACKS)
def test_an_altered_alias_is_refused(place: Place, attack: str) -> None:
    act, words = MOVE_ATTACKS[attack]
    act(place)
    registry = place.reader()
    for read in (
        lambda: registry.resolve(f"{NAME}@champion"),
        lambda: registry.aliases(NAME),
        lambda: registry.alias_history(NAME, "champion"),
    ):
        with pytest.raises(ArtifactRejected, match=words) as refused:
            read()
        assert f"{NAME}@champion" in refused.value.message
        assert "--sign-key" in refused.value.message


def test_an_alias_of_another_name_is_not_moved_by_a_copied_move(place: Place) -> None:
    place.copy("aliases/champion/1.json", "aliases/shadow/1.json")
    with pytest.raises(ArtifactRejected, match=f"move 1 of {NAME}@shadow is not the move"):
        place.reader().resolve(f"{NAME}@shadow")


def test_moves_that_were_taken_back_are_noticed_by_whoever_saw_them(place: Place) -> None:
    registry = place.reader()
    assert registry.resolve(f"{NAME}@champion") == (NAME, 2)
    place.fs.rm_file(f"{place.root}/{NAME}/aliases/champion/2.json")
    with pytest.raises(ArtifactRejected, match="had 2 moves and has 1"):
        registry.resolve(f"{NAME}@champion")


def test_moves_that_were_taken_back_are_noticed_by_a_machine_that_saw_them(
    place: Place, tmp_path: Path
) -> None:
    key = tmp_path / "keys" / "release.pub.pem"
    key.parent.mkdir()
    key.write_bytes(PUBLIC_PEM)
    settings = RegistrySettings(
        url=place.url, trusted_keys=(str(key),), moves_seen=str(tmp_path / "state" / "seen.json")
    )
    assert open_registry(settings).resolve(f"{NAME}@champion") == (NAME, 2)
    place.fs.rm_file(f"{place.root}/{NAME}/aliases/champion/2.json")
    with pytest.raises(ArtifactRejected, match="had 2 moves and has 1"):
        open_registry(settings).resolve(f"{NAME}@champion")
    # Whoever may moves it again, beyond what was seen.
    for _ in range(2):
        place.own.set_alias(NAME, "champion", 2, by="ada")
    assert open_registry(settings).resolve(f"{NAME}@champion") == (NAME, 2)
    (tmp_path / "state" / "seen.json").write_text("[]")
    with pytest.raises(RegistryFailed, match="does not say which moves"):
        open_registry(settings)


def test_old_moves_that_nobody_signed_do_not_stand_in_the_way(place: Place) -> None:
    place.edit("aliases/champion/1.json", lambda body: body.pop("envelope"))
    registry = place.reader()
    assert registry.resolve(f"{NAME}@champion") == (NAME, 2)
    assert [move.version for move in registry.alias_history(NAME, "champion")] == [2]


def test_nobody_moves_an_alias_who_cannot_sign_it(place: Place) -> None:
    with pytest.raises(NotPermitted, match="--sign-key"):
        place.reader().set_alias(NAME, "champion", 1, by="eve")
    assert place.reader().resolve(f"{NAME}@champion") == (NAME, 2)


def test_what_is_loaded_is_what_was_verified(place: Place) -> None:
    """A file that is changed all the time is loaded as it was registered, or refused."""
    good, evil = FILES["model.ubj"], b"evil" * 125
    ended = threading.Event()

    def swap() -> None:
        while not ended.is_set():
            place.write("2/model.ubj", evil)
            place.write("2/model.ubj", good)

    thread = threading.Thread(target=swap)
    thread.start()
    loaded, ends_s = 0, time.monotonic() + DEADLINE_S
    try:
        registry = place.reader()
        # Who is given less of the processor than the other may read the same one for long.
        for turn in itertools.count():
            try:
                assert registry.read(NAME, 2, only="model.ubj").files["model.ubj"] == good
                loaded += 1
            except ArtifactRejected as error:
                assert "model.ubj" in error.message  # noqa: PT017
            if turn >= 1000 and loaded:
                break
            assert time.monotonic() < ends_s, "it was never loaded"
    finally:
        ended.set()
        thread.join()


def test_a_manifest_that_is_exchanged_between_two_reads_changes_no_load(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are held against the manifest whose types and samples are used, read once."""
    reads: list[tuple[str, int]] = []
    manifest = registry.manifest
    own = Registry(registry.url)

    def counted(name: str, version: int) -> Any:
        reads.append((name, version))
        return manifest(name, version)

    monkeypatch.setattr(own, "manifest", counted)
    load(own, "logistic", 1)
    assert reads == [("logistic", 1)]


def test_an_alias_that_nobody_signed_does_not_stop_the_others(url: str) -> None:
    place = Place(url)
    place.write(
        "aliases/evil/1.json", b'{"version": 1, "previous": null, "moved_at": "", "by": ""}'
    )
    assert place.reader().resolve(f"{NAME}@champion") == (NAME, 2)
    with pytest.raises(ArtifactRejected, match="move 1 of diagnosis-xgb@evil is not signed"):
        place.reader().resolve(f"{NAME}@evil")
    with pytest.raises(NotFound, match=r"no alias 'champio'; its aliases are champion; did"):
        place.reader().resolve(f"{NAME}@champio")
