"""API keys are known by their digests, and nothing is told of those that are not known."""

import hashlib
import re
import secrets
import statistics
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.control.keys import KeyBook
from serve_app.core.access import KeyOrder, KeyRecord
from serve_app.core.detail import Detail
from serve_app.errors import Conflict, InvalidInput, NotFound, Overloaded
from serve_app.security.authenticators import Credential
from serve_app.security.budget import Budget
from serve_app.security.keys import KeyRing, id_in, new_key
from tests.clocks import Clock


class Store:
    def __init__(self):
        self.kept = {}

    def all(self):
        return list(self.kept.values())

    def put(self, *records):
        self.kept.update((one.id, one) for one in records)


@pytest.fixture
def clock():
    return Clock(1_000_000.0)


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def events():
    return []


@pytest.fixture
def book(store, clock, events):
    return KeyBook(store, clock=clock, random_bytes=secrets.token_bytes, keep_event=events.append)


def ring(store, clock, burst=1000.0):
    return KeyRing(store.all(), clock, Budget(burst=burst, per_s=1.0, clock=clock))


def asked(known, key, source="10.0.0.1"):
    found = known.known(Credential("key", key, source))
    return None if found is None else found.caller


def test_a_key_is_written_as_documented():
    identity, key = new_key(secrets.token_bytes)
    prefix, shown, rest = key.split("_", 2)
    secret, checksum = rest[:43], rest[44:]
    assert (prefix, shown) == ("sa", identity)
    assert re.fullmatch("[A-Za-z0-9_-]{43}", secret)
    assert int(checksum, 16) == zlib.crc32(key[: -len(checksum) - 1].encode())


@given(st.binary(min_size=37, max_size=37), st.integers(0, 66), st.characters(codec="ascii"))
def test_one_wrong_letter_is_noticed_without_knowing_any_key(chance, place, letter):
    drawn = iter([chance[:5], chance[5:]])
    identity, key = new_key(lambda _: next(drawn))
    assert id_in(key) == identity
    wrong = key[:place] + letter + key[place + 1 :]
    # A CRC of 32 bits finds every single change of up to 32 bits next to each other.
    assert id_in(wrong) == (identity if wrong == key else None)


def test_a_key_says_how_exactly_its_principal_learns_answers(book, store, clock):
    for detail, wanted in (("rounded(3)", Detail("rounded", 3)), ("", None)):
        issued = book.create(KeyOrder("b", ("predict",), detail=detail), "ada")
        assert asked(ring(store, clock), issued.key).detail == wanted
        (body,) = [one.to_json() for one in store.all() if one.id == issued.record.id]
        # Gateways of a former version, which know of none, can read keys without.
        assert ("detail" in body) == bool(detail)
        assert KeyRecord.from_json(body) == issued.record
    with pytest.raises(InvalidInput, match="no detail of answers"):
        book.create(KeyOrder("c", ("predict",), detail="some"), "ada")


def test_what_is_kept_is_the_sha256_and_no_part_of_the_secret(book, store, events):
    issued = book.create(KeyOrder("billing", ("predict",)), "ada")
    (record,) = store.all()
    assert record.digest == hashlib.sha256(issued.key.encode()).hexdigest()
    secret = issued.key[14:57]
    assert secret not in f"{record!r}{record.to_json()}{events}{book.listed()}{issued!r}"
    assert record.digest not in f"{record!r}{events}{book.listed()}"


def test_whoever_shows_a_key_is_its_principal_and_may_what_it_grants(book, store, clock):
    issued = book.create(
        KeyOrder("billing", ("predict", "feedback:churn"), "acme", ("churn*",)), "ada"
    )
    caller = asked(ring(store, clock), issued.key)
    assert (caller.name, caller.tenant) == ("billing", "acme")
    assert caller.grants.allow("predict", "churn-2")
    assert not caller.grants.allow("predict", "risk")
    assert not caller.grants.allow("feedback", "churn-2")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda key: key[:-1] + ("0" if key[-1] != "0" else "1"),
        lambda key: key.upper(),
        lambda key: key + " ",
        lambda key: key + "\0",
        lambda key: key[:57],
        lambda _: "",
        lambda _: "ü\ud800",
        lambda _: "a" * 65_536,
        lambda key: hashlib.sha256(key.encode()).hexdigest(),
    ],
)
def test_what_is_nearly_a_key_is_none(book, store, clock, wrong):
    issued = book.create(KeyOrder("billing", ("predict",)), "ada")
    assert asked(ring(store, clock), wrong(issued.key)) is None


def test_a_key_counts_from_when_it_begins_until_it_ends(book, store, clock):
    order = KeyOrder("b", ("predict",), not_before_s=clock() + 10, expires_at_s=clock() + 20)
    issued = book.create(order, "ada")
    states = []
    for at_s in (9.9, 10, 19.9, 20):
        moment = Clock(clock() + at_s)
        states.append(asked(ring(store, moment), issued.key) is not None)
    assert states == [False, True, True, False]
    assert book.listed()[0]["state"] == "not yet"


def test_a_revoked_key_is_known_no_more_and_stays_revoked(book, store, clock, events):
    issued = book.create(KeyOrder("b", ("predict",)), "ada")
    book.revoke(issued.record.id, "bob", "lost")
    first = store.all()[0].disabled_at_s
    clock.now_s += 5
    book.revoke(issued.record.id, "bob")
    assert asked(ring(store, clock), issued.key) is None
    assert store.all()[0].disabled_at_s == first
    assert [one.kind for one in events] == ["key created", "key revoked"]
    assert (events[1].who, events[1].why) == ("bob", "lost")
    with pytest.raises(Conflict, match="is revoked"):
        book.rotate(issued.record.id, 10.0, "bob")


