"""BentoML's clients of services and their tasks, in the environment of clients."""

import asyncio

from answering import answer_calls
from bentoml import AsyncHTTPClient, SyncHTTPClient


def methods(place):
    """What BentoML's client makes of a service's schema: methods, and whether they are tasks."""
    with SyncHTTPClient(f"http://{place}") as client:
        return {
            name: [hasattr(getattr(client, name), "submit"), endpoint.route]
            for name, endpoint in client.endpoints.items()
        }


def call(place, method, **given):
    """What a method gives at once."""
    with SyncHTTPClient(f"http://{place}") as client:
        return getattr(client, method)(**given)


def submit(place, method, **given):
    """Submit a task; BentoML's synchronous client fails at this after it has sent the request."""

    async def submitted():
        async with AsyncHTTPClient(f"http://{place}") as client:
            task = await getattr(client, method).submit(**given)
            return task.id

    return asyncio.run(submitted())


def task(place, method, action, name):
    """Do something with a task: `get_status`, `get`, `retry` or `cancel`."""
    with SyncHTTPClient(f"http://{place}") as client:
        answer = getattr(getattr(client, method), action)(name)
        return {"get_status": lambda: answer.value, "retry": lambda: answer.id}.get(
            action, lambda: answer
        )()


answer_calls({"methods": methods, "call": call, "submit": submit, "task": task})
