"""Sends what is wrong to all receivers, each at its own pace, and remembers what it sent."""

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from serve_app.config.alerts import AlertArgs
from serve_app.core.json_values import finite
from serve_app.errors import NotFound, ServeError, Unavailable
from serve_app.monitoring import catalogue
from serve_app.monitoring.alerts.ledger import View
from serve_app.monitoring.alerts.message import Message, trial_message
from serve_app.monitoring.alerts.receiver import ReceiverState
from serve_app.monitoring.alerts.settings import Choice, Timing
from serve_app.monitoring.catalogue import Sample
from serve_app.monitoring.finding import Finding, FindingKey
from serve_app.serving.alerting.delivery import Delivery, Environment
from serve_app.serving.alerting.kinds import delivery_of

STATE = "alerts"
RESULTS = ("sent", "failed", "dropped")
logger = logging.getLogger("serve_app.alerts")


class States(Protocol):
    """Keeps JSON values by name."""

    def save(self, name: str, value: Any) -> None:
        """Keep a value in place of the former one."""

    def load(self, name: str) -> Any:
        """The value, None where none was kept."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a sender of alerts depends on.

    `findings` is what is wrong now, `unknown` the kinds of which nothing is known yet. Another
    process may have taken over, which `is_over` says. `clock` gives seconds since 1970, `ids`
    a new id each time.
    """

    findings: Callable[[], Sequence[Finding]]
    unknown: Callable[[], Collection[str]]
    state: States
    is_over: Callable[[], bool]
    clock: Callable[[], float]
    ids: Callable[[], str]
    environment: Environment


