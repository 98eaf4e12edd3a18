"""What one process answers, and where: command line first, then the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from serve_app.core.reference import model_of
from serve_app.errors import ConfigError
from serve_app.standalone.places import REGISTRY, Place, place_of

MODEL_VARIABLE = "SERVE_APP_MODEL"
REGISTRY_VARIABLE = "SERVE_APP_REGISTRY"
KEYS_VARIABLE = "SERVE_APP_KEYS_FILE"
ACCESS_VARIABLE = "SERVE_APP_ACCESS"
OPEN = "open"
TRUSTED_VARIABLE = "SERVE_APP_TRUSTED_KEYS"
REQUIRE_VARIABLE = "SERVE_APP_REQUIRE_SIGNED"


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What one process answers, and where.

    `endpoints` are references of versions by the names of endpoints, `config` a file whose
    endpoints it answers instead; with neither it answers what stands in `models`, which is a
    registry or the folder of one version. `allows_pickle` lets models run code when they are
    loaded; `trusted_keys` are files of public keys that versions may be signed with, and must be
    with `requires_signed`; `threads` compute large batches. Prometheus is answered on
    `metrics_port`, if one is given. With a `keys_file`, whoever has no key of it is refused; where
    nobody is asked for one, other machines reach it if it `is_open`. On loopback it answers to
    `allowed_hosts` beside this machine's own names.
    """

    place: Place
    models: str = REGISTRY
    endpoints: Mapping[str, str] | None = None
    config: str | None = None
    default_endpoint: str | None = None
    allows_pickle: bool = False
    trusted_keys: tuple[str, ...] = ()
    requires_signed: bool = False
    threads: int = 1
    metrics_port: int | None = None
    keys_file: str | None = None
    is_open: bool = False
    allowed_hosts: tuple[str, ...] = ()

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str], *, is_sagemaker: bool = False
    ) -> RunSettings:
        """What the environment says: its platform, which models, where, and who must sign them.

        That stands in `SERVE_APP_MODEL`, `SERVE_APP_REGISTRY`, `SERVE_APP_TRUSTED_KEYS` (files,
        with a colon between two) and `SERVE_APP_REQUIRE_SIGNED` (`true` or `false`). Who may ask
        stands in `SERVE_APP_KEYS_FILE` or `SERVE_APP_ACCESS` (`open`).

        Raises:
            ConfigError: what stands there cannot be used; says why.
        """
        place = place_of(environment, is_sagemaker=is_sagemaker)
        keys = environment.get(TRUSTED_VARIABLE, "").split(os.pathsep)
        named = environment.get(MODEL_VARIABLE, "").replace(",", " ").split()
        return cls(
            place,
            models=environment.get(REGISTRY_VARIABLE) or place.models or REGISTRY,
            endpoints=named_endpoints(named) or None,
            keys_file=environment.get(KEYS_VARIABLE) or None,
            is_open=_is_open(environment),
            trusted_keys=tuple(filter(None, keys)),
            requires_signed=_switch(environment, REQUIRE_VARIABLE),
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

    def trusting(self, keys: Sequence[str], required: bool) -> RunSettings:
        """The same for versions that are signed with these keys, and only those if `required`."""
        return replace(self, trusted_keys=tuple(keys), requires_signed=required)


def _is_open(environment: Mapping[str, str]) -> bool:
    """Whether everybody may ask. Raises ConfigError: what stands there says something else."""
    given = environment.get(ACCESS_VARIABLE, "")
    if given in {"", OPEN}:
        return given == OPEN
    raise ConfigError(f"{ACCESS_VARIABLE} is {given!r}; write {OPEN}, or name {KEYS_VARIABLE}")


def _switch(environment: Mapping[str, str], variable: str) -> bool:
    """Whether a variable is on; one that is not there is off. Raises ConfigError: it is neither."""
    given = environment.get(variable, "").lower()
    if given in {"1", "true", "yes", "on"}:
        return True
    if given in {"", "0", "false", "no", "off"}:
        return False
    raise ConfigError(f"{variable} is {environment[variable]!r}; write true or false")


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
