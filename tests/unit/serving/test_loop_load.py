"""How late the event loop of a process is."""

import asyncio
import itertools

import pytest

from serve_app.serving.loop_load import PROBE_S, LoopLoad


def test_how_late_the_loop_was_last_is_known_at_once():
    # Made at 0; each look sets out and comes back, the first 0.2 s late and all others in time.
    late = [0.0, 1.0, 1.0 + PROBE_S + 0.2]
    on_time = (time for n in itertools.count(2) for time in (float(n), n + PROBE_S))
    times = itertools.chain(late, on_time)
    load = LoopLoad(clock=lambda: next(times))
    assert load.late_s == 0.0
    seen = []

    async def watched():
        probing = asyncio.create_task(load.probe_for_ever())
        async with asyncio.timeout(10):
            while not seen or seen[-1] > 0:
                await asyncio.sleep(PROBE_S / 10)
                if load.late_s > 0 or seen:
                    seen.append(load.late_s)
        probing.cancel()

    asyncio.run(watched())
    assert seen[0] == pytest.approx(0.2)
    assert seen[-1] == pytest.approx(0.0)
