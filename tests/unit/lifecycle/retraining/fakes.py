"""A world outside the ledger that outlives processes, and says what was done twice in it."""

from dataclasses import dataclass, field, replace

from serve_app.config.retraining import GuardSettings
from serve_app.lifecycle.gates import Gate
from serve_app.lifecycle.retraining import leases
from serve_app.lifecycle.retraining.database import Database
from serve_app.lifecycle.retraining.effects import Canary, Effects, Judged, Shown
from serve_app.lifecycle.retraining.intake import Intake
from serve_app.lifecycle.retraining.ledger import Ledger
from serve_app.lifecycle.retraining.machine import Machine, no_fault
from serve_app.lifecycle.retraining.trigger import Trigger

PASSED = Gate("champion", 0.01, -0.01, 500, "passed")
FAILED = Gate("champion", -0.2, -0.01, 500, "failed")
MODEL = "churn"
ENDPOINT = {"retrain": {"endpoint": "churn"}}
APPROVED = {"retrain": {"approval": {"required": True, "within": "60s"}}}


class Dies(BaseException):
    """A process that is killed runs nothing more of ours."""


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self, now_s=1_000_000.0):
        self.now_s = now_s

    def __call__(self):
        return self.now_s


@dataclass
class World:
    """Training, registry and cluster. Each keeps what was done, and by which run."""

    gates: list = field(default_factory=lambda: [PASSED])
    inspected: list = field(default_factory=list)
    champions: list = field(default_factory=lambda: [(1, "by hand")])
    registered: dict = field(default_factory=dict)
    digests: dict = field(default_factory=dict)
    canary: str = "promoted"
    challenger: int | None = None
    held: bool = False
    seen: Shown = field(default_factory=Shown)
    raises: dict = field(default_factory=dict)
    calls: list = field(default_factory=list)

    def _called(self, name):
        self.calls.append(name)
        errors = self.raises.get(name)
        if errors:
            raise errors.pop(0)

    def prepare(self, ticket):
        self._called("prepare")
        return {"training_run": f"train of {ticket.key}"}

    def search(self, ticket):
        self._called("search")
        return {"trials": 3}

    def judge(self, ticket):
        self._called("judge")
        return Judged(tuple(self.gates), self.champion(ticket.model))

    def register(self, ticket):
        self._called("register")
        # As a registry does that is looked into by the run's name first.
        return self.registered.setdefault(ticket.key, len(self.registered) + 2)

    def champion(self, model):
        return self.champions[-1][0] if self.champions else None

    def digest(self, model, version):
        return self.digests.get(version, f"digest of {version}")

    def inspect(self, ticket, version, champion):
        self._called("inspect")
        return self.inspected

    def check(self, model, version):
        self._called("check")

    def promote(self, model, version, expected, *, mark, who):
        self._called("promote")
        if any(reason == mark for _, reason in self.champions):
            return "promoted"
        if self.champion(model) != expected:
            return "moved by others"
        self.champions.append((version, mark))
        return "promoted"

    def begin(self, ticket, version):
        self._called("begin")
        self.challenger = version

    def shown(self, ticket, version, since_s):
        return self.seen

    def start(self, ticket, version):
        self._called("start")
        self.seen = replace(self.seen, has_share=True)

    def state(self, ticket, version):
        return Canary(self.canary, f"it is {self.canary}")

    def hold(self, ticket, version):
        self.held = True

    def go_on(self, ticket, version):
        self.held = False

    def undo(self, ticket, version):
        self._called("undo")
        self.challenger = None


class House:
    """A ledger in a folder, a world, and processes that come and die."""

    def __init__(self, folder, world=None):
        self.database = Database(folder)
        self.ledger = Ledger(self.database)
        self.world = world or World()
        self.clock = Clock()
        self.intake = Intake(self.database, self.clock)
        self.processes = 0

    def trigger(self, key="1", body=None, guards=None, **more):
        given = {"kind": "manual", "reason": "somebody wants it", "who": "ann", **more}
        one = Trigger(MODEL, dedupe_key=key, at_s=self.clock(), **given)
        return self.intake.take(one, "churn", body or {}, guards or GuardSettings())

    def process(self, fault=no_fault):
        """A new process, which waits until the one before has lost its right."""
        self.processes += 1
        self.clock.now_s += leases.LENGTH_S + 1
        lease = leases.acquire(self.database, MODEL, f"process {self.processes}", self.clock())
        world = self.world
        return Machine(self.ledger, Effects(world, world, world), lease, self.clock, fault)

    def work(self):
        return self.process().work()

    def newest(self):
        return self.ledger.runs()[0]
