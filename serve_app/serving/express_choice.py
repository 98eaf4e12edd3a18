"""Whether requests pass by Serve where a config leaves that open: unless it asks Serve for more."""

import logging
import os
from collections.abc import Iterator, Mapping
from typing import Any

import pydantic

from serve_app.config import GatewayArgs
from serve_app.config.builders import builder_of

TRACES_VARIABLE = "RAY_SERVE_TRACING_EXPORTER_IMPORT_PATH"
TIMEOUT = "`http_options.request_timeout_s`"
ACCESS_LOG = "`logging_config` leaves Serve's access log on"
PASSED_BY = "requests pass by what Serve does around each of them"


def serves_part(
    request_timeout_s: float | None,
    logging_config: Mapping[str, Any],
    environment: Mapping[str, str],
) -> str | None:
    """What is configured that Serve alone does around each request; none where there is nothing.

    `logging_config` is what Serve goes by for a deployment, whose own defaults hold elsewhere.
    """
    if request_timeout_s is not None:
        return f"{TIMEOUT} is Serve's to keep"
    if _writes_access_log(logging_config):
        return ACCESS_LOG
    if environment.get(TRACES_VARIABLE):
        return f"{TRACES_VARIABLE} has Serve trace them"
    return None


def words_of(details: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Which way requests take to each gateway, out of what Serve tells of itself."""
    timeout_s = (details.get("http_options") or {}).get("request_timeout_s")
    for name, body in sorted(details["applications"].items()):
        given = body.get("deployed_app_config") or {}
        if builder_of(given) == "gateway":
            yield name, _words(given, timeout_s)


def logging_of(application: Mapping[str, Any], others: Any = None) -> Mapping[str, Any]:
    """What a config says of the logging of an application's one deployment.

    `others` is what it says for all applications.
    """
    listed = application.get("deployments")
    deployments = listed if isinstance(listed, list) else ()
    own = (one.get("logging_config") for one in deployments if isinstance(one, Mapping))
    configs = (*own, application.get("logging_config"), others)
    return next((one for one in configs if one and isinstance(one, Mapping)), {})


def _words(application: Mapping[str, Any], timeout_s: float | None) -> str:
    try:
        express = GatewayArgs.model_validate(application.get("args") or {}).express
    except pydantic.ValidationError:
        express = None
    if express is False:
        return "requests take Serve's way: `express: false`"
    reason = None if express else serves_part(timeout_s, logging_of(application), os.environ)
    return PASSED_BY if reason is None else f"requests take Serve's way: {reason}"


def _writes_access_log(logging_config: Mapping[str, Any]) -> bool:
    """Whether Serve writes a line for each request, which it does at the level INFO."""
    level = logging_config.get("log_level", "INFO")
    known = logging.getLevelNamesMapping()
    number = level if isinstance(level, int) else known.get(str(level).upper(), logging.INFO)
    return bool(logging_config.get("enable_access_log", True)) and number <= logging.INFO
