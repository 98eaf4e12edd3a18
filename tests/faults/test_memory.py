"""A call needs more memory than its replica may take: that request fails, and no other."""

import time

import psutil
import pytest

from tests.cluster.harness import until
from tests.faults.breaking import replaced
from tests.faults.code_of_rows import register_steps, rows, served, step
from tests.faults.small_memory import little_memory, why_not
from tests.faults.steady import Steady, lost

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
REPLICAS = 3
ROW_MIB = 1
CODE = step(f"""\
room = np.ones((len(values), {ROW_MIB} << 20), dtype=np.int8)
return values * room[:, :1]
""")
"""A step that takes memory for each row as long as it computes."""
LIMIT_MIB = 64
MANY_ROWS = 256
"""Four times what a replica may take."""


@pytest.fixture(scope="module")
def running(cluster):
    cluster.start()
    register_steps(cluster, "hungry", CODE)
    cluster.deploy(served(REPLICAS, "hungry"))
    until(lambda: len(cluster.replicas("hungry-1")) == REPLICAS, timeout_s=120, what="replicas")
    return cluster


def test_a_call_needs_more_memory_than_there_is(running, book):
    before = running.replicas("hungry-1")
    with little_memory(before, LIMIT_MIB) as ended, Steady(running, "hungry", rows()) as load:
        load.settle()
        began_s = time.perf_counter()
        answer = running.request("/v1/models/hungry:predict", {"instances": rows(MANY_ROWS)})
        # It may be with a second replica when its time is over.
        load.settle()
        dead = [pid for pid in before if not psutil.pid_exists(pid)]
        replaced(running, "hungry-1", dead, REPLICAS)
        back_s = time.perf_counter() - began_s
        times = ended()
        load.settle()
    gone = lost(running, load)
    book.add(
        "a call needs more memory than its replica may take", load, lost=len(gone), back_s=back_s,
        also_sent=1, also_failed=1,
    )  # fmt: skip
    assert 1 <= times <= 2, (answer.status, answer.content[:300])
    assert len(dead) == times
    # It is refused, or its time is over before the second replica is known to have died.
    assert answer.json()["error_code"] in {"rows_refused", "deadline_exceeded"}, answer.content
    assert load.failures == [], load.words()
    assert load.client_failed == []
    assert not gone
