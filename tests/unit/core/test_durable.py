"""What is in a SQLite file once a call returns: its log is kept, and a full disk loses nothing."""

import gc
from contextlib import closing

import pytest

from serve_app.core import durable
from serve_app.core.durable import Busy, NoRoom, changing, connect, connected, keep_log, transaction


class Owner:
    """Whoever uses a file."""


def test_the_log_is_kept_while_its_owner_lives(tmp_path):
    file, log = tmp_path / "rows.sqlite", tmp_path / "rows.sqlite-wal"
    with closing(connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE one (number INTEGER)")
    assert not log.exists()
    owner = Owner()
    keep_log(file, owner)
    for number in range(3):
        with changing(file) as connection:
            connection.execute("INSERT INTO one VALUES (?)", (number,))
        assert log.exists()
    del owner
    gc.collect()
    assert not log.exists()
    with connected(file) as connection:
        assert connection.execute("SELECT count(*) FROM one").fetchone() == (3,)


def write(connection, *texts):
    """Write rows in one transaction."""
    with transaction(connection):
        for text in texts:
            connection.execute("INSERT INTO row VALUES (?)", (text,))


def test_a_full_disk_says_which_file_it_cannot_take_and_changes_nothing(tmp_path):
    file = tmp_path / "ledger.sqlite"
    with closing(connect(file)) as connection:
        connection.execute("CREATE TABLE row (text)")
        # As a disk that takes no more pages than there are.
        connection.execute("PRAGMA max_page_count = 3")
        with pytest.raises(NoRoom, match=f"{file} cannot be written, the disk is full"):
            write(connection, "x", "x" * 100_000)
        connection.execute("PRAGMA max_page_count = 1000")
        write(connection, "y")
        assert connection.execute("SELECT text FROM row").fetchall() == [("y",)]


def test_a_file_that_another_process_does_not_let_go_of_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(durable, "BUSY_S", 0.01)
    file = tmp_path / "one.db"
    with connected(file) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Busy, match=f"has been writing {file} for"), changing(file):
            pass
