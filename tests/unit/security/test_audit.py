"""An audit log: what is written is there, and whatever else is done to it is noticed."""

import errno
import hashlib
import json
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve_app.errors import ConfigError, NotFound, NotReady
from serve_app.security import audit, audit_reading
from serve_app.security.audit import AuditEvent, AuditLog, Keeping, digest_of
from serve_app.security.chain import body_of
from serve_app.security.chain import written as link_written
from serve_app.security.signing import key_id, key_pair, private_key, public_key

PRIVATE, PUBLIC = key_pair()
KEY = private_key(PRIVATE)
KEYS = {key_id(public_key(PUBLIC)): public_key(PUBLIC)}
NOON_S = 1_795_262_400.0


def event(number=0):
    return AuditEvent("set_weights", f"endpoint e{number}", "begun", "ada", "clinic", f"r-{number}")


def log(folder, **keeping):
    return AuditLog(folder, "gateway", lambda: NOON_S, Keeping(KEY, **keeping))


@pytest.fixture
def written(tmp_path):
    """The folder of a log of seven lines, checkpoints of the third and the last."""
    made = log(tmp_path / "audit", copy_to=tmp_path / "copy")
    for number in range(7):
        made.write(event(number))
        if number == 2:
            made.checkpoint()
    made.close()
    return tmp_path / "audit"


def chain(folder):
    (file,) = [one for one in folder.glob("*.jsonl") if "checkpoints" not in one.name]
    return file


def verified(folder, keys=KEYS, copy=None):
    (writer,) = audit_reading.writers(folder, copy)
    return audit_reading.verify(folder, writer, keys, copy)


def test_a_line_is_what_happened_after_the_hash_of_all_before_it(written):
    before = "0" * 64
    for number, line in enumerate(chain(written).read_text().splitlines(), 1):
        own, _, text = line.partition(" ")
        assert own == hashlib.sha256((before + text).encode()).hexdigest()
        body = json.loads(text)
        assert (body["seq"], body["time"]) == (number, "2026-11-21T12:00:00.000+00:00")
        assert (body["actor"], body["tenant"]) == ("ada", "clinic")
        before = own


def test_a_log_that_nobody_touched_is_right(written):
    done = verified(written)
    assert (done.lines, done.signed, done.problem) == (7, 7, None)
    assert oct(chain(written).stat().st_mode & 0o777) == "0o600"
    assert oct(written.stat().st_mode & 0o777) == "0o700"


def test_the_next_process_goes_on_with_the_chain(written):
    made = log(written)
    assert made.write(event()) == 8
    made.close()
    assert verified(written).lines == 8


def test_two_processes_at_once_have_a_chain_each(written):
    first, second = log(written), log(written)
    assert first.writer != second.writer
    assert (first.write(event()), second.write(event())) == (8, 1)
    first.close()
    second.close()


@pytest.mark.parametrize("place", range(7))
def test_a_line_that_was_changed_is_named(written, place):
    lines = chain(written).read_bytes().splitlines(keepends=True)
    lines[place] = lines[place].replace(b'"ada"', b'"eve"')
    chain(written).write_bytes(b"".join(lines))
    assert verified(written).line == place + 1
    assert verified(written, {}).line == place + 1


@pytest.mark.parametrize("place", range(7))
def test_a_line_that_was_removed_is_named(written, place):
    lines = chain(written).read_bytes().splitlines(keepends=True)
    chain(written).write_bytes(b"".join(lines[:place] + lines[place + 1 :]))
    assert verified(written).line == place + 1


@pytest.mark.parametrize("place", range(6))
def test_lines_that_were_exchanged_are_named(written, place):
    lines = chain(written).read_bytes().splitlines(keepends=True)
    lines[place], lines[place + 1] = lines[place + 1], lines[place]
    chain(written).write_bytes(b"".join(lines))
    assert verified(written).line == place + 1


@pytest.mark.parametrize("left", range(7))
def test_a_tail_that_was_cut_is_named_where_there_are_checkpoints(written, left):
    lines = chain(written).read_bytes().splitlines(keepends=True)
    chain(written).write_bytes(b"".join(lines[:left]))
    done = verified(written)
    assert done.line == left + 1
    assert "7 lines were signed" in done.problem or left < 3
    # Nothing else could tell.
    assert verified(written, {}).problem is None


def rewritten(folder, actor):
    """The same log, of which somebody made a whole new chain."""
    from serve_app.security.chain import START, written

    hash_, lines = START, b""
    for number in range(7):
        text = chain(folder).read_text().splitlines()[number].partition(" ")[2]
        body = json.loads(text)
        body["actor"] = actor if number >= 4 else body["actor"]
        hash_, line = written(hash_, body)
        lines += line
    chain(folder).write_bytes(lines)


def test_a_file_that_was_replaced_is_noticed(written):
    rewritten(written, "eve")
    assert verified(written, {}).problem is None
    done = verified(written)
    assert done.line == 4
    assert "up to line 7 is not the one that was signed" in done.problem


