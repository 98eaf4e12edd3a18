"""What one process answers, and where: command line first, then the environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from serve_app.core.reference import model_of
from serve_app.errors import ConfigError
from serve_app.standalone.places import REGISTRY, Place, place_of

MODEL_VARIABLE = "SERVE_APP_MODEL"
REGISTRY_VARIABLE = "SERVE_APP_REGISTRY"


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What one process answers, and where.

    `endpoints` are references of versions by the names of endpoints, `config` a file whose
    endpoints it answers instead; with neither it answers what stands in `models`, which is a
    registry or the folder of one version. `allows_pickle` lets models run code when they are
    loaded; `threads` compute large batches. Prometheus is answered on `metrics_port`, if one is
    given. On loopback it answers to `allowed_hosts` beside this machine's own names.
    """

    place: Place
    models: str = REGISTRY
    endpoints: Mapping[str, str] | None = None
    config: str | None = None
    default_endpoint: str | None = None
    allows_pickle: bool = False
    threads: int = 1
    metrics_port: int | None = None
    allowed_hosts: tuple[str, ...] = ()

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str], *, is_sagemaker: bool = False
    ) -> RunSettings:
        """What the environment says: its platform, `SERVE_APP_MODEL` and `SERVE_APP_REGISTRY`.

        Raises:
            ConfigError: what stands there cannot be used; says why.
        """
        place = place_of(environment, is_sagemaker=is_sagemaker)
        named = environment.get(MODEL_VARIABLE, "").replace(",", " ").split()
        return cls(
            place,
            models=environment.get(REGISTRY_VARIABLE) or place.models or REGISTRY,
            endpoints=named_endpoints(named) or None,
        )

    def listening(
        self, host: str | None, port: int | None, *, drain_s: float | None, leave_s: float
    ) -> RunSettings:
        """The same where something else was chosen on the command line."""
        place = replace(
            self.place,
            host=self.place.host if host is None else host,
            port=self.place.port if port is None else port,
            drain_s=self.place.drain_s if drain_s is None else drain_s,
            leave_s=leave_s,
        )
        return replace(self, place=place)


def named_endpoints(references: Sequence[str]) -> dict[str, str]:
    """Endpoints by name: `NAME=MODEL@VERSION`, or `MODEL@VERSION` under the model's name.

    Raises:
        ConfigError: two would have one name.
    """
    endpoints: dict[str, str] = {}
    for given in references:
        name, is_named, reference = given.partition("=")
        name, reference = (name, reference) if is_named else (model_of(given), given)
        if endpoints.setdefault(name, reference) != reference:
            msg = (
                f"{endpoints[name]} and {reference} would both be the endpoint {name!r}; name one "
                f"of them otherwise, such as {name}-next={reference}"
            )
            raise ConfigError(msg)
    return endpoints
