"""The wheel of serve-app-native: compiled without a network, for every Python of a platform."""

import subprocess
import sys
import zipfile

import pytest

from tests.native_library import SOURCES, compiler

TRY = """
import sys
sys.path.insert(0, {site!r})
import numpy as np, serve_app_native as library
zero = np.array([0])
nodes = library.Nodes(
    feature=np.array([0, 0, 0]), threshold=np.array([1.5, 0, 0]), left=np.array([1, -1, -1]),
    right=np.array([2, -1, -1]), gap_left=np.array([True] * 3), leaf=np.array([0, 0, 1]),
    root=zero, below=False, columns=1,
)
forest = library.Forest(nodes, np.array([10.0, 20.0]), start=np.array([0.5]))
print(forest(np.array([[1.5], [1.6], [np.nan]])).ravel().tolist())
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    compiler()
    into = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into)]
    subprocess.run(command, cwd=SOURCES, check=True, capture_output=True, timeout=110)
    (built,) = into.iterdir()
    return built


def test_it_serves_every_python_and_one_platform(wheel):
    _, _, python, abi, platform = wheel.stem.split("-")
    assert (python, abi) == ("py3", "none")
    assert platform != "any"


def test_it_answers_where_nothing_else_of_ours_is(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        assert "serve_app_native/libserve_app_native.so" in archive.namelist()
        archive.extractall(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", TRY.format(site=str(tmp_path))],
        cwd=tmp_path, env={"PYTHONPATH": ""}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "[10.5, 20.5, 10.5]\n"


def test_without_a_compiler_it_says_what_is_missing(tmp_path):
    command = [sys.executable, str(SOURCES / "build_library.py"), str(tmp_path / "a.so")]
    none = {"CC": "no-such-compiler"}
    done = subprocess.run(command, env=none, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "compiled with a C compiler, and there is no no-such-compiler here" in done.stderr
