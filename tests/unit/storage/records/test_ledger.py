"""The numbers of compacted deliveries."""

import pytest

from serve_app.errors import RecordsFailed
from serve_app.storage.records.ledger import FILE, MAX_RANGES, Ledger


def test_unbroken_numbers_are_one_range(files):
    ledger = Ledger(files)
    ledger.add([("a", 1), ("a", 2), ("a", 4), ("b", 9)])
    ledger.add([("a", 3)])
    again = Ledger(files)
    assert [n for n in range(6) if again.holds("a", n)] == [1, 2, 3, 4]
    assert again.holds("b", 9)
    assert not again.holds("c", 1)
    assert files.read(FILE) == b'{"b": [[9, 9]], "a": [[1, 4]]}'


def test_many_gaps_are_closed_from_below(files):
    ledger = Ledger(files)
    ledger.add([("a", 2 * n) for n in range(MAX_RANGES + 10)])
    assert ledger.holds("a", 1)
    assert not ledger.holds("a", 2 * (MAX_RANGES + 10) - 3)


@pytest.mark.parametrize("content", [b"{", b"[1]", b'{"a": 3}', b'{"a": [["x", 1]]}'])
def test_a_damaged_file_is_not_taken_for_an_empty_one(files, content):
    files.write(FILE, content)
    with pytest.raises(RecordsFailed, match=r"compacted\.json is damaged"):
        Ledger(files).holds("a", 1)
