"""Every key of ours that `configs/*.yaml` may hold; unknown keys are refused.

Ray's own keys stay Ray's: `serving/validate.py` checks those against the installed Ray.
"""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from serve_app.config.base import Frozen
from serve_app.config.scaling import ScalingSettings, ScheduleEntry

__all__ = ["Frozen", "ScalingSettings", "ScheduleEntry"]

HOME_VARIABLE = "SERVE_APP_HOME"
REFERENCE = re.compile(r"^(?P<model>[a-z0-9][a-z0-9_-]*)@(?P<version>[1-9][0-9]*)$")


def _numbered(reference: str) -> str:
    if not REFERENCE.match(reference):
        msg = f"{reference!r} does not name a version; write model@number, such as diagnosis-xgb@1"
        raise ValueError(msg)
    return reference


def split_reference(reference: str) -> tuple[str, int]:
    """Take `diagnosis-xgb@3` apart into its model and its number.

    Raises:
        ValueError: it is not of that form.
    """
    model, _, version = _numbered(reference).partition("@")
    return model, int(version)


def application_name(reference: str) -> str:
    """The name of the Serve application that holds a version: `diagnosis-xgb-3`."""
    model, version = split_reference(reference)
    return f"{model}-{version}"


def located(path: str) -> str:
    """Resolve a relative path of a config against the folder that the cluster started in.

    Replicas run wherever Ray puts them; a path in YAML means the same in all of them.
    URLs (`s3://…`, `memory://…`) stay as they are.
    """
    if "://" in path or Path(path).is_absolute():
        return path
    return str((Path(os.environ.get(HOME_VARIABLE) or Path.cwd()) / path).resolve())


Location = Annotated[str, AfterValidator(located)]
Reference = Annotated[str, AfterValidator(_numbered)]
Reaction = Literal["refuse", "warn", "ignore"]


class CoalesceSettings(Frozen):
    """How concurrent requests to one version become one columnar call."""

    max_rows: PositiveInt = 1024
    max_bytes: PositiveInt = 16 * 1024 * 1024
    max_calls: PositiveInt = 8
    max_waiting_rows: PositiveInt = 20_000
    slow_call_s: PositiveFloat = 0.02


Profile = Literal[
    "tfs",
    "kserve",
    "oip",
    "torchserve",
    "torchserve-management",
    "torchserve-metrics",
    "mlflow",
    "sagemaker",
    "vertex",
    "azureml",
    "seldon",
    "all",
]


class ListenerSettings(Frozen):
    """A port on which gateways speak as one system does, or like the main port (`all`).

    A connection is closed once it was idle for `keep_alive_timeout_s`, by default as on the main
    port. Load balancers must give up idle connections sooner, or some of their requests meet a
    closed one; many wait for 60 seconds.
    """

    profile: Profile
    port: Annotated[int, Field(ge=1, le=65535)]
    host: str = "127.0.0.1"
    keep_alive_timeout_s: PositiveInt = 90

    @property
    def address(self) -> str:
        """Host and port, as errors and logs say them."""
        return f"{self.host}:{self.port}"


_ORIGIN = re.compile(
    r"((?P<scheme>[a-z][a-z0-9+.-]*)://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\]))(?::(?P<port>[0-9]+))?"
)
_USUAL_PORTS = {"http": 80, "https": 443}


def _origin(text: str) -> str:
    """An origin as browsers write it: in small letters, without the usual port of its scheme."""
    if text == "*":
        return text
    if text == "null":
        msg = "'null' is what any sandboxed page or local file sends; name the pages' own origin"
        raise ValueError(msg)
    found = _ORIGIN.match(text.lower())
    if found is None or not text.isascii():
        form = "write scheme://host or scheme://host:port, such as https://app.example.com"
        subdomains = "; each subdomain needs an origin of its own" if "*" in text else ""
        letters = "" if text.isascii() else "; hosts are in ASCII, as browsers send them (xn--…)"
        raise ValueError(f"{text!r} is no origin; {form}{subdomains}{letters}")
    if found.end() < len(text):
        rest = text[found.end() :]
        msg = f"{text!r} has {rest!r} behind the host, where an origin ends: {found.group()!r}"
        raise ValueError(msg)
    if found["port"] is None:
        return found.group()
    port = int(found["port"][:6])
    if port not in range(1, 65536):
        raise ValueError(f"{text!r} names port {found['port']}; ports are 1 to 65535")
    return found[1] if port == _USUAL_PORTS.get(found["scheme"]) else f"{found[1]}:{port}"


