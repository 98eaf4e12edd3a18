"""Checks a Serve config file before anything of it is deployed.

Serve itself ignores most unknown keys and finds the rest out on the cluster, one failed
application at a time. Here every problem is found at once and named with its line.
"""

from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pydantic
import yaml
from ray.serve.schema import ServeDeploySchema

from serve_app import config
from serve_app.cluster.node_totals import Totals
from serve_app.config import ControlSettings, Frozen, ModelArgs, ScalingSettings
from serve_app.config.registry import registry_settings
from serve_app.control.declare import declare
from serve_app.core.reference import application_name
from serve_app.core.snapshot import Endpoint
from serve_app.documents.finding import Finding
from serve_app.documents.near_names import did_you_mean
from serve_app.documents.refused_values import refusals, words_of
from serve_app.documents.yaml_lines import Positions
from serve_app.documents.yaml_reading import read_yaml
from serve_app.engine.trusted_registry import open_registry, trust_of
from serve_app.errors import ServeError
from serve_app.serving.checking import addresses, express, monitors, reachable, resources
from serve_app.serving.checking import scaling as validate_scaling
from serve_app.serving.checking.advice import advice, secrets_in
from serve_app.serving.checking.builders import deployments_of
from serve_app.serving.checking.keys import Meant, read_as_meant
from serve_app.serving.checking.report import Report
from serve_app.serving.checking.shapes import settings_of, without_tags

Path_ = tuple[str | int, ...]


