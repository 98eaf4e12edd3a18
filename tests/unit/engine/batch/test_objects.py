"""Output in an object store: the bytes of a folder, each row once, whatever ends a job when."""

import contextlib
import dataclasses

import fsspec
import pytest

from serve_app.batch.committed import Committed, WrittenFile
from serve_app.engine.batch.objects import OutputObjects
from serve_app.engine.batch.output import place_named
from serve_app.errors import ConfigError, Conflict, InvalidInput
from tests.unit.engine.batch.conftest import Desk
from tests.unit.engine.batch.test_kills import Killed, files

STORE = fsspec.filesystem("memory")
JOB = "job-1"


@pytest.fixture
def url(tmp_path):
    return f"memory://{tmp_path.name}/out"


@pytest.fixture
def stored(desk, url):
    """Where jobs are submitted whose output goes below the URL."""

    class Stored(Desk):
        def folder(self, name):
            return OutputObjects(url, name, self.ledger.job(name).options.format)

    return Stored(**{one.name: getattr(desk, one.name) for one in dataclasses.fields(desk)})


def objects(url):
    """All that a job wrote, without what names it."""
    root = url.removeprefix("memory:/") + "/"
    every = {path.removeprefix(root): STORE.cat_file(path) for path in STORE.find(root)}
    return {name: body for name, body in every.items() if name[:2] not in {"_c", "_j", "_m"}}


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_objects_have_the_bytes_of_the_files_of_a_folder(desk, stored, url, bad_file, kind):
    _, folder = desk.done(bad_file, out="folder", format=kind)
    status = stored.run(stored.submitted(bad_file, format=kind))
    assert (status.state, status.rows_ok, status.rows_bad) == ("SUCCEEDED_WITH_ERRORS", 36, 4)
    assert objects(url) == files(folder)


EFFECTS = {
    "put": (type(STORE), "put_file"),
    "create": (OutputObjects, "_created"),
    "copy": (type(STORE), "cp_file"),
    "sweep": (OutputObjects, "sweep"),
    "finish": (OutputObjects, "finish"),
}


@pytest.fixture(params=[True, False], ids=["after", "before"])
def after(request):
    return request.param


@pytest.fixture
def undisturbed(desk, bad_file):
    """What a folder holds after a run that nothing ended."""
    return files(desk.done(bad_file, out="undisturbed")[1])


@pytest.mark.parametrize("effect", EFFECTS)
def test_a_death_at_any_effect_changes_no_byte(
    stored, undisturbed, bad_file, monkeypatch, effect, after
):
    where, what = EFFECTS[effect]
    real, scorer = getattr(where, what), stored.scorer()
    name = stored.submitted(bad_file)
    deaths = 0
    # It dies at the first such effect, then at the second, and so on until it lives through.
    while deaths < 60:
        left = deaths + 1

        def deadly(*arguments, **named):
            nonlocal left
            left -= 1
            if not left and not after:
                raise Killed
            result = real(*arguments, **named)
            if not left:
                raise Killed
            return result

        with monkeypatch.context() as patched:
            patched.setattr(where, what, deadly)
            with contextlib.suppress(Killed):
                status = stored.run(name, lambda: scorer)
                break
        deaths += 1
    assert 0 < deaths < 60
    assert (status.state, status.rows_ok, status.rows_bad) == ("SUCCEEDED_WITH_ERRORS", 36, 4)
    assert objects(stored.folder(name).root) == undisturbed


def attempt(place, number, content):
    """What an attempt at the first shard wrote."""
    output, _ = place.temporary(0, number)
    output.write_bytes(content)
    return Committed(JOB, 0, number, 1, 1, 0, WrittenFile(len(content), "0" * 64))


def test_of_two_attempts_the_first_counts_and_the_second_is_told(url):
    first, second = OutputObjects(url, JOB, "csv"), OutputObjects(url, JOB, "csv")
    first.claim()
    second.claim()
    mine = attempt(first, 1, b"first")
    assert first.commit(mine) == mine
    assert second.commit(attempt(second, 2, b"the second")) == mine
    assert objects(url)["part-00000.csv"] == b"first"


def test_a_commit_whose_objects_are_gone_says_so(url):
    place = OutputObjects(url, JOB, "csv")
    place.claim()
    done = place.commit(attempt(place, 1, b"first"))
    STORE.rm_file(f"{url}/part-00000.csv".removeprefix("memory:/"))
    assert place.settle(done)
    STORE.rm_file(f"{url}/part-00000.csv".removeprefix("memory:/"))
    place.sweep()
    assert not place.settle(done)
    place.discard(0)
    assert place.committed(0) is None


def test_a_place_of_other_things_is_refused(url):
    STORE.pipe_file(f"{url}/mine.txt", b"mine")
    with pytest.raises(Conflict, match=r"holds other objects, such as mine\.txt"):
        OutputObjects(url, JOB, "csv").claim()


def test_a_place_of_another_job_is_refused(url):
    OutputObjects(url, JOB, "csv").claim()
    assert OutputObjects(url, JOB, "csv").is_claimed()
    other = OutputObjects(url, "job-2", "csv")
    assert not other.is_claimed()
    with pytest.raises(Conflict, match="the output of another job"):
        other.claim()


def test_a_store_that_replaces_what_was_only_to_be_created_is_refused(url, monkeypatch):
    place = OutputObjects(url, JOB, "csv")

    def careless(_, path, content):
        STORE.pipe_file(path, content)
        return True

    monkeypatch.setattr(place, "_create", careless)
    with pytest.raises(ConfigError, match="does not know conditional writes"):
        place.claim()
    assert objects(url) == {}


def test_what_a_store_raises_names_the_object(url, monkeypatch):
    class Library(Exception):
        pass

    def failing(path, **_):
        raise Library("no route")

    monkeypatch.setattr(STORE, "info", failing)
    with pytest.raises(OSError, match=r"memory://.*_SUCCESS: no route"):
        OutputObjects(url, JOB, "csv").is_finished()


@pytest.mark.parametrize("out", ["gs://bucket/out", "http://host/out", "s3://", "s3:///"])
def test_other_storages_are_refused_in_words(out):
    with pytest.raises(InvalidInput, match=r"a folder of this machine or .* S3"):
        place_named(out)