def test_a_file_that_was_removed_is_noticed(written):
    chain(written).unlink()
    done = verified(written)
    assert (done.line, done.lines) == (1, 0)
    assert "7 lines were signed" in done.problem or "3 lines were signed" in done.problem


def test_checkpoints_that_were_removed_too_are_in_the_other_folder(written, tmp_path):
    for file in written.glob("*.jsonl"):
        file.unlink()
    with pytest.raises(NotFound, match="no audit log"):
        verified(written)
    assert verified(written, copy=tmp_path / "copy").problem is not None


def test_checkpoints_of_another_key_do_not_count(written):
    other = private_key(key_pair()[0])
    (file,) = written.glob("*.checkpoints.jsonl")
    from serve_app.security.checkpoints import Checkpoint

    line = Checkpoint("gateway-x-1", 7, "0" * 64, NOON_S).line(other)
    file.write_bytes(file.read_bytes() + line)
    assert "checkpoint 3 in" in verified(written).problem
    file.write_bytes(b"{}\n")
    assert "is damaged" in verified(written).problem


@pytest.mark.parametrize("torn", [1, 50, 200])
def test_a_line_that_a_crash_tore_is_taken_away_and_that_is_noted(written, torn):
    content = chain(written).read_bytes()
    chain(written).write_bytes(content + content.splitlines()[-1][:torn])
    made = log(written)
    made.write(event())
    made.close()
    done = verified(written)
    assert (done.lines, done.problem) == (9, None)
    (noted,) = [one for one in audit_reading.all_events(written) if one["result"] == "repaired"]
    assert noted["seq"] == 8
    assert f"a last line of {torn} bytes was torn" in noted["problem"]


def problems(folder):
    return [one["problem"] for one in audit_reading.all_events(folder) if one["problem"]]


def test_a_line_that_somebody_appended_while_nobody_wrote_is_noted(written):
    file = chain(written)
    last = file.read_bytes().splitlines()[-1]
    body = {**body_of(last[65:]), "seq": 8, "actor": "mallory"}
    with file.open("ab") as opened:
        opened.write(link_written(last[:64].decode(), body)[1])
    assert verified(written).problem is None
    log(written).close()
    (problem,) = problems(written)
    assert problem.startswith("lines 8 to 8 stood without a checkpoint of this key: the process")
    assert verified(written).problem is None


@pytest.mark.parametrize("copied", [False, True])
def test_a_log_that_ended_as_it_should_is_gone_on_with_in_silence(written, tmp_path, copied):
    if copied:
        (checkpoints,) = written.glob("*.checkpoints.jsonl")
        checkpoints.unlink()
    log(written, copy_to=tmp_path / "copy").close()
    assert problems(written) == []


def test_a_log_whose_last_line_is_damaged_is_not_continued(written):
    chain(written).write_bytes(chain(written).read_bytes() + b"nonsense\n")
    with pytest.raises(ConfigError, match="its last line is damaged; look at it"):
        log(written)


def test_what_cannot_be_written_is_refused_and_leaves_nothing(written, monkeypatch):
    made = log(written)
    before = chain(written).read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(audit.os, "fsync", full)
    with pytest.raises(NotReady, match=r"set_weights is not done.*No space left on device"):
        made.write(event())
    assert chain(written).read_bytes() == before
    monkeypatch.undo()
    assert made.write(event()) == 8
    made.close()
    assert verified(written).problem is None


def test_a_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be kept in"):
        log(tmp_path / "file" / "audit")


def test_checkpoints_come_by_themselves(tmp_path):
    made = log(tmp_path, every_lines=3, every_s=3600)
    for number in range(7):
        made.write(event(number))
    (file,) = tmp_path.glob("*.checkpoints.jsonl")
    assert len(file.read_bytes().splitlines()) == 2
    made.close()
    assert len(file.read_bytes().splitlines()) == 3


def test_what_a_killed_process_wrote_is_there(tmp_path):
    code = (
        "import os, sys; from pathlib import Path\n"
        "from serve_app.security.audit import AuditEvent, AuditLog\n"
        "log = AuditLog(Path(sys.argv[1]), 'gateway', lambda: 0.0)\n"
        "log.write(AuditEvent('delete', 'm@1', 'begun', 'ada'))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, env=os.environ)
    assert done.returncode == -9
    assert [one["action"] for one in audit_reading.all_events(tmp_path)] == ["delete"]
    made = log(tmp_path)
    assert made.write(event()) == 3
    assert [one["action"] for one in audit_reading.all_events(tmp_path)][1] == "audit"
    made.close()


def test_digests_tell_states_apart_and_say_nothing_of_them():
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": 2})


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_no_bit_can_be_changed_unseen(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("audit")
    made = log(folder)
    for number in range(3):
        made.write(event(number))
    made.close()
    content = bytearray(chain(folder).read_bytes())
    place = data.draw(st.integers(0, len(content) * 8 - 1))
    content[place // 8] ^= 1 << place % 8
    chain(folder).write_bytes(bytes(content))
    assert verified(folder).problem is not None
