"""A replica of an alias holds the next version beside the former one while both are asked."""

import asyncio
import gc
import threading
from types import SimpleNamespace

import pytest

from serve_app.errors import ArtifactRejected, NotReady
from serve_app.serving.holding import Holding


class Versions:
    """Loads what is asked for, slowly where a test says so, and remembers it."""

    def __init__(self):
        self.loads = []
        self.broken = set()
        self.named = [2, 1]
        self.open = threading.Event()
        self.open.set()
        self.now_s = 0.0

    def load(self, number):
        self.open.wait(10)
        self.loads.append(number)
        if number in self.broken:
            raise ArtifactRejected(f"m@{number} is damaged")
        return SimpleNamespace(manifest=SimpleNamespace(digest=f"digest {number}"))

    def holding(self, reference="m@champion"):
        return Holding(
            reference, load=self.load, named=lambda: self.named, clock=lambda: self.now_s
        )


@pytest.fixture
def versions():
    yield Versions()
    gc.unfreeze()
    gc.set_threshold(700, 10, 10)


async def test_a_call_names_its_version_and_one_that_the_alias_named_is_loaded_for_it(versions):
    holding = versions.holding()
    assert (await holding.version("m@1")).manifest.digest == "digest 1"
    assert (await holding.version("m@2")).manifest.digest == "digest 2"
    assert versions.loads == [1, 2]
    assert (holding.digest("m@1"), holding.digest("m@2")) == ("digest 1", "digest 2")
    assert holding.digest("m@3") == ""


@pytest.mark.parametrize("version", ["m@3", "other@1"])
async def test_what_the_alias_never_named_is_refused(versions, version):
    with pytest.raises(NotReady, match=f"{version} is asked of a replica"):
        await versions.holding().version(version)
    assert versions.loads == [1]


async def test_a_replica_starts_with_what_was_named_before_where_the_newest_is_broken(versions):
    versions.named, versions.broken = [1, 2, 1, 3], {3}
    holding = versions.holding()
    assert holding.digest("m@1") == "digest 1"
    assert versions.loads == [3, 1]
    with pytest.raises(ArtifactRejected, match="m@3 is damaged"):
        await holding.hold(["m@3"], 10.0)


def test_a_replica_without_any_version_that_loads_says_what_is_wrong_with_the_newest(versions):
    versions.broken = {1, 2}
    versions.named = [1, 2]
    with pytest.raises(ArtifactRejected, match="m@2 is damaged"):
        versions.holding()


async def test_a_replica_of_one_version_answers_for_no_other(versions):
    versions.named = [1]
    with pytest.raises(NotReady, match="m@2 is asked of a replica that holds m@1"):
        await versions.holding("m@1").version("m@2")


async def test_however_many_ask_at_once_a_version_is_loaded_once(versions):
    holding = versions.holding()
    versions.open.clear()
    asked = [asyncio.create_task(holding.version("m@2")) for _ in range(5)]
    await asyncio.sleep(0)
    # Those who give up meanwhile end nothing for the others.
    asked[0].cancel()
    versions.open.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert {one.manifest.digest for one in answers[1:]} == {"digest 2"}
    assert versions.loads == [1, 2]


async def test_the_former_version_goes_once_nobody_asked_for_it_for_long_enough(versions):
    holding = versions.holding()
    both = {"m@1": "digest 1", "m@2": "digest 2"}
    assert await holding.hold(["m@1", "m@2"], 10.0) == both
    versions.now_s = 100.0
    assert await holding.hold(["m@1", "m@2"], 10.0) == both
    versions.now_s = 105.0
    await holding.version("m@1")
    assert await holding.hold(["m@2"], 10.0) == both
    versions.now_s = 114.0
    assert await holding.hold(["m@2"], 10.0) == both
    versions.now_s = 116.0
    assert await holding.hold(["m@2"], 10.0) == {"m@2": "digest 2"}
    # A request that comes late all the same is answered.
    await holding.version("m@1")
    assert versions.loads == [1, 2, 1]


async def test_a_former_version_stays_while_it_is_kept_and_none_is_loaded_for_that(versions):
    holding = versions.holding()
    await holding.hold(["m@1", "m@2"], 10.0)
    versions.now_s = 100.0
    assert set(await holding.hold(["m@2"], 10.0, ["m@1"])) == {"m@1", "m@2"}
    assert set(await holding.hold(["m@2"], 10.0)) == {"m@2"}
    assert set(await holding.hold(["m@2"], 10.0, ["m@1"])) == {"m@2"}
    assert versions.loads == [1, 2]


async def test_what_cannot_be_loaded_leaves_the_others_as_they_are(versions):
    holding = versions.holding()
    versions.broken = {2}
    versions.now_s = 100.0
    with pytest.raises(ArtifactRejected, match="m@2 is damaged"):
        await holding.hold(["m@2"], 10.0)
    assert holding.digest("m@1") == "digest 1"
    versions.broken = set()
    assert await holding.hold(["m@2"], 10.0) == {"m@2": "digest 2"}


async def test_nobody_who_wants_nothing_empties_a_replica(versions):
    holding = versions.holding()
    versions.now_s = 100.0
    assert await holding.hold([], 10.0) == {"m@1": "digest 1"}


async def test_a_version_that_was_let_go_while_it_was_used_fails_no_later_release(versions):
    holding = versions.holding()
    await holding.version("m@2")
    del holding._loaded["m@2"]
    versions.now_s = 9.0
    for _ in range(2):
        assert await holding.hold(["m@1"], 5.0) == {"m@1": "digest 1"}


async def test_what_is_registered_of_all_that_is_held_is_known(versions):
    holding = versions.holding()
    await holding.version("m@2")
    assert {one.digest for one in holding.manifests()} == {"digest 1", "digest 2"}
