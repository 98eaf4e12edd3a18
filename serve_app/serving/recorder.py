"""What becomes of the records of a gateway."""

import time
from concurrent.futures import ThreadPoolExecutor

from serve_app.config import GatewayArgs
from serve_app.engine.trusted_registry import open_registry
from serve_app.monitoring.outbox import Outbox
from serve_app.monitoring.recording import Recording
from serve_app.serving.monitor_client import DeliverySender, monitor_handle
from serve_app.serving.record_packing import RecordPacking, profiles_of
from serve_app.serving.record_sender import RecordSender
from serve_app.storage.baselines import BaselineStore


def recorder_of(
    args: GatewayArgs, recording: Recording, replica: str
) -> tuple[RecordPacking, RecordSender]:
    """What becomes of records: how they are packed, and who sends them to the monitor."""
    clock = time.monotonic
    profiles = profiles_of(open_registry(args.registry), BaselineStore(args.state))
    packing = RecordPacking(profiles, wall_minus_clock_s=lambda: time.time() - clock(), clock=clock)
    sender = RecordSender(
        recording,
        Outbox(f"gateway.{replica}"),
        packing,
        DeliverySender(monitor_handle("deliver")),
        pool=ThreadPoolExecutor(1, thread_name_prefix="records"),
        clock=clock,
    )
    return packing, sender
