"""What is installed without extras is all that `serve-app run` needs."""

import functools
import importlib.metadata
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from serve_app.core.extras import EXTRAS
from tests.unit.standalone.running import running
from tests.unit.standalone.test_server import PATH, ROW

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def needs(names):
    """Distributions with all that they need in turn, as they are installed here."""
    every, left = set(), list(names)
    while left:
        name = left.pop().lower().replace("_", "-")
        if name in every:
            continue
        every.add(name)
        for line in importlib.metadata.requires(name) or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                left.append(requirement.name)
    return every


def base():
    lines = map(Requirement, PROJECT["dependencies"])
    return needs(one.name for one in lines if one.marker is None or one.marker.evaluate())


@functools.cache
def only_the_base():
    """Python that lets nothing be imported but Python's own and what the base brings."""
    owners = importlib.metadata.packages_distributions()
    allowed = {
        module
        for module, names in owners.items()
        if base().intersection(name.lower().replace("_", "-") for name in names)
    }
    return f"""
import sys
from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder
class OfTheBase:
    allowed = {sorted(allowed | {"serve_app", "__main__"})!r}
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        top = name.partition(".")[0]
        own = top in sys.stdlib_module_names or top.startswith("_sysconfigdata")
        return PathFinder.find_spec(name, path, target) if own or top in cls.allowed else None
sys.meta_path[:] = [BuiltinImporter, FrozenImporter, OfTheBase]
"""


def test_what_is_heavy_is_an_extra():
    heavy = {"ray", "scikit-learn", "scipy", "xgboost", "pandas", "sqlalchemy", "pyarrow", "onnx"}
    assert not heavy & base()


def test_one_process_answers_with_nothing_else_installed(home):
    models = ("progression-xgb", "diagnosis-forest", "diagnosis-logistic")
    with running(*models, home=home, before=only_the_base()) as one:
        status, text = one.get(PATH, {"instances": [ROW]})
        assert status == 200, text
        expected = json.loads(text)["predictions"]
        csv = ",".join(ROW) + "\n" + ",".join(map(str, ROW.values()))
        status, text = one.get(
            PATH.replace("/v1/models/", "/endpoints/").replace(":predict", "/invocations"),
            csv.encode(),
            **{"content-type": "text/csv"},
        )
        assert (status, json.loads(text)["predictions"]) == (200, expected)
        inputs = [
            {"name": name, "shape": [1], "datatype": "FP64", "data": [value]}
            for name, value in ROW.items()
        ]
        status, text = one.get("/v2/models/progression-xgb/infer", {"inputs": inputs})
        assert status == 200, text
        assert json.loads(text)["outputs"][0]["data"] == expected
        for path in ("/v1/endpoints", "/v2/health/ready", "/openapi.json", "/docs"):
            assert one.get(path)[0] == 200, path


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--help"], None),
        (["run", "--help"], None),
        (["models", "list"], None),
        (["deploy", "x.yaml"], "pip install 'serve-app[ray]'"),
        (["demo"], "pip install 'serve-app[ray]'"),
        (["validate", "x.yaml"], "pip install 'serve-app[ray]'"),
        (["register", "iris", "x.json"], "pip install 'serve-app[train]'"),
        (["export", "wheel", "progression-xgb", "--out", "wheels"], None),
        (
            ["export", "wheel", "progression-xgb", "--without-onnxruntime"],
            "pip install 'serve-app[train]'",
        ),
        (["export", "onnx", "progression-xgb"], "pip install 'serve-app[train]'"),
    ],
)
def test_a_command_that_needs_more_says_what_to_install(home, arguments, words):
    for name in ("x.yaml", "x.json"):
        (home / name).write_text("{}")
    code = f"{only_the_base()}\nfrom serve_app.cli.main import main\nmain({arguments!r})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=home, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if words is None:
        assert done.returncode == 0, done.stderr
    else:
        assert done.returncode == 1
        assert words in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def test_conditions_of_routes_are_read_with_nothing_else_installed():
    code = f"""{only_the_base()}
from serve_app.routing.conditions.typed import condition_of
print(condition_of('country == "DE" and age > 60', None).parts[1].constants)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "(60,)\n"), done.stderr


def test_every_extra_that_is_named_is_one():
    assert set(EXTRAS.values()) <= set(PROJECT["optional-dependencies"])
