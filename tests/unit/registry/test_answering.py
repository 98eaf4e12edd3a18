"""A registry elsewhere answers in time, or it is said that it does not."""

import threading
import time

import fsspec
import pytest
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem

from serve_app.errors import RegistryFailed
from serve_app.registry import answering
from serve_app.registry.files import Files


class Elsewhere(DirFileSystem):
    """Files of this machine that are asked for as those of another one; it may be silent."""

    protocol = "elsewhere"
    silent = threading.Event()
    goes_on = threading.Event()

    @classmethod
    def _strip_protocol(cls, path):
        return path.removeprefix("elsewhere://")

    def invalidate_cache(self, path=None):
        """Nothing is cached."""

    def _join(self, path):
        if self.silent.is_set():
            self.goes_on.wait(10)
        return super()._join(path)


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setattr(answering.Answering.__init__, "__defaults__", (0.2, time.monotonic))
    monkeypatch.setattr(
        fsspec,
        "url_to_fs",
        lambda _: (Elsewhere(str(tmp_path), LocalFileSystem(), skip_instance_cache=True), "models"),
    )
    monkeypatch.setattr(answering, "_silences_s", {})
    (tmp_path / "models").mkdir()
    yield Files("elsewhere://models")
    Elsewhere.silent.clear()
    Elsewhere.goes_on.set()


def test_what_is_elsewhere_is_read_written_and_removed(files):
    assert files.create("a/1", b"content")
    assert not files.create("a/1", b"other")
    assert files.read("a/1") == b"content"
    assert files.read("a/2") is None
    assert files.exists("a/1")
    assert files.names("a") == ["1"]
    files.remove("a/1")
    assert not files.exists("a/1")
    files.remove_folder("a")
    assert files.names("") == []


@pytest.mark.parametrize(
    "operation",
    [
        lambda files: files.names("a"),
        lambda files: files.exists("a/1"),
        lambda files: files.read("a/1"),
        lambda files: files.create("a/1", b"x"),
        lambda files: files.remove("a/1"),
    ],
)
def test_a_server_that_is_silent_is_named_in_time(files, operation):
    Elsewhere.goes_on.clear()
    Elsewhere.silent.set()
    began_s = time.monotonic()
    with pytest.raises(RegistryFailed, match=r"models.*did not answer within 0 s"):
        operation(files)
    assert time.monotonic() - began_s < 5


def test_a_server_that_was_silent_is_waited_for_a_moment_until_it_answers(files, monkeypatch):
    monkeypatch.setattr(answering, "AGAIN_S", 0.01)
    answers = answering.Answering(None, "s3://models")
    clock_s = [100.0]
    monkeypatch.setattr(answers, "_clock", lambda: clock_s[0])
    goes_on = threading.Event()
    for is_first in (True, False, False):
        began_s = time.monotonic()
        with pytest.raises(TimeoutError):
            answers._within(goes_on.wait)
        assert (time.monotonic() - began_s >= 0.2) == is_first
        clock_s[0] += 1.0
    # Another server is none that was silent, and this one is forgiven after a while, or at once.
    assert answering.Answering(None, "s3://others")._patience_s() == 0.2
    assert answers._patience_s() == 0.01
    clock_s[0] += answering.REMEMBERED_S
    assert answers._patience_s() == 0.2
    clock_s[0] -= answering.REMEMBERED_S
    assert answers._within(lambda: 3) == 3
    assert answers._patience_s() == 0.2
    goes_on.set()


def test_large_files_have_more_time(files, monkeypatch):
    monkeypatch.setattr(answering, "BYTES_PER_S", 10)
    files.create("a/1", b"x" * 10)
    slow = Elsewhere.cat_file

    def cat_file(self, path, *rest, **more):
        time.sleep(0.5)
        return slow(self, path, *rest, **more)

    monkeypatch.setattr(Elsewhere, "cat_file", cat_file)
    assert files.read("a/1") == b"x" * 10
