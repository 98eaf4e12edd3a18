"""Old lines of an audit log are let go, and what is left still follows from a signed anchor."""

import json
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve_app.security import audit_reading, retention
from serve_app.security.audit import AuditEvent, AuditLog, Keeping
from serve_app.security.signing import key_id, key_pair, private_key, public_key
from tests.clocks import Clock

PRIVATE, PUBLIC = key_pair()
KEY = private_key(PRIVATE)
KEYS = {key_id(public_key(PUBLIC)): public_key(PUBLIC)}
DAY_S = 86_400.0
NOON_S = 1_795_262_400.0


def event(actor="ada"):
    return AuditEvent("set_weights", "endpoint churn", "done", actor)


def opened(tmp_path, clock, retain_days=None, key=KEY):
    retain_s = None if retain_days is None else retain_days * DAY_S
    keeping = Keeping(key, tmp_path / "copy", retain_s=retain_s)
    return AuditLog(tmp_path / "audit", "gateway", clock, keeping)


def chains(tmp_path):
    files = sorted((tmp_path / "audit").glob("*.jsonl"))
    return [one for one in files if len(one.suffixes) == 1]


def verified(tmp_path, keys=KEYS, copy=None):
    folder = tmp_path / "audit"
    return [
        audit_reading.verify(folder, one, keys, copy) for one in audit_reading.writers(folder, copy)
    ]


@pytest.fixture
def clock():
    return Clock(NOON_S)


@pytest.fixture
def shortened(tmp_path, clock):
    """A log of a line a day for ten days, of which those of the last three days are kept."""
    log = opened(tmp_path, clock)
    for _ in range(10):
        log.write(event())
        clock.now_s += DAY_S
    log.close()
    log = opened(tmp_path, clock, retain_days=3.5)
    log.close()
    return tmp_path


def bodies(path):
    return [json.loads(line.partition(" ")[2]) for line in path.read_text().splitlines()]


def test_lines_that_are_older_are_gone_and_a_line_says_so(shortened):
    (file,) = chains(shortened)
    kept = bodies(file)
    assert [one["seq"] for one in kept] == [8, 9, 10, 11]
    assert kept[-1]["action"] == "let_go"
    assert kept[-1]["object"].endswith("up to 7")
    assert oct(file.stat().st_mode & 0o777) == "0o600"


@pytest.mark.parametrize("lost", ["audit", "copy"])
def test_what_is_left_is_verified_by_the_anchor_of_either_folder(shortened, lost):
    for file in (shortened / lost).glob("*.anchors.jsonl"):
        file.unlink()
    (done,) = verified(shortened, copy=shortened / "copy")
    assert (done.let_go, done.lines, done.signed, done.problem) == (7, 11, 11, None)


def test_a_chain_that_was_cut_without_an_anchor_is_refused(shortened):
    (file,) = chains(shortened)
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[1:]))
    (done,) = verified(shortened)
    assert done.line == 1
    assert "begins with line 9, and no anchor" in done.problem


def test_without_a_key_nothing_tells_whether_lines_were_let_go(shortened):
    (done,) = verified(shortened, {})
    assert "--key alone tells" in done.problem


def test_an_anchor_of_another_key_does_not_count(shortened):
    other = public_key(key_pair()[1])
    (done,) = verified(shortened, {key_id(other): other})
    assert "is not signed" in done.problem


def test_a_checkpoint_is_no_anchor(shortened):
    for file in (shortened / "audit").glob("*.checkpoints.jsonl"):
        file.rename(file.with_name(file.name.replace("checkpoints", "anchors")))
    (done,) = verified(shortened)
    assert "anchor 1 in" in done.problem


def test_a_line_that_was_changed_after_the_cut_is_named(shortened):
    (file,) = chains(shortened)
    file.write_bytes(file.read_bytes().replace(b'"ada"', b'"eve"', 1))
    (done,) = verified(shortened)
    assert (done.line, done.let_go) == (8, 7)


