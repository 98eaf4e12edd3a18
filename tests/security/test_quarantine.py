"""What kills the process that loads it kills a child instead, and is refused in words."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

from serve_app.cli.main import main
from serve_app.errors import ConfigError, InvalidInput
from serve_app.models.quarantine import MEMORY_VARIABLE, TIME_VARIABLE, Limits, Suspect, try_out
from tests.security.boosters import lightgbm_text, xgboost_json
from tests.security.test_skops import honest


def _module(name: str, source: str, folder: Path) -> Any:
    """A class of a module that only the folder has; its `predict` does what the source says."""
    (folder / f"{name}.py").write_text(f"class Model:\n{source}")
    sys.path.insert(0, str(folder))
    try:
        return __import__(name).Model()
    finally:
        sys.path.remove(str(folder))


DEATHS = {
    "signal": ("import os; os.kill(os.getpid(), 11)", "ended the process with SIGSEGV"),
    "exit": ("import os; os._exit(7)", r"ended the process with exit code 7"),
    "memory": ("kept = bytes(2**31)", "more than 512 MiB of memory"),
    "sleep": ("import time; time.sleep(600)", "took longer than 2 s"),
}


@pytest.mark.parametrize(
    ("when", "name"), [("load", "signal"), *(("predict", name) for name in DEATHS)]
)
def test_a_child_that_dies_is_a_refusal_that_says_how(
    name: str, when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement, words = DEATHS[name]
    source = f"    n_features_in_ = 3\n    def predict(self, rows):\n        {statement}\n"
    if when == "load":
        source += f"    def __setstate__(self, state):\n        {statement}\n"
    module = f"deadly_{name}_{when}"
    model = _module(module, source, tmp_path)
    model.kept = 1
    path = tmp_path / "model.pkl"
    path.write_bytes(cloudpickle.dumps(model))
    monkeypatch.syspath_prepend(str(tmp_path))
    limits = Limits(memory_mib=512, time_s=2 if "2 s" in words else 60)
    with pytest.raises(InvalidInput, match=words) as caught:
        try_out(Suspect(path, "pickle", allow_pickle=True), limits)
    assert "tried in a process of its own" in caught.value.message


def test_the_child_has_an_empty_environment_and_no_open_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A secret of the parent's, or a file that it holds open, makes the model die."""
    source = (
        "    n_features_in_ = 3\n    def predict(self, rows):\n        import os\n"
        "        names = [os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd')"
        " if os.path.islink(f'/proc/self/fd/{n}')]\n"
        "        if 'SECRET' in os.environ or any('kept-open' in one for one in names):\n"
        "            os._exit(9)\n"
    )
    model = _module("curious", source, tmp_path)
    model.kept = 1
    path = tmp_path / "model.pkl"
    path.write_bytes(cloudpickle.dumps(model))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("SECRET", "hidden")
    with (tmp_path / "kept-open").open("w") as held:
        os.set_inheritable(held.fileno(), True)
        try_out(Suspect(path, "pickle", allow_pickle=True), Limits())


@pytest.mark.parametrize("kind", ["skops", "xgboost", "lightgbm"])
def test_honest_files_live(kind: str, tmp_path: Path) -> None:
    path = tmp_path / {"skops": "a.skops", "xgboost": "a.json", "lightgbm": "a.txt"}[kind]
    content = {"xgboost": xgboost_json, "lightgbm": lightgbm_text}.get(kind)
    path.write_bytes(honest("tree") if content is None else content().encode())
    try_out(Suspect(path, kind), Limits())


def test_limits_come_from_the_environment() -> None:
    assert Limits.of({}) == Limits(memory_mib=2048, time_s=60)
    assert Limits.of({MEMORY_VARIABLE: "512", TIME_VARIABLE: "5"}) == Limits(512, 5)
    for text in ("", "-1", "1.5", "9" * 30, "٣", "two"):
        with pytest.raises(ConfigError, match="whole number"):
            Limits.of({MEMORY_VARIABLE: text})


def test_without_time_nothing_is_tried(tmp_path: Path) -> None:
    try_out(Suspect(tmp_path / "absent.skops", "skops"), Limits(time_s=0))


def test_register_exits_1_and_stores_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = "    n_features_in_ = 1\n    def predict(self, rows):\n        import os; os.abort()\n"
    source += "    def get_params(self, deep=True):\n        return {}\n"
    model = _module("aborting", source, tmp_path)
    model.kept = 1
    (tmp_path / "model.pkl").write_bytes(cloudpickle.dumps(model))
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n3,4\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv(TIME_VARIABLE, "60")
    registry = tmp_path / "registry"
    command = ["register", "hostile", str(tmp_path / "model.pkl"), "--allow-pickle"]
    command += ["--data", str(tmp_path / "rows.csv"), "--registry", str(registry)]
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert ended.value.code == 1
    assert "ended the process with SIGABRT" in " ".join(capsys.readouterr().err.split())
    assert not list(registry.glob("*/*"))


def test_the_child_starts_from_any_folder(tmp_path: Path) -> None:
    """A file called json.py beside the model is not what the child imports."""
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    path = tmp_path / "a.json"
    path.write_text(xgboost_json())
    script = (
        "from pathlib import Path\n"
        "from serve_app.models.quarantine import Limits, Suspect, try_out\n"
        f"try_out(Suspect(Path({str(path)!r}), 'xgboost'), Limits())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[0] = {str(Path.cwd())!r}\n{script}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONSAFEPATH": "1"},
    )
    assert done.returncode == 0, done.stderr
