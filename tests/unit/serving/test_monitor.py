"""The monitor's background work leaves the threads alone that deliveries need."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from serve_app.serving.monitor import again_and_again


def test_work_that_takes_long_is_in_no_thread_of_deliveries():
    begun, goes_on = threading.Event(), threading.Event()
    names = []

    def work():
        names.append(threading.current_thread().name)
        begun.set()
        goes_on.wait(30)

    async def delivered():
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        with ThreadPoolExecutor(2, thread_name_prefix="background") as pool:
            task = asyncio.create_task(again_and_again(work, 0.0, pool))
            await asyncio.get_running_loop().run_in_executor(pool, begun.wait, 30)
            taken = await asyncio.wait_for(asyncio.to_thread(lambda: "taken"), 30)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            goes_on.set()
        return taken

    assert asyncio.run(delivered()) == "taken"
    assert names[0].startswith("background")


def test_work_begins_after_its_first_pause():
    calls = []

    async def cancelled_in_its_first_pause():
        with ThreadPoolExecutor(1) as pool:
            work = again_and_again(lambda: calls.append(1), 0.0, pool, first_s=3600.0)
            task = asyncio.create_task(work)
            for _ in range(10):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(cancelled_in_its_first_pause())
    assert calls == []
