"""What `make` installs is what its targets and the README need."""

import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_make_demo_installs_the_extras_that_the_readme_uses(tmp_path):
    stamp = tmp_path / "installed"
    printed = subprocess.run(
        ["make", "--dry-run", "demo", f"STAMP={stamp}"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    (extras,) = re.findall(r"--editable '\.\[(.+)\]'", printed)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(extras.split(",")) <= set(project["optional-dependencies"])
    assert {"client", "graphql"} <= set(extras.split(","))
