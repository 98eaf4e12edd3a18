"""The keys of subjects: made once, wrapped, and destroyed for good."""

import stat

import pytest

from serve_app.errors import InvalidInput, RecordsFailed
from serve_app.security.subjects import SubjectSecret
from serve_app.storage.privacy.subject_keys import SubjectKeys
from tests.unit.storage.privacy.conftest import SECRET, keeping_in


def test_a_subject_keeps_its_key_whoever_opens_the_file(tmp_path):
    first = keeping_in(tmp_path).keys.for_writing(["a", "b"], 1.0)
    again = keeping_in(tmp_path).keys
    assert again.for_writing(["a"], 2.0) == {"a": first["a"]}
    assert again.known(["a", "b", "c"]) == {"a": first["a"].key, "b": first["b"].key}
    assert first["a"].key != first["b"].key


def test_many_subjects_at_once_have_a_key_each(keeping):
    names = [f"s-{n}" for n in range(1_201)]
    keys = keeping.keys.for_writing(names, 1.0)
    assert len({one.key for one in keys.values()}) == len(names)
    assert keeping.keys.known(names) == {name: one.key for name, one in keys.items()}


def test_what_is_erased_is_gone_from_the_file_and_stays_so(tmp_path):
    keeping = keeping_in(tmp_path)
    keeping.keys.for_writing(["a", "b"], 1.0)
    path = tmp_path / "keys.db"
    wrapped = _wrapped(path)
    assert keeping.keys.erase("a", 5.0)
    content = b"".join(one.read_bytes() for one in tmp_path.iterdir())
    assert wrapped["a"] not in content
    assert wrapped["b"] in content
    again = keeping_in(tmp_path).keys
    assert again.known(["a", "b"]).keys() == {"b"}
    assert again.erased_at_s("a") == 5.0
    assert again.erased_at_s("b") is None
    assert not again.erase("a", 6.0)


def test_who_comes_again_has_another_key_and_is_known_to_have_been_erased(keeping):
    former = keeping.keys.for_writing(["a"], 1.0)["a"]
    keeping.keys.erase("a", 5.0)
    later = keeping.keys.for_writing(["a"], 9.0)["a"]
    assert later.key != former.key
    assert later.erased_at_s == 5.0


def test_nothing_in_the_file_is_a_key_and_nobody_else_reads_it(tmp_path):
    keeping = keeping_in(tmp_path)
    key = keeping.keys.for_writing(["a"], 1.0)["a"].key
    files = list(tmp_path.iterdir())
    assert not any(key in one.read_bytes() for one in files)
    assert {stat.S_IMODE(one.stat().st_mode) for one in files} == {0o600}


def test_another_secret_is_refused_in_words(tmp_path):
    keeping_in(tmp_path).keys.for_writing(["a"], 1.0)
    other = SubjectKeys(tmp_path / "keys.db", SubjectSecret(SECRET[::-1]))
    for attempt in (other.check, lambda: other.known(["a"])):
        with pytest.raises(InvalidInput, match="are not those of this secret"):
            attempt()


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "keys.db").write_bytes(b"something else" * 100)
    with pytest.raises(RecordsFailed, match=r"the keys of subjects in .*keys\.db cannot be used"):
        keeping_in(tmp_path).keys.check()


def test_before_the_first_key_nothing_is_made(tmp_path):
    keys = keeping_in(tmp_path).keys
    assert keys.known(["a"]) == {}
    assert keys.erased_at_s("a") is None
    assert keys.for_writing([], 1.0) == {}
    assert list(tmp_path.iterdir()) == []


def _wrapped(path):
    import sqlite3

    with sqlite3.connect(path) as connection:
        return dict(connection.execute("SELECT subject, wrapped FROM subject_keys"))
