"""schemathesis with all of its checks, on what the OpenAPI document says of itself."""

import re
import subprocess

import httpx
import pytest

from tests.clients import foreign

SCRIPTS = foreign.HERE / "scripts"
EXAMPLES = 30
SEED = 20260101
TIMEOUT_S = 100


@pytest.fixture
def report(served, tmp_path):
    """What schemathesis says of the server."""
    program, variables = foreign.program("schemathesis")
    done = subprocess.run(
        [
            *[program, "--config-file", str(SCRIPTS / "schemathesis.toml")],
            *["run", f"http://{served.http}/openapi.json", "--checks", "all", "--no-color"],
            *["--seed", str(SEED), "--max-examples", str(EXAMPLES), "--workers", "1"],
        ],
        cwd=tmp_path,
        env={**variables, "SCHEMATHESIS_HOOKS": str(SCRIPTS / "openapi_hooks.py")},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-20_000:]
    return said


def test_every_operation_is_as_documented(served, report):
    paths = httpx.get(f"http://{served.http}/openapi.json").json()["paths"]
    del paths["/openapi.json"]  # read once, and left out of the run
    operations = sum(len(path.keys() & {"get", "post"}) for path in paths.values())
    tested = re.search(r"Tested: (\d+)", report)
    assert tested is not None, report
    assert int(tested[1]) == operations
    assert "Failures:" not in report
    phases = re.findall(r"✅ (Examples|Coverage|Fuzzing|Stateful)", report)
    assert {"Examples", "Coverage", "Fuzzing"} <= set(phases), report
