"""A file of keys is replaced whole, and read by its owner alone."""

import stat

import pytest

from serve_app.core.access import KeyRecord
from serve_app.errors import ConfigError, RegistryFailed
from serve_app.storage.keys_file import KeysFile


def key(identity, **more):
    return KeyRecord(identity, "ab" * 32, "billing", ("predict",), **more)


def test_what_is_kept_is_read_again_and_replaced_by_its_id(tmp_path):
    file = KeysFile(tmp_path / "keys.json")
    assert (file.all(), file.stamp()) == ([], (0, 0))
    file.put(key("1"), key("2"))
    before = file.stamp()
    file.put(key("2", disabled_at_s=3.0))
    assert KeysFile(file.path).all() == [key("1"), key("2", disabled_at_s=3.0)]
    assert file.stamp() != before
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["keys.json"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys": [1]}', '{"keys": [{"id": 1}]}', "\0"])
def test_what_is_no_file_of_keys_is_refused_and_left_as_it_is(tmp_path, text):
    place = tmp_path / "keys.json"
    place.write_text(text)
    for act in (KeysFile(place).all, lambda: KeysFile(place).put(key("1"))):
        with pytest.raises(ConfigError, match="is no file of keys"):
            act()
    assert place.read_text() == text


def test_where_nothing_can_be_written_the_place_is_named(tmp_path):
    with pytest.raises(RegistryFailed, match="cannot be written"):
        KeysFile(tmp_path / "missing" / "keys.json").put(key("1"))