def _listed(origins: object) -> object:
    if isinstance(origins, str):
        raise ValueError(f"origins are a list; write [{origins!r}]")  # noqa: TRY004 - pydantic's
    return origins


class CorsSettings(Frozen):
    """Which pages of other origins may ask from a browser (CORS).

    The origin `"*"` alone lets every page ask. `credentials` lets browsers send cookies and HTTP
    authentication along, to something in front that asks for them. Browsers remember what they
    were allowed for `max_age_s`.
    """

    origins: Annotated[
        tuple[Annotated[str, AfterValidator(_origin)], ...],
        BeforeValidator(_listed),
        Field(min_length=1),
    ]
    credentials: bool = False
    max_age_s: NonNegativeInt = 600

    @model_validator(mode="after")
    def _star_stands_alone(self) -> "CorsSettings":
        if "*" not in self.origins:
            return self
        if len(self.origins) > 1:
            msg = "the origin '*' is every page; write it alone, or name origins without it"
            raise ValueError(msg)
        if self.credentials:
            msg = "with `credentials`, origins are named one by one: '*' would let any page act"
            raise ValueError(msg)
        return self


class GatewayArgs(Frozen):
    """`args` of the gateway application. They stay as they are when models change.

    `default_endpoint` answers on paths that name none, such as `/invocations`; without it the
    only endpoint does, while there is one alone. `server_name` is what metadata says: clients of
    Triton and MLServer may insist on a name. Longer answers than `compress_above_bytes` are
    compressed for clients that accept it. On `grpc_port` each replica speaks the Open Inference
    Protocol over gRPC; all of one machine share the port, and those of `listeners`. `cors` says
    which pages of other origins may ask, at all HTTP ports; without it none may.
    """

    registry: Location = "./registry"
    state: Location = "./state"
    max_body_bytes: PositiveInt = 8 * 1024 * 1024
    max_rows: PositiveInt = 10_000
    default_endpoint: str | None = None
    server_name: str = "serve-app"
    compress_above_bytes: PositiveInt = 65_536
    grpc_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    grpc_host: str = "127.0.0.1"
    listeners: tuple[ListenerSettings, ...] = ()
    cors: CorsSettings | None = None
    coalesce: CoalesceSettings = CoalesceSettings()
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @model_validator(mode="after")
    def _ports_differ(self) -> "GatewayArgs":
        ports = [listener.port for listener in self.listeners]
        if self.grpc_port is not None:
            ports.append(self.grpc_port)
        twice = sorted({port for port in ports if ports.count(port) > 1})
        if twice:
            msg = f"port {twice[0]} stands twice among `listeners` and `grpc_port`"
            raise ValueError(msg)
        return self


class ControlArgs(Frozen):
    """`args` of the control application."""

    registry: Location = "./registry"
    state: Location = "./state"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class ModelArgs(Frozen):
    """`args` of a model application: one version, predictor or transformer.

    `native` lets the library itself compute where there is a compiled form. `device: cuda`
    lets XGBoost or ONNX Runtime compute on a GPU, which `ray_actor_options` must ask for.
    """

    model: str
    version: PositiveInt
    registry: Location = "./registry"
    allow_pickle: bool = False
    native: bool = False
    device: Literal["cpu", "cuda"] = "cpu"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @property
    def reference(self) -> str:
        """The version's name, `diagnosis-xgb@1`."""
        return f"{self.model}@{self.version}"


class VariantSettings(Frozen):
    """A version as a target of an endpoint."""

    model: Reference
    weight: Annotated[NonNegativeFloat, Field(allow_inf_nan=False)] = 1.0