class AlertSender:
    """Sends messages to receivers; none waits for another one."""

    def __init__(self, args: AlertArgs, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._timing = Timing(**args.timing())
        self._settings = args.receivers
        self._choices = {name: _choice(one) for name, one in args.receivers.items()}
        self._deliveries: Mapping[str, Delivery] = {
            name: delivery_of(one, args, surroundings.environment, surroundings.clock)
            for name, one in args.receivers.items()
        }
        self._lock = threading.Lock()
        self._states = {name: ReceiverState() for name in args.receivers}
        self._saved = ""
        self._busy: dict[str, threading.Thread] = {}
        self._counts: Counter[tuple[str, str]] = Counter()

    def restore(self) -> None:
        """Know again what was sent and what waits.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        body = self._around.state.load(STATE) or {}
        with self._lock:
            for name in self._states.keys() & body.keys():
                try:
                    self._states[name] = ReceiverState.from_json(body[name])
                except (KeyError, TypeError, ValueError, AttributeError) as error:
                    # Another release may have written it: what stands is announced once more.
                    logger.error(
                        "it is not known what was sent", exc_info=error, extra={"receiver": name}
                    )

    def run(self) -> None:
        """Find out what is due, and let it be sent.

        Raises:
            ServeError: what was sent cannot be kept; it was sent all the same.
        """
        around = self._around
        try:
            if around.is_over():
                return
        except ServeError as error:
            # A message too many is better than none while the database is away.
            logger.error("who sends alerts cannot be looked up", exc_info=error)
        view = View(around.clock(), around.findings(), around.unknown())
        with self._lock:
            for name, choice in self._choices.items():
                self._states[name], dropped = self._states[name].after(
                    view, choice, self._timing, name, around.ids
                )
                self._counts[name, "dropped"] += len(dropped)
                for message in dropped:
                    logger.error("a message is dropped", extra=_fields(message))
        try:
            # Before it is sent: one that dies now sends it later, and not something else.
            self._save()
        finally:
            for name in self._deliveries:
                self._begin(name, view.now_s)

    def wait(self, timeout_s: float) -> bool:
        """Return once nothing is being sent, or after so many seconds; whether nothing is."""
        for thread in list(self._busy.values()):
            thread.join(timeout_s)
        return not any(thread.is_alive() for thread in self._busy.values())

    def samples(self) -> Iterator[Sample]:
        """How many messages were sent, failed and were dropped, and what is wrong."""
        for name in self._deliveries:
            for result in RESULTS:
                number = self._counts[name, result]
                yield Sample(catalogue.ALERT_MESSAGES, (name, result), number)
        kinds = Counter((one.kind, one.endpoint, one.severity) for one in self._around.findings())
        for labels, number in kinds.items():
            yield Sample(catalogue.FINDINGS, labels, number)

    def report(self) -> dict[str, Any]:
        """What is wrong now, and what each receiver was sent last, as JSON values."""
        with self._lock:
            states = dict(self._states)
        since_s: dict[FindingKey, float] = {}
        for state in states.values():
            for key, known in state.ledger.known.items():
                since_s[key] = min(known.since_s, since_s.get(key, known.since_s))
        findings = [
            finite({**one.to_json(), "since_s": since_s.get(one.key)})
            for one in self._around.findings()
        ]
        receivers = [
            {
                "receiver": name,
                "kind": self._settings[name].kind,
                "waiting": len(state.outgoing.waiting),
                "sent": [asdict(one) for one in reversed(state.sent)],
            }
            for name, state in sorted(states.items())
        ]
        return {"findings": findings, "receivers": receivers}

    def test(self, receiver: str | None) -> list[Mapping[str, Any]]:
        """Send a test message to a receiver or all, and what became of each.

        Raises:
            NotFound: there is no such receiver.
        """
        if receiver is not None and receiver not in self._deliveries:
            known = ", ".join(sorted(self._deliveries)) or "none"
            msg = f"there is no receiver {receiver[:80]!r} of alerts; receivers: {known}"
            raise NotFound(msg, known=sorted(self._deliveries))
        names = sorted(self._deliveries) if receiver is None else [receiver]
        if not names:
            return []
        with ThreadPoolExecutor(len(names)) as pool:
            return list(pool.map(self._try, names))

    def _try(self, name: str) -> Mapping[str, Any]:
        message = trial_message(name, self._around.ids(), self._around.clock())
        why = self._send(name, message)
        return {
            "receiver": name,
            "kind": self._settings[name].kind,
            "result": "sent" if why is None else "failed",
            "error": why,
        }

    def _begin(self, name: str, now_s: float) -> None:
        """Let what is due for a receiver be sent, unless something is being sent to it."""
        busy = self._busy.get(name)
        if busy is not None and busy.is_alive():
            return
        if self._states[name].outgoing.due(now_s) is None:
            return
        # A receiver that hangs must not hold up the end of this process either.
        self._busy[name] = threading.Thread(
            target=self._deliver, args=(name,), name=f"alerts-{name}", daemon=True
        )
        self._busy[name].start()

    def _deliver(self, name: str) -> None:
        """Send what is due for a receiver, one after another, until none is or one fails."""
        clock = self._around.clock
        while (message := self._states[name].outgoing.due(clock())) is not None:
            why = self._send(name, message)
            with self._lock:
                state = self._states[name]
                # It has arrived, whether that can be kept or not.
                self._states[name] = (
                    state.delivered(message, clock())
                    if why is None
                    else state.failed(message, clock(), self._timing, why)
                )
            try:
                self._save()
            except ServeError as error:
                logger.error("what was sent cannot be kept", exc_info=error)
            if why is not None:
                return

    def _send(self, name: str, message: Message) -> str | None:
        """Send a message, and say why not where it did not arrive."""
        try:
            self._deliveries[name].send(message)
        except Exception as error:
            # Whatever it is, it is tried again.
            why = error.message if isinstance(error, Unavailable) else type(error).__name__
            cause = None if isinstance(error, Unavailable) else error
            fields = {**_fields(message), "why": why}
            logger.error("a message is not delivered", exc_info=cause, extra=fields)
            self._counts[name, "failed"] += 1
            return why
        self._counts[name, "sent"] += 1
        return None

    def _save(self) -> None:
        """Keep what is known, unless it is kept already or another process keeps it now."""
        with self._lock:
            body = {name: state.to_json() for name, state in self._states.items()}
            # As text, since what is no number is not equal to itself.
            text = json.dumps(body)
            if text == self._saved or self._around.is_over():
                return
            self._around.state.save(STATE, body)
            self._saved = text


def _choice(settings: Any) -> Choice:
    return Choice(
        settings.severity,
        None if settings.kinds is None else frozenset(settings.kinds),
        None if settings.endpoints is None else frozenset(settings.endpoints),
    )


def _fields(message: Message) -> dict[str, Any]:
    return {
        "alert_id": message.id,
        "receiver": message.receiver,
        "endpoint": message.endpoint,
        "status": message.status,
    }