def validate(file: Path, nodes: Totals | None = None, *, production: bool = False) -> Report:
    """Check one config file against Ray's schema, ours, and the registry it names.

    For `production` it is a warning if everybody may ask. Where `nodes` says what each node of a
    cluster has, every replica must fit on one of them.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        text = file.read_text("utf-8")
    except UnicodeDecodeError as error:
        return Report((Finding(1, "YAML", f"the file is no text in UTF-8: {error}"),))
    return validate_text(text, nodes, production=production)


def validate_text(text: str, nodes: Totals | None = None, *, production: bool = False) -> Report:
    """Check the text of a config as `validate` does a file."""
    try:
        body = read_yaml(text, allow_repeated_keys=True)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        return Report((Finding(1 if mark is None else mark.line + 1, "YAML", str(problem)),))
    if not isinstance(body, dict):
        return Report((Finding(1, "YAML", "the file holds no mapping of keys"),))
    check = _Check(read_as_meant(body), Positions.of(text), nodes or ())
    check.everything()
    if production:
        check.warn_of(addresses.open_to_all(check.body))
    return check.report()


class _Check:
    def __init__(self, meant: Meant, positions: Positions, nodes: Totals) -> None:
        self._meant = meant
        self._nodes = nodes
        self._body = self.body = meant.body
        self._positions = positions
        self.findings: list[Finding] = []
        self._warnings = [self._finding(*one) for one in secrets_in(self._body)]
        self._notes: list[Finding] = []
        self.applications: list[str] = []
        self.endpoints: list[str] = []
        self._specs: list[tuple[Path_, Endpoint]] = []
        self._defaults: list[tuple[Path_, str]] = []
        self._read: list[monitors.Declared] = []

    def report(self) -> Report:
        """What the file holds and what is wrong with it."""
        return Report(
            tuple(sorted(set(self.findings))),
            tuple(self.applications),
            tuple(self.endpoints),
            reachable.follows([spec for _, spec in self._specs]),
            tuple(self._warnings),
            tuple(self._notes),
        )

    def warn_of(self, problems: Iterable[tuple[Path_, str]]) -> None:
        """Warn of what can be deployed and better were not, by keys."""
        self._warnings.extend(self._finding(*one) for one in problems)

    def everything(self) -> None:
        """All checks, the cheap ones first."""
        for duplicate in self._positions.duplicates():
            message = (
                f"stands twice in one mapping (first on line {duplicate.first_line}); "
                "YAML would take only the last"
            )
            self.findings.append(self._in_file(duplicate.path, message, duplicate.line))
        unknown = self._meant.unknown
        self.findings.extend(self._in_file(path, message) for path, message in unknown)
        applications = self._body.get("applications")
        try:
            listed = isinstance(applications, list)
            ServeDeploySchema.model_validate(
                validate_scaling.without_scaling(self._body) if listed else self._body
            )
        except pydantic.ValidationError as error:
            self._pydantic(error, ())
        except ValueError as error:
            self._find((), str(error))
        if not isinstance(applications, list):
            if () not in self._meant.unclear:
                self._find((), "a config needs a list of `applications`")
            return
        for index, application in enumerate(applications):
            if isinstance(application, Mapping):
                self._application(("applications", index), application)
        if not self._meant.unclear:
            self._all_reachable()
            self._default_exists()

    def _application(self, path: Path_, application: Mapping[str, Any]) -> None:
        name = str(application.get("name", ""))
        unclear = path in self._meant.unclear
        if name in self.applications and not unclear:
            self._find((*path, "name"), f"two applications are named {name!r}")
        self.applications.append(name)
        if "import_path" not in application:
            return
        builder = self._builder((*path, "import_path"), application.get("import_path"))
        if builder is None:
            return
        arguments = self._arguments((*path, "args"), builder, application.get("args") or {})
        self._read.append(monitors.Declared(path, application, arguments))
        for index, deployment in enumerate(application.get("deployments") or []):
            if isinstance(deployment, Mapping):
                self._deployment((*path, "deployments", index), deployment, builder, arguments)
        if isinstance(arguments, ModelArgs) and not self._unclear_below((*path, "args")):
            self._model(path, name, arguments)
        self._keys_are_there((*path, "args", "registry"), arguments)
        if isinstance(arguments, config.GatewayArgs):
            self._gateway((*path, "args"), arguments)
        if settings_of(builder) is not config.GatewayArgs:
            self._reached_by_handle(path, name, application)

    def _gateway(self, path: Path_, arguments: config.GatewayArgs) -> None:
        own = (addresses.problems, express.problems)
        for where, message in (one for check in own for one in check(self._body, path, arguments)):
            # One that stands in the wrong place is a problem already.
            if not any(stood[-1:] == where for stood, _ in self._meant.unknown):
                self._find(where, message)
        self._notes.extend(
            self._finding(*one) for one in express.notes(self._body, path, arguments)
        )
        if arguments.default_endpoint is not None:
            self._defaults.append(((*path, "default_endpoint"), arguments.default_endpoint))

    def _keys_are_there(self, path: Path_, arguments: Frozen | None) -> None:
        """The keys whose signatures count can be read."""
        try:
            trust_of(registry_settings(getattr(arguments, "registry", ".")))
        except ServeError as error:
            self._find(path, error.message)

    def _reached_by_handle(self, path: Path_, name: str, application: Mapping[str, Any]) -> None:
        if application.get("route_prefix", "/") is None or path in self._meant.unclear:
            return
        self._find(
            (*path, "route_prefix"),
            f"{name!r} is reached by handle; write `route_prefix: null`, "
            "or it would answer HTTP in the gateway's place",
        )

    def _builder(self, path: Path_, import_path: Any) -> Any:
        module, separator, name = str(import_path or "").replace(":", ".").rpartition(".")
        if not separator:
            self._find(path, f"{import_path!r} is no import path; write package.module:name")
            return None
        try:
            builder = getattr(import_module(module), name)
        except ModuleNotFoundError as error:
            self._find(path, f"{import_path!r} cannot be imported: {error}")
        except AttributeError:
            public = [n for n in vars(import_module(module)) if not n.startswith("_")]
            self._find(path, f"module {module!r} has no {name!r}.{did_you_mean(name, public)}")
        except Exception as error:  # noqa: BLE001 - somebody's module; whatever it raises counts
            self._find(path, f"importing {import_path!r} raised {type(error).__name__}: {error}")
        else:
            return builder
        return None

    def _arguments(self, path: Path_, builder: Any, arguments: Any) -> Frozen | None:
        model = settings_of(builder)
        if model is None:
            return None
        try:
            return model.model_validate(arguments)
        except pydantic.ValidationError as error:
            self._pydantic(error, path)
            return None

    def _deployment(
        self,
        path: Path_,
        deployment: Mapping[str, Any],
        builder: Any,
        arguments: Frozen | None,
    ) -> None:
        known = deployments_of(builder)
        name = str(deployment.get("name", ""))
        if known and name not in known and path not in self._meant.unclear:
            self._find(
                (*path, "name"),
                f"this application has no deployment {name!r}; it has {', '.join(sorted(known))}",
            )
        self._scaling(path, deployment, arguments)
        on_gpu = isinstance(arguments, ModelArgs) and arguments.device == "cuda"
        for below, message in resources.problems(deployment, self._nodes, on_gpu=on_gpu):
            self._find((*path, *below), message)
        if isinstance(arguments, config.ControlArgs):
            self._declared((*path, "user_config"), deployment.get("user_config") or {}, arguments)

    def _scaling(
        self, path: Path_, deployment: Mapping[str, Any], arguments: Frozen | None
    ) -> None:
        """What a deployment says of the number of its replicas fits together."""
        for below, message in validate_scaling.problems(deployment):
            self._find((*path, *below), message)
        declared = deployment.get("user_config")
        ours = isinstance(arguments, config.GatewayArgs | ModelArgs)
        if not ours or not isinstance(declared, Mapping):
            return
        try:
            settings = ScalingSettings.model_validate(declared)
        except pydantic.ValidationError as error:
            self._pydantic(error, (*path, "user_config"))
            return
        for below, message in validate_scaling.problems_of_targets(deployment, settings):
            self._find((*path, *below), message)

    def _model(self, path: Path_, name: str, arguments: ModelArgs) -> None:
        try:
            registry = open_registry(arguments.registry)
            manifest = registry.manifest(*registry.resolve(arguments.reference))
        except ServeError as error:
            self._find((*path, "args", "version"), error.message)
            return
        expected = application_name(arguments.reference)
        if name != expected and path not in self._meant.unclear:
            self._find(
                (*path, "name"),
                f"holds {arguments.reference}, so gateways look for it under the name {expected!r}",
            )
        if arguments.device == "cuda" and manifest.flavour == "sklearn":
            self._find(
                (*path, "args", "device"),
                f"{arguments.reference} is of scikit-learn, which computes on the CPU",
            )
        native = arguments.native or arguments.device == "cuda"
        consent = manifest.pickle if native else manifest.needs_consent
        if consent and not arguments.allow_pickle:
            self._find(
                (*path, "args"),
                f"{arguments.reference} is a pickle, which can run any code when it is loaded; "
                "write `allow_pickle: true` if you trust whoever registered it",
            )

    def _declared(self, path: Path_, settings: Any, arguments: config.ControlArgs) -> None:
        try:
            declared = ControlSettings.model_validate(settings)
        except pydantic.ValidationError as error:
            self._pydantic(error, path)
            return
        self._warnings.extend(self._finding((*path, *keys), why) for keys, why in advice(declared))
        try:
            registry = open_registry(arguments.registry)
        except ServeError:  # it is told where it stands, in `args`
            return
        declaration = declare(declared, registry.manifest, registry.resolve)
        for problem in declaration.problems:
            if not self._unclear_below((*path, *problem.path[:2])):
                self._find((*path, *problem.path), problem.message)
        self.endpoints.extend(declared.endpoints)
        for name, spec in declaration.endpoints.items():
            self._specs.append(((*path, "endpoints", name), spec))

    def _all_reachable(self) -> None:
        """Every version that an endpoint calls by handle has an application, and a monitor fits."""
        for path, spec in self._specs:
            for message in reachable.problems(spec, self.applications):
                self._find(path, message)
        for where, message in monitors.problems(self._read, self._specs):
            self._find(where, message)

    def _default_exists(self) -> None:
        """The endpoint that answers where a path names none is declared in this file."""
        for path, name in self._defaults:
            if self.endpoints and name not in self.endpoints:
                near = did_you_mean(name, self.endpoints)
                known = ", ".join(self.endpoints)
                self._find(path, f"no endpoint {name!r} is declared here, only {known}.{near}")

    def _pydantic(self, error: pydantic.ValidationError, base: Path_) -> None:
        for item in refusals(error):
            path = without_tags((*base, *item["loc"]), self._body)
            if self._follows(path, item["type"]):
                continue
            if item["type"] == "union_tag_invalid":
                kind, known = item["ctx"]["tag"], item["ctx"]["expected_tags"]
                near = did_you_mean(kind, known.replace("'", "").split(", "))
                self._find(
                    (*path, item["ctx"]["discriminator"].strip("'")),
                    f"{kind!r} is none of {known}.{near}",
                )
            else:
                self._find(path, words_of(item))

    def _follows(self, path: Path_, kind: str) -> bool:
        """Whether a problem only follows from a key of which nobody knows what it was to be."""
        if kind == "missing":
            return self._unclear_below(path[:-1]) or path[:-2] in self._meant.unclear
        return kind in {"union_tag_not_found", "value_error"} and self._unclear_below(path)

    def _unclear_below(self, path: Path_) -> bool:
        return any(unclear[: len(path)] == path for unclear in self._meant.unclear)

    def _find(self, path: Path_, message: str) -> None:
        self.findings.append(self._finding(path, message))

    def _finding(self, path: Path_, message: str) -> Finding:
        return self._in_file(self._meant.in_file(path), message)

    def _in_file(self, path: Path_, message: str, line: int | None = None) -> Finding:
        at = self._positions.line(path) if line is None else line
        return Finding(at, ".".join(str(part) for part in path), message)
