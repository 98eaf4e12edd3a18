"""Work beside the event loop."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from serve_app.core.offload import IN_PLACE, Offload


async def test_functions_run_in_the_executor_and_give_what_they_return():
    with ThreadPoolExecutor(1, thread_name_prefix="aside") as executor:
        offload = Offload(executor)
        name = await offload.run(lambda: threading.current_thread().name)
        assert name.startswith("aside")
        assert await offload.run(divmod, 7, 2) == (3, 1)


async def test_without_an_executor_they_run_in_place():
    assert await IN_PLACE.run(threading.current_thread) is threading.current_thread()


async def test_what_they_raise_reaches_the_caller():
    with ThreadPoolExecutor(1) as executor, pytest.raises(ZeroDivisionError):
        await Offload(executor).run(divmod, 1, 0)
