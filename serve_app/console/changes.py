"""What people change by forms: the use cases of the admin API, written down alike."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast, get_args

from serve_app.console import forms, overtaken
from serve_app.console.forms import Inquiry
from serve_app.console.job_pages import jobs_of
from serve_app.console.rendering import Moved, place
from serve_app.console.retraining_pages import known
from serve_app.console.run_pages import runs_of
from serve_app.console.sources import Sources
from serve_app.core.caller import ANONYMOUS
from serve_app.core.events import RETRAINING, Event
from serve_app.errors import InvalidInput, ServeError
from serve_app.gateway.admin.actions import AliasChange, Change, ExperimentAction, RolloutAction
from serve_app.gateway.wish import Attempt
from serve_app.lifecycle.retraining.overview import Person
from serve_app.security.audit import AuditEvent

T = TypeVar("T")
_LONGEST_ALIAS = 100
logger = logging.getLogger("serve_app.console")


class ConsoleChanges:
    """One method per form of the table of pages, which gives where the browser goes on."""

    def __init__(self, sources: Sources) -> None:
        self._actions = sources.actions
        self._audited = sources.audited
        self._jobs = sources.jobs
        self._training = sources.training
        self._retraining = sources.retraining
        self._keep = sources.keep
        self._clock = sources.clock

    async def set_weights(self, inquiry: Inquiry) -> Moved:
        """Change the weights of an endpoint's variants."""
        endpoint = inquiry.named["endpoint"]
        weights = forms.weights(inquiry.form)
        change = forms.change(inquiry.form, inquiry.caller)

        async def act() -> None:
            await overtaken.check_weights(self._actions, endpoint, inquiry.form)
            await self._actions.set_weights(endpoint, weights, change)

        await self._made(inquiry, "set_weights", act)
        return Moved(place("endpoints", endpoint, done="weights"))

    async def move_rollout(self, inquiry: Inquiry) -> Moved:
        """Start, pause, resume, promote or roll back a candidate."""
        endpoint = inquiry.named["endpoint"]
        action = cast("RolloutAction", _one_of(inquiry, get_args(RolloutAction)))
        change = forms.change(inquiry.form, inquiry.caller)

        async def act() -> None:
            await overtaken.check_candidate(self._actions, endpoint, inquiry.form)
            await self._actions.move_rollout(endpoint, action, change)

        await self._made(inquiry, "move_rollout", act)
        return Moved(place("rollouts", done="rollout"))

    async def move_experiment(self, inquiry: Inquiry) -> Moved:
        """Start or stop an experiment."""
        endpoint = inquiry.named["endpoint"]
        action = cast("ExperimentAction", _one_of(inquiry, get_args(ExperimentAction)))
        change = forms.change(inquiry.form, inquiry.caller)
        await self._made(
            inquiry,
            "move_experiment",
            lambda: self._actions.move_experiment(endpoint, action, change),
        )
        return Moved(place("endpoints", endpoint, "experiment", done="experiment"))

    async def move_alias(self, inquiry: Inquiry) -> Moved:
        """Let an alias name another version, where it names the one that the page showed."""
        model, form = inquiry.named["model"], inquiry.form
        alias = form.get("alias", "").strip()
        if not alias or len(alias) > _LONGEST_ALIAS:
            raise InvalidInput("name the alias that is to be moved")
        version = forms.version_number(form, "version")
        if version is None:
            raise InvalidInput("name the version that the alias is to name")
        move = AliasChange(version, "expected" in form, forms.version_number(form, "expected"))
        change = forms.change(form, inquiry.caller)
        await self._made(
            inquiry,
            "move_alias",
            lambda: self._actions.move_alias(model, alias, move, change),
        )
        return Moved(place("models", model, done="alias"))

    async def resume_job(self, inquiry: Inquiry) -> Moved:
        """Let a batch job that failed or was cancelled go on."""
        name, jobs = inquiry.named["job"], jobs_of(self._jobs)
        change = forms.change(inquiry.form, inquiry.caller)
        await self._made(inquiry, "resume_job", lambda: asyncio.to_thread(jobs.resume, name))
        await self._remember("job resumed", name, change)
        return Moved(place("jobs", name, done="job"))

    async def cancel_job(self, inquiry: Inquiry) -> Moved:
        """End a batch job."""
        name, jobs = inquiry.named["job"], jobs_of(self._jobs)
        change = forms.change(inquiry.form, inquiry.caller)
        await self._made(inquiry, "cancel_job", lambda: asyncio.to_thread(jobs.cancel, name))
        await self._remember("job cancelled", name, change)
        return Moved(place("jobs", name, done="job"))

    async def cancel_run(self, inquiry: Inquiry) -> Moved:
        """Stop a run of training: whoever works on it drops what is computed."""
        name, runs = inquiry.named["run"], runs_of(self._training)
        change = forms.change(inquiry.form, inquiry.caller)
        now_s = self._clock()
        await self._made(inquiry, "cancel_run", lambda: asyncio.to_thread(runs.cancel, name, now_s))
        await self._remember("run cancelled", name, change)
        return Moved(place("runs", name, done="run"))

    async def cancel_retraining(self, inquiry: Inquiry) -> Moved:
        """End a run of retraining: at once, or by going back where it has live traffic."""
        name, runs = inquiry.named["run"], known(self._retraining)
        person = _person(inquiry)
        at_s = await self._made(
            inquiry, "cancel_retraining", lambda: asyncio.to_thread(runs.cancel, name, person)
        )
        await self._keep_event(_of_retraining(at_s, person, "cancel", name))
        return Moved(place("approvals", name, done="run"))

    async def freeze(self, inquiry: Inquiry) -> Moved:
        """Let no run of a model begin, go on or promote anything; or let them again."""
        model, runs = inquiry.named["model"], known(self._retraining)
        freezes = _one_of(inquiry, ("freeze", "unfreeze")) == "freeze"
        person = _person(inquiry)
        await self._actions.model(model)
        act, what = (runs.freeze, "freeze") if freezes else (runs.unfreeze, "unfreeze")
        at_s = await self._made(inquiry, what, lambda: asyncio.to_thread(act, model, person))
        await self._keep_event(_of_retraining(at_s, person, what, model))
        return Moved(place("models", model, done="freeze"))

    async def decide(self, inquiry: Inquiry) -> Moved:
        """Approve or reject the challenger of a run of retraining that waits for a person."""
        name, form, runs = inquiry.named["run"], inquiry.form, known(self._retraining)
        approved = _one_of(inquiry, ("approve", "reject")) == "approve"
        person = _person(inquiry)
        decision = await self._made(
            inquiry,
            "decide",
            lambda: asyncio.to_thread(
                runs.decide,
                name,
                person,
                approved=approved,
                digest=form.get("digest", ""),
            ),
        )
        what = "approved" if approved else "rejected"
        await self._keep_event(_of_retraining(decision.at_s, person, what, name))
        return Moved(place("approvals", name, done="decision"))

    def attempt(self, inquiry: Inquiry, handler: str) -> AuditEvent:
        """What is to be done, as the audit log has it: as where the admin API is asked for it."""
        client = inquiry.request.client
        source = "" if client is None else client.host
        about = " ".join(f"{key} {value}" for key, value in inquiry.named.items())
        return Attempt(inquiry.caller, inquiry.request_id, source).to(handler, about or "console")

    async def _made(self, inquiry: Inquiry, handler: str, act: Callable[[], Awaitable[T]]) -> T:
        if self._audited is None:
            return await act()
        return await self._audited.made(self.attempt(inquiry, handler), inquiry.named, act)

    async def _remember(self, kind: str, subject: str, change: Change) -> None:
        """Keep why something was done that keeps no reasons itself."""
        await self._keep_event(Event(self._clock(), change.who, kind, subject, change.why))

    async def _keep_event(self, event: Event) -> None:
        """Keep an event; where that fails the log has it, and what was done stands."""
        if self._keep is None:
            return
        try:
            await asyncio.to_thread(self._keep, event)
        except ServeError as error:
            logger.error("an event cannot be kept", exc_info=error, extra={"event": str(event)})


def _of_retraining(at_s: float, by: Person, what: str, subject: str) -> Event:
    """What was done, as whoever works on retraining tells it too, who keeps it once."""
    return Event(at_s, by.name, RETRAINING, subject, f"{what}: {by.why}")


def _person(inquiry: Inquiry) -> Person:
    change = forms.change(inquiry.form, inquiry.caller)
    return Person(change.who, change.why, inquiry.caller != ANONYMOUS)


def _one_of(inquiry: Inquiry, known: tuple[str, ...]) -> str:
    given = inquiry.form.get("action", "")
    if given not in known:
        raise InvalidInput(f"'action' must be one of {', '.join(known)}; got {given[:40]!r}")
    return given
