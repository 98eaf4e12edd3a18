"""Whatever control awaits between two steps, each change tells of itself."""

import asyncio
from types import SimpleNamespace

import pytest

from serve_app.gateway.admin.actions import Change
from serve_app.serving import alias_work, control

Control = control.ControlReplica


class Standing:
    """Snapshots of one endpoint, whose weights are the last that were set."""

    refused = ("the version is not registered",)

    def __init__(self):
        self.set_weights("risk", {"a@1": 1.0})

    def set_weights(self, name, weights):
        endpoint = SimpleNamespace(name=name, route=SimpleNamespace(weights=dict(weights)))
        version = getattr(self, "current", SimpleNamespace(version=0)).version + 1
        self.current = SimpleNamespace(version=version, endpoints={name: endpoint}, waiting={})


def test_of_two_who_set_weights_at_once_each_is_told_of_their_own():
    events = []

    async def announce():
        await asyncio.sleep(0)

    async def keep(event):
        events.append(event)

    async def behind(_):
        return []

    own = SimpleNamespace(
        _snapshots=Standing(),
        _announce=announce,
        _history=SimpleNamespace(keep=keep),
        _behind=behind,
    )

    async def both():
        return await asyncio.gather(
            Control.set_weights(own, "risk", {"a@1": 2.0}, Change("ada")),
            Control.set_weights(own, "risk", {"a@1": 3.0}, Change("bob")),
        )

    answers = asyncio.run(both())
    assert [(one["snapshot"], one["weights"]) for one in answers] == [
        (2, {"a@1": 2.0}),
        (3, {"a@1": 3.0}),
    ]
    assert [(one.who, one.before, one.after) for one in events] == [
        ("ada", {"a@1": 1.0}, {"a@1": 2.0}),
        ("bob", {"a@1": 2.0}, {"a@1": 3.0}),
    ]


def test_a_declaration_that_was_refused_supersedes_none_that_came_meanwhile(monkeypatch):
    taken = []
    monkeypatch.setattr(alias_work, "ALIASES_PAUSE_S", 0)

    class LookedError(Exception):
        pass

    async def read():
        own._declared = {"endpoints": {"newer": {}}}
        return SimpleNamespace(problems=())

    async def take(declaration):
        taken.append(declaration)

    async def look():
        raise LookedError

    own = SimpleNamespace(
        _snapshots=Standing(), _declared={"endpoints": {}}, _read=read, _take=take, _look=look
    )
    with pytest.raises(LookedError):
        asyncio.run(Control._follow_aliases(own))
    assert taken == []
