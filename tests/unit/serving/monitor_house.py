"""A gateway's part of monitoring and the monitor's own, without Ray."""

import asyncio
import itertools

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from serve_app.config import ControlSettings, MonitorArgs
from serve_app.control.declare import declare
from serve_app.core.identifiers import PredictionIds
from serve_app.core.messages import Payload, Request
from serve_app.core.snapshot import Snapshot
from serve_app.engine.assemble import Assembler
from serve_app.engine.load import load
from serve_app.engine.local import LocalModels
from serve_app.engine.predict import Predictor
from serve_app.engine.registration.register import Candidate, register
from serve_app.monitoring.outbox import Outbox
from serve_app.monitoring.recording import Recording
from serve_app.registry.store import Registry
from serve_app.serving.monitoring_work import MonitoringWork
from serve_app.serving.record_packing import RecordPacking, profiles_of
from serve_app.storage.baselines import BaselineStore
from serve_app.storage.snapshots import SnapshotStore

NOON_S = 1_790_000_000 // 86_400 * 86_400 + 43_200.0
SETTINGS = {
    "risk": {
        "route": {"kind": "single", "model": "risk@1"},
        "monitoring": {"key": "order_id", "redact": ["dose"]},
    }
}


def people(rows, seed, shift=0.0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"age": rng.normal(50 + shift, 10, rows), "dose": rng.normal(0, 1, rows)})


def of_people():
    """A model that says who is ill, and the rows that it was fitted on."""
    frame = people(4_000, 0)
    label = np.where(frame["age"] + 5 * frame["dose"] > 50, "ill", "well")
    return Candidate("risk", LogisticRegression().fit(frame, label), frame)


class House:
    """A gateway's part and the monitor's, without Ray, at one place and by one clock."""

    def __init__(self, folder, candidate=None, args=None, **monitoring):
        """Of one endpoint `risk`: of a model of people, unless there is another candidate."""
        self.now_s, self.folder = NOON_S, folder
        self.settings = SETTINGS
        if candidate is not None:
            self.settings = {
                "risk": {**SETTINGS["risk"], "monitoring": {"key": "order_id", **monitoring}}
            }
        self.args = MonitorArgs(
            registry=str(folder / "registry"),
            state=str(folder / "state"),
            records=str(folder / "records"),
            **{"drift": {"window_s": 60}, **(args or {})},
        )
        self.registry = Registry(self.args.registry)
        register(self.registry, candidate or of_people(), compile="never")
        declared = ControlSettings.model_validate({"endpoints": self.settings})
        snapshot = Snapshot(1, "hash", declare(declared, self.registry.manifest).checked())
        SnapshotStore(self.args.state).save(1, "hash", snapshot.to_json())
        self.recording, self.outbox = Recording(), Outbox("gateway.a")
        profiles = profiles_of(self.registry, BaselineStore(self.args.state))
        self.packing = RecordPacking(profiles, wall_minus_clock_s=lambda: 0.0, clock=self.clock)
        self.follow(snapshot)
        models = LocalModels({"risk@1": load(self.registry, "risk", 1).model}, clock=self.clock)
        self.predictor = Predictor(
            clock=self.clock, ids=PredictionIds(self.clock), recorder=self.recording
        )
        self.assembler = Assembler(replicas=models, inline=models, clock=self.clock)
        self.snapshot = snapshot
        self.serve()
        self.orders = itertools.count()

    def settle(self, **monitoring):
        """Declare the endpoint with other settings of monitoring."""
        risk = self.settings["risk"]
        risk = {**risk, "monitoring": {**risk["monitoring"], **monitoring}}
        declared = ControlSettings.model_validate({"endpoints": {"risk": risk}})
        snapshot = Snapshot(2, "other", declare(declared, self.registry.manifest).checked())
        SnapshotStore(self.args.state).save(2, "other", snapshot.to_json())
        self.follow(snapshot)
        self.snapshot = snapshot

    def follow(self, snapshot):
        """Record and pack as a snapshot says."""
        self.packing.follow(snapshot)
        self.recording.follow({one.name: one.records for one in snapshot.endpoints.values()})

    def serve(self):
        """Let the gateway's part answer as was declared last."""
        self.predictor.swap(self.assembler.stages(self.snapshot))

    def clock(self):
        return self.now_s

    def monitor(self):
        """The monitor as it starts."""
        work = MonitoringWork(self.args, self.registry, clock=self.clock)
        work.restore()
        return work

    def ask(self, frame):
        columns = {name: frame[name].tolist() for name in frame}
        columns["order_id"] = [f"o-{next(self.orders)}" for _ in range(len(frame))]
        request = Request("risk", Payload(columns, len(frame)), "request")
        return asyncio.run(self.predictor.predict(request))

    def deliver(self, work):
        self.outbox.add(self.packing.pack(self.recording.take()), 1)
        while (delivery := self.outbox.next(self.packing.counts)) is not None:
            work.intake.take(delivery.replica, delivery.sequence, delivery.payload)
            self.outbox.acknowledge(delivery.sequence)
