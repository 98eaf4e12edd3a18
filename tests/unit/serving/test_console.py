"""The console of a gateway: sealed by what all gateways have, and as the admin port says."""

import asyncio

import pytest

from serve_app.config import AdminSettings, GatewayArgs
from serve_app.core.supervisor import Supervisor
from serve_app.registry.store import Registry
from serve_app.serving.console import kept_of, sessions_of
from serve_app.serving.shared_secrets import CONSOLE_SESSIONS, drawn_secret

THEIRS = "ab" * 32


class Control:
    """Tells the secret of the cluster, once it is let."""

    def __init__(self):
        self.may_tell = asyncio.Event()

    async def shared_secret(self, name):
        assert name == CONSOLE_SESSIONS
        await self.may_tell.wait()
        return THEIRS


async def test_sessions_are_those_of_the_store_and_then_of_control(tmp_path):
    tasks = [Supervisor(clock=lambda: 0.0, words=str) for _ in range(2)]
    control = Control()
    one, other = [await sessions_of(str(tmp_path), own, control) for own in tasks]
    session = one.seal("key")
    assert other.credential(session) == "key"
    assert await drawn_secret(str(tmp_path), CONSOLE_SESSIONS) != THEIRS
    control.may_tell.set()
    async with asyncio.timeout(20):
        while {each.credential(session) for each in (one, other)} != {None}:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert other.credential(one.seal("key")) == "key"
    for own in tasks:
        await own.close()


async def test_a_state_store_that_takes_nothing_is_no_reason_not_to_start(tmp_path):
    (tmp_path / "state").write_text("a file where a folder should be")
    tasks = Supervisor(clock=lambda: 0.0, words=str)
    made = await sessions_of(str(tmp_path / "state"), tasks, Control())
    assert made.credential(made.seal("key")) == "key"
    await tasks.close()


@pytest.mark.parametrize(
    ("host", "console", "changes"),
    [
        ("127.0.0.1", None, True),
        ("0.0.0.0", None, False),
        ("10.0.0.7", None, False),
        ("0.0.0.0", "changes", True),
        ("127.0.0.1", "read-only", False),
    ],
)
def test_beyond_this_machine_it_only_reads_unless_it_may_do_more(host, console, changes):
    settings = AdminSettings(port=8091, host=host, console=console)
    assert settings.console_changes is changes


def test_what_stands_on_the_disk_is_what_the_settings_name(tmp_path):
    registry = Registry(str(tmp_path / "registry"))
    plain = kept_of(GatewayArgs(), AdminSettings(port=8091), registry)
    assert (plain.training.folder.name, plain.jobs, plain.audit_log) == ("runs", None, None)
    args = GatewayArgs(
        audit={"path": str(tmp_path / "audit")},
        jobs={"inputs": [str(tmp_path)], "outputs": str(tmp_path / "out"), "state": str(tmp_path)},
    )
    kept = kept_of(args, AdminSettings(port=8091, runs=str(tmp_path / "r")), registry)
    assert kept.training.folder == kept.retraining.folder == tmp_path / "r"
    assert kept.audit_log == tmp_path / "audit"
    assert kept.jobs is not None
    assert kept.jobs.names() == []
    assert not (tmp_path / "r").exists()
