"""No mutation of an honest file ends the process: it is refused, or answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.security import fuzzed, fuzzed_registry

ROOT = Path(__file__).parents[2]
SEEDS = int(os.environ.get("SERVE_APP_FUZZ_SEEDS", "24"))
FORMS = {
    **dict.fromkeys(fuzzed.FORMS, "tests.security.fuzzed"),
    **dict.fromkeys(fuzzed_registry.FORMS, "tests.security.fuzzed_registry"),
}


@pytest.mark.timeout(120 + SEEDS)
@pytest.mark.parametrize("form", FORMS)
def test_no_mutation_ends_the_process(form: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", FORMS[form], form, str(SEEDS), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"{lines[-1:]} of {form}: {done.stderr[-500:]}"
    counts = json.loads(lines[-1])
    assert counts["refused"] + counts["answered"] == SEEDS
    assert counts["refused"] > 0
