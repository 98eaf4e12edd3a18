"""What of a declaration is not in effect yet, in words: asked of control and of Serve."""

from collections.abc import Iterable, Mapping
from typing import Any

from serve_app.control.declare import hash_of

GATEWAY = "Gateway"
_LIVING = frozenset({"RUNNING", "UPDATING", "PENDING_MIGRATION"})
_ID_CHARACTERS = 8


def declared_hash(applications: Iterable[Mapping[str, Any]]) -> str | None:
    """The hash of the endpoints that some applications of a config declare; none for none."""
    for application in applications:
        for deployment in application.get("deployments") or []:
            declared = deployment.get("user_config") or {}
            if "endpoints" in declared:
                return hash_of(declared)
    return None


def deployed(applications: Mapping[str, Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    """The configs that Serve was given last, of all its applications."""
    return [body.get("deployed_app_config") or {} for body in applications.values()]


def gateways(applications: Mapping[str, Mapping[str, Any]]) -> frozenset[str]:
    """The gateway replicas that answer, by the names that Serve gave them."""
    return frozenset(
        replica["replica_id"]
        for body in applications.values()
        for replica in body.get("deployments", {}).get(GATEWAY, {}).get("replicas", [])
        if replica["state"] in _LIVING
    )


def not_in_effect(
    status: Mapping[str, Any],
    declaration: str | None,
    living: frozenset[str],
    *,
    only: str | None = None,
) -> list[str]:
    """What control says that is not in effect, on which gateways, and why.

    With `only`, endpoints other than that one may wait for whatever they want.
    """
    if declaration is not None and status["declaration"] != declaration:
        words = refusal(status, declaration)
        return [words or "control has not taken this declaration yet"]
    missing: list[str] = []
    for endpoint, versions in status["waiting"].items():
        if only not in {None, endpoint}:
            continue
        listed = ", ".join(_with_reason(version, status["reasons"]) for version in versions)
        missing.append(f"endpoint {endpoint} waits for {listed}")
    for replica in sorted(living):
        problem = _behind(status["gateways"].get(replica), status["snapshot"])
        if problem:
            missing.append(f"gateway {replica[:_ID_CHARACTERS]} {problem}")
    for version, problem in status["other"].items() if only is None else ():
        missing.append(
            f"{version} is not what the registry holds: {problem}; register a new version, or "
            "take its application out of the file and deploy it again"
        )
    return missing


def held(status: Mapping[str, Any]) -> list[str]:
    """The endpoints that do not follow their aliases, and why."""
    return [f"endpoint {name}: {why}" for name, why in sorted(status.get("held", {}).items())]


def refusal(status: Mapping[str, Any], declaration: str | None) -> str:
    """Why control refused a declaration, in words; empty where it did not."""
    refused = status.get("refused")
    if refused is None or refused["declaration"] != declaration:
        return ""
    problems = "; ".join(refused["problems"])
    return f"the endpoints are refused, and those declared before go on: {problems}"


def failing_work(status: Mapping[str, Any]) -> list[str]:
    """The background work of control and gateways that fails now, and why."""
    failing = [f"control: {problem}" for problem in status.get("failing", ())]
    for replica, gateway in sorted(status.get("gateways", {}).items()):
        failing += [f"gateway {replica[:_ID_CHARACTERS]}: {one}" for one in gateway["failing"]]
    return failing


def _with_reason(version: str, reasons: Mapping[str, str]) -> str:
    return f"{version} ({reasons[version]})" if version in reasons else version


def _behind(gateway: Mapping[str, Any] | None, snapshot: int) -> str:
    if gateway is None:
        return "has not told control what it answers under"
    if gateway["trouble"] is not None:
        return f"cannot take snapshot {snapshot}: {gateway['trouble']}"
    if gateway["snapshot"] < snapshot:
        return f"still answers under snapshot {gateway['snapshot']}, {snapshot} stands"
    return ""
