"""The log of a SQLite file is kept as long as somebody wants it, and loses nothing then."""

import gc
from contextlib import closing

from serve_app.core.durable import changing, connect, connected, keep_log


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