def test_the_writer_goes_on_and_lets_more_go_later(shortened, clock):
    clock.now_s += 2 * DAY_S
    log = opened(shortened, clock, retain_days=3.5)
    assert log.write(event()) == 13
    log.close()
    (done,) = verified(shortened)
    assert (done.let_go, done.lines, done.problem) == (9, 13, None)


def test_lines_that_somebody_changed_are_not_let_go(tmp_path, clock, caplog):
    log = opened(tmp_path, clock)
    for _ in range(5):
        log.write(event())
    log.close()
    (file,) = chains(tmp_path)
    file.write_bytes(file.read_bytes().replace(b'"ada"', b'"eve"', 1))
    clock.now_s += 100 * DAY_S
    with caplog.at_level(logging.ERROR):
        opened(tmp_path, clock, retain_days=1).close()
    assert len(bodies(file)) == 5
    assert "old lines of the audit log are not let go" in caplog.text
    (done,) = verified(tmp_path)
    assert done.line == 1


def test_lines_of_a_process_that_ended_are_let_go_too(tmp_path, clock):
    first, second = opened(tmp_path, clock), opened(tmp_path, clock)
    for log in (first, second):
        for _ in range(3):
            log.write(event())
    second.close()
    clock.now_s += 10 * DAY_S
    third = opened(tmp_path, clock, retain_days=1)
    third.close()
    # The first still runs: its lines are its own matter.
    assert [len(bodies(file)) for file in chains(tmp_path)] == [3, 2]
    first.close()
    opened(tmp_path, clock, retain_days=1).close()
    assert all(done.problem is None for done in verified(tmp_path))


def test_nothing_goes_before_the_anchor_is_written(tmp_path, clock, monkeypatch):
    log = opened(tmp_path, clock)
    for _ in range(4):
        log.write(event())
    log.close()
    clock.now_s += 10 * DAY_S

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(retention, "append", full)
    opened(tmp_path, clock, retain_days=1).close()
    (file,) = chains(tmp_path)
    assert [one["seq"] for one in bodies(file)] == [1, 2, 3, 4, 5]
    monkeypatch.undo()
    opened(tmp_path, clock, retain_days=1).close()
    assert [done.problem for done in verified(tmp_path)] == [None]


def test_a_crash_between_the_anchor_and_the_cut_loses_nothing(tmp_path, clock, monkeypatch):
    log = opened(tmp_path, clock)
    for _ in range(4):
        log.write(event())
    log.close()
    clock.now_s += 10 * DAY_S
    monkeypatch.setattr(retention, "sync", lambda _: None)
    monkeypatch.setattr(retention.Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(5)))
    opened(tmp_path, clock, retain_days=1).close()
    (done,) = verified(tmp_path)
    assert (done.let_go, done.lines, done.problem) == (0, 5, None)


@settings(max_examples=25, deadline=None)
@given(ages=st.lists(st.integers(0, 20), min_size=1, max_size=12), retain=st.integers(1, 20))
def test_what_is_younger_stays_and_the_chain_holds(tmp_path_factory, ages, retain):
    tmp_path = tmp_path_factory.mktemp("log")
    clock = Clock(NOON_S)
    log = opened(tmp_path, clock)
    ages = sorted(ages, reverse=True)
    for age in ages:
        clock.now_s = NOON_S - age * DAY_S
        log.write(event(f"a{age}"))
    clock.now_s = NOON_S
    log.close()
    opened(tmp_path, clock, retain_days=retain + 0.5).close()
    (done,) = verified(tmp_path)
    (file,) = chains(tmp_path)
    kept = [int(one["actor"][1:]) for one in bodies(file) if one["action"] == "set_weights"]
    # The last line of a chain stays, whatever its age, until another follows.
    assert kept == [age for age in ages if age <= retain] or kept == ages[-1:]
    assert done.problem is None
