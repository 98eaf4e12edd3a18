"""The wheel works outside the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder that holds what a wheel of this checkout installs."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (wheel,) = (folder / "dist").glob("serve_app-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run(installed, home, *arguments):
    """Run the wheel's own Python in an empty folder; the checkout is out of sight."""
    done = subprocess.run(
        [sys.executable, "-P", *arguments],
        cwd=home,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_wheels_own_package_is_imported_and_has_its_pages(installed, tmp_path):
    code = (
        "import serve_app, serve_app.gateway.docs as docs; "
        "print(serve_app.__file__); print(len(docs.__file__))"
    )
    assert run(installed, tmp_path, "-c", code).startswith(str(installed))
    pages = {path.name for path in (installed / "serve_app" / "gateway" / "pages").iterdir()}
    assert {"docs.html", "docs.css", "docs.js"} <= pages


def test_the_command_line_answers(installed, tmp_path):
    code = "import sys; from serve_app.cli.main import main; sys.exit(main())"
    said = run(installed, tmp_path, "-c", code, "--version")
    assert said.startswith("serve-app")


def test_every_config_comes_along_and_the_demo_finds_its_own(installed, tmp_path):
    for folder in ("configs", "pipelines", "pipelines/demo"):
        ours = {path.name for path in (ROOT / folder).iterdir()}
        assert {path.name for path in (installed / "serve_app" / folder).iterdir()} == ours
    code = (
        "from pathlib import Path; from serve_app.cli.demo import config_for; "
        "print(config_for(8010, Path('.')).read_text())"
    )
    said = run(installed, tmp_path, "-c", code)
    assert "port: 8010" in said
    assert "serve_app.app:gateway" in said


def test_rules_and_dashboards_come_along(installed, tmp_path):
    code = (
        "from serve_app.cluster.monitor import shipped; "
        "print(*sorted(str(one.relative_to(shipped())) for one in shipped().rglob('*.*')))"
    )
    files = set(run(installed, tmp_path, "-c", code).split())
    assert {
        "prometheus/prometheus.yml",
        "prometheus/rules/availability.yml",
        "grafana/dashboards/serve-app.json",
        "grafana/provisioning/datasources/prometheus.yml",
    } <= files


def test_the_tables_of_a_state_can_be_made(installed, tmp_path):
    code = (
        "from serve_app.storage.snapshots import SnapshotStore as Store; "
        "Store('state').save(1, 'hash', {'version': 1}); print(Store('state').latest())"
    )
    assert run(installed, tmp_path, "-c", code) == "{'version': 1}"


def test_type_checkers_are_told_that_it_has_types(installed):
    assert (installed / "serve_app" / "py.typed").exists()
