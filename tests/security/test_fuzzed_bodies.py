"""No body, whatever it is, ends the process, is answered with 5xx, or keeps memory."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.golden.gateway import Gateway
from tests.security.fuzzed_bodies import LEAVES, Sent, asked, goldens

ROOT = Path(__file__).parents[2]
SEEDS = int(os.environ.get("SERVE_APP_FUZZ_BODIES", "4000"))
GROWN_MIB = 24
PATHS = sorted({one.path for one in goldens()})
NAMES = st.sampled_from(
    [
        "instances", "inputs", "data", "ndarray", "name", "shape", "datatype", "parameters", "rows",
        "columns", "index", "dataframe_split", "query", "variables", "id", "outputs", "age", "dose",
        "place", "smoker", "signature_name", "binary_data_size", "names", "explain", "headers",
    ]
)  # fmt: skip
DOCUMENTS = st.recursive(
    st.sampled_from(LEAVES) | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(), inner),
    max_leaves=25,
)
TYPES = st.sampled_from(sorted({one.headers.get("content-type", "") for one in goldens()}))


@pytest.mark.timeout(120 + SEEDS // 100)
def test_no_mutation_of_a_golden_body_is_more_than_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.security.fuzzed_bodies", "0", str(SEEDS), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    last = int.from_bytes((tmp_path / "last").read_bytes(), "little")
    assert done.returncode == 0, f"body {last}: {done.stderr[-500:]}"
    outcome = json.loads(done.stdout.splitlines()[-1])
    assert outcome["failed"] == []
    # After a fifth of them the process has all the memory that it needs.
    assert outcome["mib"][-1] - outcome["mib"][1] < GROWN_MIB, outcome
    assert sum(outcome["statuses"].values()) == SEEDS
    # Both happen: what is refused, and what is answered though something of it is other.
    for status in ("200", "400", "OK", "INVALID_ARGUMENT"):
        assert outcome["statuses"][status] > SEEDS / 500


@pytest.fixture(scope="module")
def gateway() -> Gateway:
    return Gateway()


@pytest.mark.timeout(120 + SEEDS // 100)
@settings(
    max_examples=max(150, SEEDS // 20),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(path=st.sampled_from(PATHS), document=DOCUMENTS, kind=TYPES)
def test_no_document_is_more_than_refused(
    gateway: Gateway, path: str, document: Any, kind: str
) -> None:
    body = json.dumps(document).encode()
    status, content = asyncio.run(asked(gateway.app, Sent(path, {"content-type": kind}, body)))
    assert 200 <= status < 500, (status, content[:300])
    assert content
