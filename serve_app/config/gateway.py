"""`args` of the gateway application."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

from serve_app.config.access import AccessSettings
from serve_app.config.audit import AuditSettings
from serve_app.config.base import Frozen, LogLevel
from serve_app.config.console_login import OidcSettings
from serve_app.config.cors import CorsSettings
from serve_app.config.deferred import DeferredSettings
from serve_app.config.jobs import JobsSettings
from serve_app.config.limits import LimitsSettings
from serve_app.config.listeners import ListenerSettings
from serve_app.config.names import Location
from serve_app.config.overload import OverloadSettings
from serve_app.config.registry import RegistryArg
from serve_app.config.secrets import SecretState
from serve_app.config.shadows import MirrorSettings
from serve_app.config.telemetry import TelemetrySettings
from serve_app.config.tls import TlsSettings
from serve_app.core.hosts import is_loopback


class CoalesceSettings(Frozen):
    """How concurrent requests to one version become one columnar call."""

    max_rows: PositiveInt = 1024
    max_bytes: PositiveInt = 16 * 1024 * 1024
    max_calls: PositiveInt = 8
    max_waiting_rows: PositiveInt = 20_000
    slow_call_s: PositiveFloat = 0.02


class AdminSettings(Frozen):
    """Where a gateway answers the admin API: to this machine alone, unless said otherwise.

    `console` says what its pages for people may do: nothing (`none`), look (`read-only`), or change
    what the visitor is granted (`changes`). Where it says nothing, they change things on addresses
    that this machine alone reaches, and look everywhere else. `runs` is the folder on this machine
    whose runs of training and retraining the console shows: `--runs` of `serve-app train`. `oidc`
    is where people log in to it, beside keys.
    """

    port: Annotated[int, Field(ge=1, le=65535)]
    host: str = "127.0.0.1"
    keep_alive_timeout_s: PositiveInt = 90
    tls: TlsSettings | None = None
    console: Literal["none", "read-only", "changes"] | None = None
    runs: Location = "./runs"
    oidc: OidcSettings | None = None

    @property
    def console_changes(self) -> bool:
        """Whether people may change things by the console's forms."""
        if self.console is None:
            return is_loopback(self.host)
        return self.console == "changes"

    @property
    def profile(self) -> str:
        """What is answered there, as errors and logs say it."""
        return "admin"

    @property
    def address(self) -> str:
        """Host and port, as errors and logs say them."""
        return f"{self.host}:{self.port}"


class GatewayArgs(Frozen):
    """`args` of the gateway application. They stay as they are when models change.

    `default_endpoint` answers on paths that name none, such as `/invocations`; without it the
    only endpoint does, while there is one alone. `server_name` is what metadata says: clients of
    Triton and MLServer may insist on a name. Longer answers than `compress_above_bytes` are
    compressed for clients that accept it. On `grpc_port` each replica speaks the Open Inference
    Protocol over gRPC, encrypted with `grpc_tls`; all of one machine share the port, and those of
    `listeners`. `admin` is
    where the admin API answers; clusters that serve-app starts have a port for it. `cors` says
    which pages of other origins may ask, at all HTTP ports for predictions; without it none may.
    `access` is who may ask at all of these ports; unless it says something, none of them may be one
    that other machines reach. Listeners of this machine's own addresses answer to its own names and
    to `allowed_hosts`, of which `"*"` is every one; with `access` all ports answer to these alone,
    where there are any. `mirror` bounds what is done for shadows.
    `telemetry` is where traces and metrics go beside Prometheus; without it nowhere. `limits`
    bounds what principals may ask, `overload` how much is answered at once; with access, principals
    that ask beside each other are worked on in turns, unless `in_turns` is false. `audit` is where
    changes by the admin API are written down before they are made; without it nowhere. `jobs` is
    where batch jobs that are submitted over HTTP may read and write; without it none are taken.
    `deferred` is where requests are kept that are answered later; without it all are answered at
    once.
    With `express` requests of the main port pass by what Serve does around each of them; gateways
    then count and bound them themselves. It is so unless something else is configured that Serve
    does around each request, or this is `false`. With `sockets` replicas on a gateway's own machine
    are asked over sockets of theirs instead of Serve's way between processes; without a word they
    are where requests pass by Serve.
    """

    # `state` may be a URL with a password.
    model_config = ConfigDict(hide_input_in_errors=True)

    registry: RegistryArg = Field(default="./registry", repr=False)
    state: SecretState = Field(default="./state", repr=False)
    max_body_bytes: PositiveInt = 8 * 1024 * 1024
    max_rows: PositiveInt = 10_000
    max_explained_rows: PositiveInt = 100
    default_endpoint: str | None = None
    server_name: str = "serve-app"
    compress_above_bytes: PositiveInt = 65_536
    grpc_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    grpc_host: str = "127.0.0.1"
    grpc_tls: TlsSettings | None = None
    listeners: tuple[ListenerSettings, ...] = ()
    admin: AdminSettings | None = None
    cors: CorsSettings | None = None
    access: AccessSettings = AccessSettings()
    coalesce: CoalesceSettings = CoalesceSettings()
    mirror: MirrorSettings = MirrorSettings()
    telemetry: TelemetrySettings | None = None
    limits: LimitsSettings | None = None
    overload: OverloadSettings | None = None
    in_turns: bool = True
    allowed_hosts: tuple[str, ...] = ()
    audit: AuditSettings | None = None
    jobs: JobsSettings | None = None
    deferred: DeferredSettings | None = None
    express: bool | None = None
    sockets: bool | None = None
    log_level: LogLevel = "INFO"

    @model_validator(mode="after")
    def _certificates_can_be_shown(self) -> "GatewayArgs":
        certificates = self.access.certificates
        if certificates is None or not certificates.require:
            return self
        ports = [(one.address, one.tls) for one in self.listeners]
        if self.grpc_port is not None:
            ports.append((f"{self.grpc_host}:{self.grpc_port}", self.grpc_tls))
        for address, tls in ports:
            if tls is None or tls.client_ca is None:
                msg = (
                    "`certificates: {require: true}` needs `client_ca` in the `tls` of every port, "
                    f"and {address} has none"
                )
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _tokens_of_logins_count(self) -> "GatewayArgs":
        oidc = None if self.admin is None else self.admin.oidc
        if oidc is None:
            return self
        tokens = self.access.tokens
        if tokens is None or self.access.mode not in {"tokens", "any"}:
            msg = (
                "`admin: {oidc: …}` needs `access: {mode: any, tokens: {issuer: …}}`: people are "
                "known by the provider's tokens"
            )
            raise ValueError(msg)
        if oidc.credential == "id_token" and tokens.audience != oidc.client_id:
            msg = (
                "with `credential: id_token` the `audience` of `access.tokens` is the "
                f"`client_id`, {oidc.client_id!r}"
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _ports_differ(self) -> "GatewayArgs":
        ports = [listener.port for listener in self.listeners]
        if self.grpc_port is not None:
            ports.append(self.grpc_port)
        if self.admin is not None:
            ports.append(self.admin.port)
        twice = sorted({port for port in ports if ports.count(port) > 1})
        if twice:
            msg = f"port {twice[0]} stands twice among `listeners`, `admin` and `grpc_port`"
            raise ValueError(msg)
        return self
