"""A gateway that answers later, in one event loop with whoever asks."""

import asyncio
import contextlib
import itertools

import httpx

from serve_app.batch.deferred import FILE, DeferredStore
from serve_app.config.deferred import DeferredSettings
from serve_app.core.caller import ANONYMOUS, Caller
from serve_app.core.grants import grants_of
from serve_app.gateway.app import gateway_of
from serve_app.gateway.context import CALLER, GatewayContext, Settings
from serve_app.gateway.deferral import Deferral

DEADLINE_S = 20
_PROCESSES = itertools.count(1)


class Deferring:
    """What a test asks within `at_work`; `client` has models that a test lets fail or wait."""

    def __init__(self, client, folder, now=lambda: 100.0, **settings):
        self.client = client
        given = DeferredSettings(state=str(folder), **settings)
        numbers = itertools.count(1)
        process = f"p{next(_PROCESSES)}"
        self.store = DeferredStore(
            folder / FILE, keep_s=given.keep_s, max_kept=given.max_kept, clock=now,
            shared=frozenset({ANONYMOUS.owner}),
        )  # fmt: skip
        self.deferral = Deferral(
            self.store, given, folder=folder, process=process,
            ids=lambda: f"{process}-{next(numbers)}",
        )  # fmt: skip
        self.app = gateway_of(
            GatewayContext(client.predictor, Settings(10_000, 50), deferral=self.deferral)
        )

    @contextlib.asynccontextmanager
    async def at_work(self):
        """Answer later while a test asks."""
        work = asyncio.create_task(self.deferral.run())
        try:
            yield self
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def send(self, method, path, *, scopes=None, name="ann", tenant="house", **more):
        """The answer to a request; with `scopes` of a caller that is known."""
        app = self.app
        if scopes is not None:
            caller = Caller(name, tenant, grants_of(scopes))

            async def known(scope, receive, send):
                await self.app({**scope, CALLER: caller}, receive, send)

            app = known
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return await client.request(method, path, **more)

    async def until(self, path, is_there, **more):
        """The first answer to a look that is there."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                answer = await self.send("GET", path, **more)
                if is_there(answer):
                    return answer
                await asyncio.sleep(0.005)
