"""Control alone changes keys, and lets gateways know by the snapshot."""

import asyncio
import secrets
from dataclasses import replace

import pytest

from serve_app.control.keys import KeyBook
from serve_app.control.numbering import numbered
from serve_app.control.snapshots import Snapshots
from serve_app.core.access import NOBODY, KeyOrder, KeyRecord, KeyRevocation, KeyRotation
from serve_app.core.snapshot import Snapshot
from serve_app.errors import NotFound, RegistryFailed
from serve_app.gateway.admin.actions import Change
from serve_app.serving.key_work import KeyWork

BILLING = KeyOrder("billing", ("predict",))
ADA = Change("ada", "why not")
RECORD = KeyRecord("1", "ab" * 32, "billing", ("predict",))


class Store:
    """Keys in memory; each change has a stamp of its own."""

    def __init__(self, records=()):
        self.kept = {one.id: one for one in records}
        self.changes = 0

    def all(self):
        return list(self.kept.values())

    def put(self, *records):
        self.kept.update((one.id, one) for one in records)
        self.changes += 1

    def stamp(self):
        return len(self.kept), float(self.changes)


class Snapshotted:
    """Snapshots in memory, which may refuse to keep another one."""

    def __init__(self):
        self.bodies = []
        self.is_full = False

    def save(self, version, declaration, body):
        if self.is_full:
            raise RegistryFailed("the disk is full")
        self.bodies.append(body)

    def latest(self):
        return self.bodies[-1] if self.bodies else None


class House:
    """Control's keys, with who was let know."""

    def __init__(self, store=None, disk=None):
        self.store = store or Store()
        self.disk = disk or Snapshotted()
        self.snapshots = Snapshots(self.disk)
        self.announced = []
        self.now_s = 1_000_000.0
        self.work = self.made()

    def made(self):
        def clock():
            return self.now_s

        async def announce():
            self.announced.append(self.snapshots.current.version)

        async def taken(version):
            return [] if version in self.announced else ["g1"]

        book = KeyBook(
            self.store, clock=clock, random_bytes=secrets.token_bytes, keep_event=lambda _: None
        )
        return KeyWork(
            self.snapshots, self.store, book, announce=announce, taken=taken, clock=clock
        )

    def change(self, order):
        return asyncio.run(self.work.change(order, ADA))

    def look(self):
        asyncio.run(self.work.look())

    @property
    def standing(self):
        return {one.id for one in self.snapshots.current.access.keys}


def test_a_new_key_is_given_once_gateways_know_of_it():
    house = House()
    issued = house.change(BILLING)
    assert house.standing == {issued["id"]}
    assert issued["behind"] == []
    assert house.announced == [house.snapshots.current.version]
    assert issued["key"] not in str(house.disk.bodies)


def test_a_revoked_key_leaves_the_snapshot_and_does_not_come_back():
    house = House()
    issued, other = house.change(BILLING), house.change(KeyOrder("other", ("predict",)))
    assert house.change(KeyRevocation(issued["id"]))["behind"] == []
    assert house.standing == {other["id"]}
    # Control that starts anew knows it from what was kept.
    again = House(house.store, house.disk)
    again.look()
    assert again.standing == {other["id"]}
    with pytest.raises(NotFound):
        house.change(KeyRevocation("nobody"))


def test_the_first_key_is_taken_that_was_written_before_control_ran():
    before = House()
    issued = before.change(BILLING)
    house = House(before.store)
    assert house.standing == set()
    house.look()
    assert house.standing == {issued["id"]}
    house.look()
    assert len(house.announced) == 1


def test_a_store_that_lost_its_keys_is_given_those_of_the_snapshot():
    former = House()
    kept, revoked = former.change(BILLING), former.change(KeyOrder("other", ("predict",)))
    former.change(KeyRevocation(revoked["id"]))
    house = House(Store(), former.disk)
    house.look()
    assert house.standing == {kept["id"]}
    assert set(house.store.kept) == {kept["id"]}


def test_keys_that_changed_though_no_snapshot_could_be_kept_are_told_to_gateways_later():
    house = House()
    issued = house.change(BILLING)
    house.disk.is_full = True
    outcome = house.change(KeyRevocation(issued["id"]))
    assert outcome["disabled_at_s"] == house.now_s
    assert outcome["behind"]
    assert house.standing == {issued["id"]}
    with pytest.raises(RegistryFailed):
        house.look()
    house.disk.is_full = False
    house.look()
    assert house.standing == set()


def test_a_change_of_keys_is_sent_alone_and_describes_no_endpoint():
    house = House()
    before = replace(house.snapshots.current, version=7, description=3)
    after = replace(before, version=8, access=NOBODY.with_keys([RECORD], 0.0))
    after = numbered(after, before)
    sent = after.since(7)
    assert "endpoints" not in sent
    assert Snapshot.from_json(sent, before).access.keys == (RECORD,)
    # Whoever has seen it is not sent it again with what changes next, and keeps it.
    assert "access" not in after.since(8)
    assert Snapshot.from_json(after.since(8), after).access == after.access


def test_while_a_key_is_replaced_both_stand():
    house = House()
    issued = house.change(BILLING)
    following = house.change(KeyRotation(issued["id"], 60.0))
    assert house.standing == {issued["id"], following["id"]}
    house.now_s += 60
    house.change(KeyOrder("other", ("predict",)))
    assert issued["id"] not in house.standing
