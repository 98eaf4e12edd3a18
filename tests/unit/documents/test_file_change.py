"""A file is replaced whole, and never over somebody else's change."""

import pytest

from serve_app.documents.file_change import FileChange, read_text
from serve_app.errors import Conflict


def test_a_file_is_replaced_with_its_mode_and_line_ends(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_bytes(b"a: 1\r\n")
    file.chmod(0o640)
    FileChange(file, "a: 1\r\n", "a: 2\r\n").write()
    assert file.read_bytes() == b"a: 2\r\n"
    assert file.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in tmp_path.iterdir()] == ["a.yaml"]


def test_a_link_stays_a_link(tmp_path):
    file, link = tmp_path / "a.yaml", tmp_path / "link.yaml"
    file.write_text("a: 1\n")
    link.symlink_to(file)
    FileChange(link, "a: 1\n", "a: 2\n").write()
    assert link.is_symlink()
    assert read_text(file) == "a: 2\n"


def test_what_somebody_changed_meanwhile_stays(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("a: 3\n")
    with pytest.raises(Conflict, match="was changed meanwhile"):
        FileChange(file, "a: 1\n", "a: 2\n").write()
    assert read_text(file) == "a: 3\n"
    assert [one.name for one in tmp_path.iterdir()] == ["a.yaml"]


def test_the_difference_is_shown_as_diff_shows_it(tmp_path):
    change = FileChange(tmp_path / "a.yaml", "a: 1\nb: 1\n", "a: 2\nb: 1\n")
    assert change.diff().splitlines()[2:] == ["@@ -1,2 +1,2 @@", "-a: 1", "+a: 2", " b: 1"]
