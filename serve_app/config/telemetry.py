"""Where traces and metrics of a process go by OpenTelemetry's protocol."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field, PositiveFloat, StringConstraints

from serve_app.config.base import Frozen
from serve_app.core.hosts import leads_nowhere


def _without_secrets(endpoint: str) -> str:
    try:
        parts = urlsplit(endpoint)
        host, secret = parts.hostname, parts.username or parts.password or parts.query
    except ValueError:
        host, secret, parts = None, None, urlsplit("")
    if parts.scheme not in {"http", "https"} or not host:
        msg = "write the URL of a collector, such as https://otlp.nr-data.net or http://host:4318"
        raise ValueError(msg)
    if leads_nowhere(host):
        raise ValueError("this is an address at which there is no collector; it is not asked")
    if secret:
        msg = "a URL in a config may hold no secret; name its environment variable in `headers_env`"
        raise ValueError(msg)
    return endpoint.rstrip("/")


def _of_environment(name: str) -> str:
    if not name.replace("_", "").isalnum() or name != name.upper() or name[0].isdigit():
        msg = (
            "write the name of an environment variable in capitals, such as NEW_RELIC_LICENSE_KEY, "
            "and never the secret itself"
        )
        raise ValueError(msg)
    return name


HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,100}$")]
VariableName = Annotated[
    str, StringConstraints(min_length=1, max_length=100), AfterValidator(_of_environment)
]


class TelemetrySettings(Frozen):
    """Traces and metrics by OTLP over HTTP; what is None is read from OpenTelemetry's variables.

    `endpoint` is the URL before `/v1/traces` and `/v1/metrics`. `headers_env` names, for each
    header, the environment variable that holds its value. `sampling` is the share of traces that
    begin here which are kept; those that callers begin are kept as they say. Metrics go there
    `beside` Ray's exporter for Prometheus or `instead`, every `metrics_interval_s` seconds.
    """

    # Somebody may write a secret where the name of its variable belongs.
    model_config = ConfigDict(hide_input_in_errors=True)

    endpoint: Annotated[str, AfterValidator(_without_secrets)] | None = None
    headers_env: dict[HeaderName, VariableName] = Field(default={})
    sampling: Annotated[float, Field(ge=0, le=1)] | None = None
    service_name: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    traces: bool = True
    metrics: Literal["beside", "instead", "none"] = "beside"
    temporality: Literal["cumulative", "delta"] | None = None
    metrics_interval_s: PositiveFloat | None = None
    compression: Literal["gzip", "none"] | None = None