class SingleRoute(Frozen):
    """One version answers everything."""

    kind: Literal["single"]
    model: Reference


class _WeightedRoute(Frozen):
    variants: Annotated[tuple[VariantSettings, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _weights_fit(self) -> "_WeightedRoute":
        names = [variant.model for variant in self.variants]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"{twice[0]} stands twice among the variants; give it one weight"
            raise ValueError(msg)
        if not any(variant.weight > 0 for variant in self.variants):
            msg = "all weights are 0, so nobody would answer; give one variant a weight above 0"
            raise ValueError(msg)
        return self


class SplitRoute(_WeightedRoute):
    """Each request goes to one variant, in proportion to the weights (A/B)."""

    kind: Literal["split"]
    key: str | None = None


class EnsembleRoute(_WeightedRoute):
    """Every variant answers, and the answers become one."""

    kind: Literal["ensemble"]
    combine: Literal["mean", "weighted", "vote"] = "mean"
    quorum: PositiveInt | None = None

    @model_validator(mode="after")
    def _quorum_fits(self) -> "EnsembleRoute":
        members = sum(variant.weight > 0 for variant in self.variants)
        if self.quorum is not None and self.quorum > members:
            msg = f"quorum is {self.quorum} but only {members} variants have a weight above 0"
            raise ValueError(msg)
        return self


Route = Annotated[SingleRoute | SplitRoute | EnsembleRoute, Field(discriminator="kind")]


class PreprocessSettings(Frozen):
    """A registered transformer that runs once per request, before all variants."""

    model: Reference
    placement: Literal["inline", "replicas"] = "inline"


class ColumnSettings(Frozen):
    """What an endpoint says otherwise of a column than its training data did."""

    nullable: bool | None = None
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str | int | float | bool, ...] | None = None


class SchemaSettings(Frozen):
    """What happens when rows break the schema, and corrections to the schema."""

    missing: Reaction = "refuse"
    unknown: Reaction = "refuse"
    type: Reaction = "refuse"
    nan: Reaction | Literal["follow"] = "follow"
    range: Reaction = "warn"
    category: Reaction = "warn"
    columns: dict[str, ColumnSettings] = Field(default={})

    def reactions(self) -> dict[str, str]:
        """The reactions alone, by rule."""
        return self.model_dump(exclude={"columns"})


class CacheSettings(Frozen):
    """How many rows each gateway replica remembers the answers to, and for how long."""

    rows: PositiveInt = 10_000
    ttl_s: PositiveFloat = 60.0


class EndpointSettings(Frozen):
    """What a client calls by name.

    `placement: inline` lets its versions compute in the gateway, which then needs no
    application for any of them.
    """

    route: Route
    placement: Literal["inline", "replicas"] = "replicas"
    preprocess: PreprocessSettings | None = None
    fallback: Reference | None = None
    schema_: Annotated[SchemaSettings, Field(alias="schema")] = SchemaSettings()
    cache: CacheSettings | None = None
    timeout_s: PositiveFloat = 10.0
    variant_timeout_s: PositiveFloat | None = None

    @model_validator(mode="after")
    def _times_fit(self) -> "EndpointSettings":
        if self.variant_timeout_s is not None and self.variant_timeout_s > self.timeout_s:
            msg = f"variant_timeout_s {self.variant_timeout_s} is above timeout_s {self.timeout_s}"
            raise ValueError(msg)
        return self

    @property
    def variants(self) -> tuple[VariantSettings, ...]:
        """The variants with their weights, whatever the kind of route."""
        if isinstance(self.route, SingleRoute):
            return (VariantSettings(model=self.route.model),)
        return self.route.variants


EndpointName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]


class ControlSettings(Frozen):
    """`user_config` of the control deployment: the declared endpoints."""

    endpoints: dict[EndpointName, EndpointSettings] = Field(default={})

    def declaration(self) -> dict[str, Any]:
        """The declaration as JSON values, from which its hash is taken."""
        return self.model_dump(mode="json", by_alias=True)
