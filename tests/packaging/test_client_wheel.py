"""The client is installed alone, without Ray and without the model libraries."""

import importlib.metadata
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.clients.conftest import served  # noqa: F401 - a gateway on a real socket

ROOT = Path(__file__).parents[2]


def build(target, source, into):
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(into)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=120)
    return next(into.iterdir())


def needs(requirement):
    """The names of a requirement and of all that it needs in turn, as they are installed here."""
    name = Requirement(requirement).name
    below = [
        one
        for one in importlib.metadata.requires(name) or []
        if Requirement(one).marker is None or Requirement(one).marker.evaluate({"extra": ""})
    ]
    return {name}.union(*(needs(one) for one in below))


def copy(name, site):
    """Copy what a distribution installed here to another environment."""
    for file in importlib.metadata.files(name):
        source = Path(file.locate())
        if ".." not in file.parts and source.suffix != ".pyc":
            (site / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, site / file)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build("wheel", ROOT / "client", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def requirements(wheel):
    """What the wheel says that it needs, without its extras."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [one for one in archive.namelist() if one.endswith("/METADATA")]
        lines = archive.read(name).decode().splitlines()
    found = [line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires")]
    return [one for one in found if "Requires-Python" not in one and "extra ==" not in one]


@pytest.fixture(scope="module")
def python(wheel, requirements, tmp_path_factory):
    """The Python of an environment that holds the wheel and what it needs, and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    (site,) = (folder / "lib").glob("python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    for name in set().union(*(needs(one) for one in requirements)):
        copy(name, site)
    return folder / "bin" / "python"


def contents(wheel):
    """The files of a wheel without what tells how it was built."""
    with zipfile.ZipFile(wheel) as archive:
        names = [n for n in archive.namelist() if not n.endswith(("/METADATA", "/RECORD"))]
        return {name: archive.read(name) for name in names}


def run(python, code, home):
    done = subprocess.run(
        [python, "-I", "-c", code],
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


ASK = """
import asyncio, importlib.util
from serve_app.client import AsyncClient, Client
from serve_app.errors import InvalidInput

for name in ("ray", "sklearn", "numpy", "pandas", "xgboost", "serve_app.engine"):
    assert importlib.util.find_spec(name) is None, name
row = {"age": 50.0, "dose": 2.0}
with Client("URL") as client:
    print(client.predict("risk", [row]).predictions)
    try:
        client.predict("risk", [{"age": 1}])
    except InvalidInput as refused:
        print(refused.details["violations"][0]["column"])

async def ask():
    async with AsyncClient("URL") as client:
        return (await client.predict("risk", [row])).variants

print(asyncio.run(ask()))
"""


def test_it_asks_a_gateway_where_neither_ray_nor_a_model_library_is(python, served, tmp_path):  # noqa: F811
    said = run(python, ASK.replace("URL", f"http://{served.http}"), tmp_path).splitlines()
    assert said[0] in {"['ill']", "['well']"}
    assert said[1:] == ["dose", "['logistic@1']"]


def test_it_needs_little(requirements):
    names = {Requirement(one).name for one in requirements}
    assert names == {"httpx", "orjson"}


def test_a_type_checker_finds_its_types(python, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "from serve_app.client import Client\n"
        "answer = Client('http://127.0.0.1:8000').predict('risk', [[1.0]])\n"
        "reveal_type(answer.variants)\n"
        "answer.nothing\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(python)]
    done = subprocess.run(
        [*command, str(program)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert 'Revealed type is "list[str]"' in done.stdout.replace("builtins.", ""), done.stdout
    assert '"Answer" has no attribute "nothing"' in done.stdout
    assert "import-untyped" not in done.stdout


def test_its_files_are_those_of_the_server(wheel):
    with zipfile.ZipFile(wheel) as archive:
        ours = [name for name in archive.namelist() if name.startswith("serve_app/")]
        client = {
            f"serve_app/client/{path.name}" for path in (ROOT / "serve_app/client").glob("*.py")
        }
        assert client <= set(ours)
        for name in ours:
            assert archive.read(name) == (ROOT / name).read_bytes()


def test_the_same_wheel_comes_from_its_source_distribution(wheel, tmp_path):
    archive = build("sdist", ROOT / "client", tmp_path / "sdist")
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path, filter="data")
    (source,) = tmp_path.glob("serve_app_client-*")
    again = build("wheel", source, tmp_path / "wheel")
    assert contents(again) == contents(wheel)


def test_its_licence_is_the_projects():
    assert (ROOT / "client" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
