"""Wheels of versions, installed by pip where nothing is but what they say that they need."""

import importlib.metadata
import json
import subprocess
import venv

import numpy as np
import pandas as pd
import pytest
from packaging.requirements import Requirement
from sklearn.ensemble import RandomForestClassifier

from serve_app.core.columns import Columns
from serve_app.engine.load import load
from serve_app.engine.registration.register import Candidate, register
from serve_app.export.place import write
from serve_app.export.wheel import WheelOptions, export_wheel
from serve_app.registry.store import Registry
from tests.packaging.test_client_wheel import copy, needs

ROWS = 10_000
ASK = """
import importlib.abc, json, sys

class Nothing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in ALLOWED:
            raise ModuleNotFoundError(f"{name} is forbidden here")

sys.meta_path.insert(0, Nothing())
import numpy as np
import PACKAGE
columns = dict(np.load(sys.argv[1]))
with open(sys.argv[2], "wb") as file:
    values, shares = PACKAGE.predict(columns), PACKAGE.predict_proba(columns)
    np.savez(file, values=values.astype(str), shares=shares)
loaded = {name.partition(".")[0] for name in sys.modules}
print(json.dumps(sorted(loaded & {"numpy", "onnxruntime"})))
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A registry with a forest of four columns, one of which has gaps."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(rng.normal(size=(300, 4)), columns=["a", "b", "c", "d"])
    frame.loc[::9, "b"] = np.nan
    label = np.where(frame["a"] + frame["c"] > 0, "yes", "no")
    made = Registry(str(tmp_path_factory.mktemp("store") / "registry"))
    estimator = RandomForestClassifier(30, random_state=0).fit(frame, label)
    register(made, Candidate("wood", estimator, frame))
    return made


@pytest.fixture(scope="module", params=["onnxruntime", "numpy"])
def installed(request, store, tmp_path_factory):
    """The Python in which pip installed the wheel, and what it may import."""
    folder = tmp_path_factory.mktemp("environment")
    options = WheelOptions(onnxruntime=request.param == "onnxruntime")
    exported = export_wheel(store, "wood", 1, options)
    wheel = write(exported, folder)
    venv.create(folder / "venv", symlinks=True, with_pip=True)
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    for name in set().union(*(needs(one) for one in exported.needs)):
        copy(name, site)
    python = folder / "venv" / "bin" / "python"
    arguments = ["-m", "pip", "install", "--quiet", "--no-index", str(wheel)]
    subprocess.run([python, "-I", *arguments], check=True, timeout=120)
    return python, sorted({Requirement(one).name for one in exported.needs})


def table(rows):
    rng = np.random.default_rng(6)
    block = rng.normal(size=(rows, 4))
    block[::7, 1] = np.nan
    return Columns.from_block(("a", "b", "c", "d"), block)


def test_it_gives_the_bits_of_the_server_with_what_it_needs_alone(installed, store, tmp_path):
    python, allowed = installed
    columns = table(ROWS)
    np.savez(tmp_path / "rows.npz", **columns.as_dict())
    # ONNX Runtime itself imports these where they are.
    names = [*allowed, "wood_1", "_distutils_hack", "sitecustomize", "coloredlogs", "flatbuffers"]
    code = ASK.replace("ALLOWED", repr(set(names))).replace("PACKAGE", "wood_1")
    done = subprocess.run(
        [python, "-I", "-c", code, tmp_path / "rows.npz", tmp_path / "answers.npz"],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == allowed
    served = load(store, "wood", 1).model.predict(columns)
    answers = np.load(tmp_path / "answers.npz")
    assert answers["values"].tolist() == served.values.tolist()
    assert answers["shares"].tobytes() == served.probabilities.tobytes()


def test_the_command_answers_rows_and_tells_of_mistakes(installed):
    python, _ = installed

    def run(text):
        return subprocess.run(
            [python, "-I", "-m", "wood_1"],
            input=text, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    row = {"a": 1.0, "b": None, "c": 0.5, "d": -1.0}
    done = run(json.dumps([row]))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["classes"] == ["no", "yes"]
    refused = run(json.dumps([{**row, "a": "old"}]))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "row 0, column 'a'" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_pip_knows_it(installed):
    python, needed = installed
    code = (
        "import importlib.metadata as m, json; d = m.distribution('wood-1');"
        "print(json.dumps([d.version, d.requires, len(list(d.files))]))"
    )
    said = subprocess.run(
        [python, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    version, requires, files = json.loads(said)
    assert version == "1.0.0"
    assert sorted(Requirement(one).name for one in requires) == needed
    assert files > 50
    assert importlib.metadata.version("numpy")


def test_an_answer_that_differs_on_this_machine_shows_at_import(installed):
    python, _ = installed
    (data,) = python.parents[1].glob("lib/python*/site-packages/wood_1/data/manifest.json")
    right = data.read_text()
    body = json.loads(right)
    first = body["sample"]["expected"]["values"]
    first[0] = "no" if first[0] == "yes" else "yes"
    try:
        data.write_text(json.dumps(body))
        done = subprocess.run(
            [python, "-I", "-c", "import wood_1"], capture_output=True, text=True, check=False
        )
        command = subprocess.run(
            [python, "-I", "-m", "wood_1", "--self-test"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        data.write_text(right)
    assert done.returncode != 0
    assert "wood@1: row 0 of the version's sample gave values" in done.stderr
    assert command.returncode == 3
    assert command.stderr.startswith("error: wood@1: row 0")
