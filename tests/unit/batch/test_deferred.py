"""What is kept of requests that are answered later."""

import sqlite3

import pytest

from serve_app.batch.deferred import FILE, DeferredRequest, DeferredStore, GivenAnswer
from serve_app.errors import ConfigError, NotFound, Overloaded

ANSWER = GivenAnswer(200, (("x-variant", "line@1"), ("content-type", "a/b")), b"\x00answer")


class Kept:
    """A store with a clock that a test sets."""

    def __init__(self, folder, **more):
        self.now, self.file = 100.0, folder / FILE
        settings = {"keep_s": 60, "max_kept": 8, **more}
        self.store = DeferredStore(self.file, clock=lambda: self.now, **settings)

    def submit(self, name, owner="tenant house"):
        request = DeferredRequest(
            "own", "risk", owner, {"endpoint": "risk"}, (("accept", "a/b"),), b"{}\xff"
        )
        self.store.submit(name, request, "p")
        return request


@pytest.fixture
def kept(tmp_path):
    return Kept(tmp_path)


def test_a_request_and_its_answer_come_back_as_they_were(kept):
    request = kept.submit("a")
    assert kept.store.request("a") == request
    assert kept.store.show("own", "a").state == "PENDING"
    assert kept.store.begin("a")
    assert kept.store.show("own", "a").state == "RUNNING"
    kept.now = 107.0
    kept.store.end("a", ANSWER)
    stands = kept.store.show("own", "a")
    assert (stands.state, stands.status, stands.submitted_at_s, stands.ended_at_s) == (
        "DONE", 200, 100.0, 107.0,
    )  # fmt: skip
    assert kept.store.answer("a") == ANSWER


def test_what_was_cancelled_gets_no_answer(kept):
    kept.submit("a")
    kept.store.begin("a")
    assert kept.store.cancel("a")
    kept.store.end("a", ANSWER)
    assert kept.store.show("own", "a").state == "CANCELLED"
    assert not kept.store.begin("a")
    assert not kept.store.cancel("a")
    with pytest.raises(NotFound):
        kept.store.answer("a")


def test_what_is_old_is_not_there_any_more_and_then_deleted(kept):
    kept.submit("a")
    kept.now = 161.0
    with pytest.raises(NotFound, match="kept for"):
        kept.store.show("own", "a")
    kept.submit("b")
    assert kept.store.forget_old() == 1
    with sqlite3.connect(kept.file) as connection:
        assert connection.execute("SELECT name FROM answer").fetchall() == [("b",)]


def test_what_is_in_the_words_of_one_system_is_not_there_in_those_of_another(kept):
    kept.submit("a")
    with pytest.raises(NotFound):
        kept.store.show("other", "a")


def test_no_owner_has_more_than_a_quarter_of_the_places(kept):
    kept.submit("a")
    kept.submit("b")
    with pytest.raises(Overloaded, match="2 answers are kept for you"):
        kept.submit("c")
    kept.submit("c", owner="tenant other")
    kept.store.forget("a")
    kept.submit("d")


def test_callers_whom_nobody_knows_share_all_places_and_no_more(tmp_path):
    kept = Kept(tmp_path, shared=frozenset({"nobody"}))
    for number in range(8):
        kept.submit(f"a{number}", owner="nobody")
    with pytest.raises(Overloaded, match="8 answers are kept, and no more are"):
        kept.submit("b", owner="tenant house")


def test_a_file_of_a_later_release_or_of_something_else_is_refused(tmp_path, kept):
    with sqlite3.connect(kept.file) as connection:
        connection.execute("PRAGMA user_version = 9")
    with pytest.raises(ConfigError, match="later release"):
        Kept(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / FILE).write_bytes(b"no database" * 100)
    with pytest.raises(ConfigError, match="holds no answers"):
        Kept(tmp_path / "other")


def test_nobody_else_of_the_machine_reads_the_file(kept):
    assert kept.file.stat().st_mode & 0o077 == 0
