"""No mutation of an honest file ends the process: it is refused in words, or answers as it says."""

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
def test_every_mutation_is_refused_in_words_or_answers_as_its_library_does(
    form: str, tmp_path: Path
) -> None:
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
    assert counts["wrong"] == 0, [line for line in lines if ": " in line][:5]
    assert counts["refused"] + counts["equal"] == SEEDS
    assert counts["refused"] > 0