def test_while_a_key_is_replaced_both_are_valid(book, store, clock):
    order = KeyOrder("b", ("predict",), "acme", ("churn",), detail="top1")
    former = book.create(order, "ada")
    following = book.rotate(former.record.id, 60.0, "ada")
    both = ring(store, clock)
    assert asked(both, former.key) == asked(both, following.key)
    assert asked(both, following.key).detail == Detail("top1")
    clock.now_s += 60
    later = ring(store, clock)
    assert (asked(later, former.key), asked(later, following.key).name) == (None, "b")
    third = book.rotate(following.record.id, 60.0, "ada")
    assert asked(ring(store, clock), third.key).name == "b"


def test_a_key_that_was_to_last_so_long_is_followed_by_one_that_lasts_as_long(book, clock):
    former = book.create(KeyOrder("b", ("predict",), expires_at_s=clock() + 100), "ada")
    clock.now_s += 40
    following = book.rotate(former.record.id, 90.0, "ada")
    assert following.record.expires_at_s == clock() + 100
    (old,) = [one for one in book.listed() if one["id"] == former.record.id]
    assert old["expires_at_s"] == clock() + 60


def test_a_principal_has_two_valid_keys_and_no_third(book, store, clock):
    first = book.create(KeyOrder("b", ("predict",)), "ada")
    book.create(KeyOrder("b", ("predict",)), "ada")
    book.create(KeyOrder("other", ("predict",)), "ada")
    for refused in (
        lambda: book.create(KeyOrder("b", ("predict",)), "ada"),
        lambda: book.rotate(first.record.id, 1.0, "ada"),
    ):
        with pytest.raises(Conflict, match="two valid keys already"):
            refused()
    assert len(store.all()) == 3
    book.revoke(first.record.id, "ada")
    book.create(KeyOrder("b", ("predict",)), "ada")


@pytest.mark.parametrize(
    "order",
    [
        KeyOrder("", ("predict",)),
        KeyOrder("a b", ("predict",)),
        KeyOrder("a\n", ("predict",)),
        KeyOrder("jwt:ada", ("predict",)),
        KeyOrder("b", ()),
        KeyOrder("b", ("anything",)),
        KeyOrder("b", ("predict:x/y",)),
        KeyOrder("b", ("predict:risk",), endpoints=("churn*",)),
        KeyOrder("b", ("predict",), tenant="a b"),
        KeyOrder("b", ("predict",), expires_at_s=1.0),
    ],
)
def test_a_key_that_makes_no_sense_is_refused_and_nothing_is_kept(book, store, order):
    with pytest.raises(InvalidInput):
        book.create(order, "ada")
    assert store.all() == []


def test_a_key_that_there_is_not_is_neither_replaced_nor_revoked(book):
    for act in (lambda: book.revoke("0" * 10, "ada"), lambda: book.rotate("x", 1.0, "ada")):
        with pytest.raises(NotFound, match="serve-app keys list"):
            act()


def test_who_tries_made_up_keys_is_stopped_and_nobody_else(book, store, clock):
    issued = book.create(KeyOrder("b", ("predict",)), "ada")
    known = ring(store, clock, burst=20.0)
    outcomes = []
    for _ in range(100):
        try:
            outcomes.append(asked(known, new_key(secrets.token_bytes)[1]))
        except Overloaded as error:
            outcomes.append(error.details["retry_after_s"])
    assert outcomes == [None] * 20 + [1] * 80
    # A valid key is let in from there too, and others may still be wrong.
    assert asked(known, issued.key).name == "b"
    assert asked(known, "sa_wrong", source="10.0.0.2") is None
    clock.now_s += 1
    assert asked(known, "sa_wrong") is None


def test_sources_that_were_seen_are_bounded(clock):
    budget = Budget(burst=1.0, per_s=1.0, clock=clock, most_sources=100)
    for number in range(1000):
        budget.spend(f"10.0.{number // 256}.{number % 256}")
    assert len(budget._left) == 100


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        ("2001:db8:0:7:aaaa::1", "2001:db8:0:7:bbbb::2", True),
        ("2001:db8:0:7::1", "2001:db8:0:8::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("10.0.0.1", "10.0.0.2", False),
    ],
)
def test_one_customer_of_ipv6_is_one_source(clock, first, second, is_one):
    budget = Budget(burst=1.0, per_s=1.0, clock=clock)
    budget.spend(first)
    if is_one:
        with pytest.raises(Overloaded):
            budget.spend(second)
    else:
        budget.spend(second)


def test_records_survive_being_written(book, store):
    book.create(KeyOrder("b", ("predict", "read"), "t", ("a", "b*"), 5.0, 2e9), "ada")
    (record,) = store.all()
    assert KeyRecord.from_json(record.to_json()) == record
    ended = replace(record, disabled_at_s=3.0)
    assert KeyRecord.from_json(ended.to_json()) == ended


def test_a_check_takes_microseconds(book, store, clock):
    import timeit

    key = book.create(KeyOrder("b", ("predict",)), "ada").key
    known, credential = ring(store, clock), Credential("key", key, "10.0.0.1")
    spent = timeit.repeat(lambda: known.known(credential), number=2000, repeat=7)
    # A bound that a busy machine holds too; alone it takes about one.
    assert statistics.median(spent) / 2000 < 20e-6
