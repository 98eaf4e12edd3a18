"""Forms are of what their page showed: where that was changed meanwhile, they change nothing."""

from __future__ import annotations

from collections.abc import Mapping

from serve_app.console.forms import Form
from serve_app.console.rendering import in_words
from serve_app.errors import Conflict
from serve_app.gateway.admin.actions import AdminActions

SHOWN = "shown."
"""What the fields of weights that a page showed begin with; the version follows."""


async def check_weights(actions: AdminActions, endpoint: str, form: Form) -> None:
    """Compare the weights that stand with those that the page of a form showed.

    Raises:
        Conflict: somebody else, or what learns, has changed them since.
    """
    shown = {
        name.removeprefix(SHOWN): text for name, text in form.items() if name.startswith(SHOWN)
    }
    if not shown:
        return
    body = await actions.endpoint(endpoint)
    stand = {one["version"]: one["weight"] for one in body["variants"]}
    if _as_text(stand) != shown:
        raise Conflict(
            f"the weights of {endpoint} are {in_words(stand)} by now, which the page did not show: "
            "load it again, and set them where that is still what you want"
        )


async def check_candidate(actions: AdminActions, endpoint: str, form: Form) -> None:
    """Compare the candidate of a rollout with the one that the page of a form showed.

    Raises:
        Conflict: another version is the candidate by now.
    """
    shown = form.get("candidate")
    if shown is None:
        return
    rollouts = await actions.rollouts()
    candidates = [one["candidate"] for one in rollouts if one["endpoint"] == endpoint]
    if candidates and shown not in candidates:
        raise Conflict(
            f"the candidate of {endpoint} is {candidates[0]} by now, and no longer {shown[:80]}: "
            "load the page again"
        )


def _as_text(weights: Mapping[str, float]) -> dict[str, str]:
    return {version: str(weight) for version, weight in weights.items()}
