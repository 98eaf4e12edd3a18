"""Whatever ends a job, and when: each row is in the output once, and the bytes are the same."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from serve_app.engine.batch import attempts, folder, written
from serve_app.engine.batch.folder import OutputFolder
from serve_app.registry.store import Registry


class Killed(BaseException):
    """What a process does no more."""


def files(root):
    """All that a job wrote, without what names it."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.parent.name != "_commits" and path.name[:2] not in {"_j", "_m"}
    }


EFFECTS = {
    "sync": (written, "sync"),
    "create": (OutputFolder, "_created"),
    "place": (folder, "place"),
    "sync folder": (folder, "sync_folder"),
    "settle": (OutputFolder, "settle"),
    "sweep": (OutputFolder, "sweep"),
    "finish": (OutputFolder, "finish"),
    "score": (attempts, "Counts"),
}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("effect", EFFECTS)
def test_a_death_at_any_effect_changes_no_byte(desk, bad_file, monkeypatch, effect, after):
    _, undisturbed = desk.done(bad_file, out="undisturbed")
    where, what = EFFECTS[effect]
    real, scorer = getattr(where, what), desk.scorer()
    name = desk.submitted(bad_file)
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
                status = desk.run(name, lambda: scorer)
                break
        deaths += 1
    assert 0 < deaths < 60
    assert (status.state, status.rows_ok, status.rows_bad) == ("SUCCEEDED_WITH_ERRORS", 36, 4)
    assert files(desk.folder(name).root) == files(undisturbed)


RUN = """
import sys, time
from serve_app.cli.main import main
main(sys.argv[1:])
"""


@pytest.fixture
def on_disk(_registered, tmp_path):
    """The registry as a folder."""
    for path, content in _registered.items():
        file = tmp_path / "registry" / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    assert Registry(str(tmp_path / "registry")).models()
    return tmp_path


@pytest.mark.timeout(600)
def test_a_process_that_is_killed_again_and_again_goes_on_where_it_was(on_disk, bad_file):
    def line(out, state):
        return [
            sys.executable, "-c", RUN, "predict", "logistic@1", "--local", "--registry", "registry",
            "--data", bad_file.name, "--out", out, "--state", state, "--shard-rows", "1",
            "--max-bad-rows", "9", "--id", "id",
        ]  # fmt: skip

    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])}
    how = {"cwd": on_disk, "env": environment, "stderr": subprocess.DEVNULL}
    subprocess.run(line("undisturbed", "one"), check=True, stdout=subprocess.DEVNULL, **how)
    chance = random.Random(20)
    commits, kills = on_disk / "out" / "_commits", 0
    while kills < 5:
        wanted = chance.randrange(1, 7) + (len(list(commits.iterdir())) if commits.exists() else 0)
        one = subprocess.Popen(line("out", "two"), stdout=subprocess.DEVNULL, **how)
        deadline = time.monotonic() + 100
        while one.poll() is None and time.monotonic() < deadline:
            if commits.exists() and len(list(commits.iterdir())) >= wanted:
                one.send_signal(signal.SIGKILL)
                kills += 1
                break
        one.wait()
        if one.returncode == 0:
            break
    assert kills >= 3
    last = subprocess.run(line("out", "two"), check=True, capture_output=True, cwd=on_disk,
                          env=environment, text=True)  # fmt: skip
    assert "SUCCEEDED_WITH_ERRORS" in last.stdout
    assert files(on_disk / "out") == files(on_disk / "undisturbed")
