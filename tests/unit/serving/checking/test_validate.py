"""Everything wrong with a config is named with its line, its key and the nearest right one."""

import copy
import shutil
from pathlib import Path

import pytest
import yaml

from serve_app.registry.store import Registry
from serve_app.serving.checking.validate import validate

CONFIGS = Path(__file__).parents[4] / "configs"


@pytest.fixture
def check(home, tmp_path):
    """Validate a text; the findings as `line: key: message`."""

    def run(text):
        path = tmp_path / "config.yaml"
        path.write_text(text)
        return [str(finding) for finding in validate(path).findings]

    return run


SPLIT = (CONFIGS / "split.yaml").read_text()


def line_of(text, part):
    return next(n for n, line in enumerate(text.splitlines(), 1) if part in line)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_config_of_the_project_is_valid_and_says_what_it_is_for(home, path):
    report = validate(path)
    assert report.findings == ()
    assert report.endpoints
    assert {"gateway", "control"} <= set(report.applications)
    what, run, *more = path.read_text().splitlines()[:4]
    assert what.startswith("# ")
    assert run.startswith("# Run:")
    if more[0].startswith("# Demo:"):
        assert more[0].startswith(f"# Demo: make demo CONFIG={path.stem} ")
        more = more[1:]
    assert more[0].startswith("# Look:")


@pytest.mark.parametrize(
    ("old", "new", "key", "nearest"),
    [
        ("http_options:", "http_option:", "http_option", "http_options"),
        ("  route_prefix: /", "  route_prefx: /", "applications.0.route_prefx", "route_prefix"),
        (
            "max_queued_requests: 1024",
            "max_queue_requests: 1024",
            "applications.0.deployments.0.max_queue_requests",
            "max_queued_requests",
        ),
        (
            "      max_replicas: 2",
            "      max_replica: 2",
            "applications.0.deployments.0.autoscaling_config.max_replica",
            "max_replicas",
        ),
        (
            "ray_actor_options: {num_cpus: 0.3}",
            "ray_actor_options: {num_cpu: 0.3}",
            "applications.0.deployments.0.ray_actor_options.num_cpu",
            "num_cpus",
        ),
        (
            "args: {model: diagnosis-xgb, version: 1,",
            "args: {model: diagnosis-xgb, versoin: 1,",
            "applications.2.args.versoin",
            "version",
        ),
        (
            "          fallback:",
            "          fallbak:",
            "applications.1.deployments.0.user_config.endpoints.diagnosis.fallbak",
            "fallback",
        ),
        (
            "            key: patient_id",
            "            kye: patient_id",
            "applications.1.deployments.0.user_config.endpoints.diagnosis.route.kye",
            "key",
        ),
        (
            "model: diagnosis-forest@1, weight: 10",
            "model: diagnosis-forest@1, wieght: 10",
            "applications.1.deployments.0.user_config.endpoints.diagnosis.route.variants.1.wieght",
            "weight",
        ),
    ],
)  # fmt: skip
def test_an_unknown_key_is_named_with_its_line_and_the_nearest_one(check, old, new, key, nearest):
    text = SPLIT.replace(old, new, 1)
    assert text != SPLIT
    at = line_of(text, new.strip())
    wanted = f"line {at}: {key}: "
    (found,) = check(text)
    assert found.startswith(wanted)
    assert f"Did you mean {nearest!r}?" in found


@pytest.mark.parametrize(
    ("old", "new", "at", "said"),
    [
        ("version: 1,", "version: 7,", "version: 7", "has no version 7"),
        ("xgb@1, weight", "xgb@9, weight", "xgb@9, weight", "has no version 9"),
        ("xgb@1, weight", "gxb@1, weight", "gxb@1, weight", "did you mean 'diagnosis-xgb'"),
        ("xgb@1, weight", "xgb, weight", "xgb, weight", "model@number"),
        ("weight: 90", "weight: -90", "weight: -90", "greater than or equal to 0"),
        ("weight: 90", "weight: many", "weight: many", "valid number"),
        ("kind: split", "kind: splti", "kind: splti", "Did you mean 'split'?"),
        (
            "import_path: serve_app.app:gateway",
            "import_path: serve_app.app:gatewai",
            "gatewai",
            "Did you mean 'gateway'?",
        ),
        (
            "import_path: serve_app.app:gateway",
            "import_path: serve_ap.app:gateway",
            "serve_ap.app",
            "No module named 'serve_ap'",
        ),
        ("path: serve_app.app:gateway", "path: gateway", "import_path: gateway", "module:name"),
        ("name: Gateway", "name: Gatewy", "Gatewy", "it has Gateway"),
        (
            "- name: diagnosis-xgb-1",
            "- name: xgb",
            "- name: xgb",
            "gateways look for it under the name 'diagnosis-xgb-1'",
        ),
        ("- name: diagnosis-forest-1", "- name: diagnosis-xgb-1", "", "two applications"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_where_it_stands(check, old, new, at, said):
    text = SPLIT.replace(old, new, 1)
    assert text != SPLIT
    found = [finding for finding in check(text) if said in finding]
    assert found, check(text)
    if at:
        assert any(finding.startswith(f"line {line_of(text, at)}: ") for finding in found)


def test_all_weights_of_zero_are_refused(check):
    text = SPLIT.replace("weight: 90", "weight: 0").replace("weight: 10", "weight: 0")
    assert any("nobody would answer" in finding for finding in check(text))


def test_two_endpoints_of_one_name_are_refused(check):
    start = SPLIT.index("        diagnosis:\n")
    end = SPLIT.index("- name: diagnosis-xgb-1")
    text = SPLIT[:end] + SPLIT[start:end] + SPLIT[end:]
    (found,) = [finding for finding in check(text) if "stands twice" in finding]
    assert "endpoints.diagnosis" in found
    assert f"first on line {line_of(text, '        diagnosis:')}" in found


def test_a_version_that_no_application_holds_is_said_with_what_to_add(check):
    body = yaml.safe_load(SPLIT)
    body["applications"] = [a for a in body["applications"] if a["name"] != "diagnosis-forest-1"]
    (found,) = check(yaml.safe_dump(body, sort_keys=False))
    assert "asks diagnosis-forest@1, but no application holds it" in found
    assert "`name: diagnosis-forest-1`" in found


def test_an_application_that_would_answer_http_in_the_gateways_place_is_refused(check):
    body = yaml.safe_load(SPLIT)
    del body["applications"][2]["route_prefix"]
    findings = check(yaml.safe_dump(body, sort_keys=False))
    assert any("route_prefix: null" in finding for finding in findings)


@pytest.mark.parametrize("said", ["listeners: [{profile: tfs, port: 8000}]", "grpc_port: 8000"])
def test_the_port_of_haproxy_is_nobody_elses(check, said):
    args = "args: {registry: ./registry, state: ./state"
    (found,) = check(SPLIT.replace(args, f"{args}, {said}", 1))
    assert "port 8000 is the one of `http_options`" in found


def test_an_origin_that_is_none_is_named_with_its_line(check):
    args = "args: {registry: ./registry, state: ./state"
    text = SPLIT.replace(
        args, args + ", cors: {origins: [https://a.org,\n      'https://b.org/app']}", 1
    )
    (found,) = [finding for finding in check(text) if "cors" in finding]
    line = line_of(text, "      'https://b.org/app'")
    assert found.startswith(f"line {line}: ")
    assert "cors.origins.1" in found
    assert "has '/app' behind the host" in found


def test_the_port_of_a_platform_is_not_haproxys(check, monkeypatch):
    monkeypatch.setenv("AIP_HTTP_PORT", "8000")
    (found,) = check(SPLIT)
    assert "gateways listen as vertex's containers do" in found


def test_a_default_endpoint_that_is_not_declared_is_said_with_the_nearest(check):
    args = "args: {registry: ./registry, state: ./state"
    text = SPLIT.replace(args, f"{args}, default_endpoint: diagnosys", 1)
    (found,) = check(text)
    assert "default_endpoint" in found
    assert "Did you mean 'diagnosis'?" in found
    assert check(SPLIT.replace(args, f"{args}, default_endpoint: diagnosis", 1)) == []


def test_all_problems_are_told_at_once_in_the_order_of_their_lines(check):
    text = SPLIT.replace("http_options:", "http_optons:")
    text = text.replace("max_queued_requests: 256", "max_queued: 256", 1)
    text = text.replace("diagnosis-forest@1", "diagnosis-forest@5")
    findings = check(text)
    lines = [int(finding.split(":")[0].removeprefix("line ")) for finding in findings]
    assert len(findings) >= 3
    assert lines == sorted(lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no mapping"),
        ("- a\n- b\n", "no mapping"),
        ("applications: [}", "line 1: YAML"),
        ("a: 1\n  b: 2\n", "line 2: YAML"),
        ("applications: gateway\n", "applications"),
        ("http_options: {port: 8000}\n", "applications"),
        ("applications:\n- name: gateway\n", "import_path"),
        ("applications: [null]\n", "applications"),
    ],
)
def test_what_is_no_config_at_all_is_said(check, text, said):
    findings = check(text)
    assert any(said in finding for finding in findings), findings


def test_a_pickle_needs_consent_in_the_config_too(home, tmp_path, check, monkeypatch):
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    from serve_app.engine.registration.register import Candidate, register
    from serve_app.examples.datasets import diabetes
    from serve_app.registry.store import Registry

    data = diabetes()
    estimator = make_pipeline(FunctionTransformer(lambda rows: rows), LinearRegression())
    estimator.fit(data.frame, data.target)
    folder = str(tmp_path / "pickles")
    register(Registry(folder), Candidate("risky", estimator, data.frame), allow_pickle=True)
    body = yaml.safe_load(SPLIT)
    risky = copy.deepcopy(body["applications"][2])
    risky["name"] = "risky-1"
    risky["args"] = {"model": "risky", "version": 1, "registry": folder}
    body["applications"].append(risky)
    (found,) = check(yaml.safe_dump(body, sort_keys=False))
    assert "allow_pickle: true" in found
    risky["args"]["allow_pickle"] = True
    assert check(yaml.safe_dump(body, sort_keys=False)) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("num_cpus: 0.2, num_gpus: 1.5", "write 1 or 2, or less than 1"),
        ("num_cpus: -1", "greater than or equal to 0"),
        ("num_cpus: 0.2, resources: {disk: -1}", "-1 disk cannot be; write 0 or more"),
        ("resources: {GPU: 1}", "write `num_gpus` in `ray_actor_options`"),
    ],
)
def test_what_ray_refuses_of_a_replica_is_named_with_its_line(check, options, said):
    text = SPLIT.replace("num_cpus: 0.2", options, 1)
    (found,) = check(text)
    assert said in found
    line = line_of(text, options)
    assert found.startswith(f"line {line}: applications.2.deployments.0.ray_actor_options.")


def test_a_replica_may_reserve_no_cpu_and_must_ask_for_the_gpu_it_computes_on(check):
    assert check(SPLIT.replace("num_cpus: 0.2", "num_cpus: 0", 1)) == []
    on_gpu = SPLIT.replace("model: diagnosis-xgb, v", "device: cuda, model: diagnosis-xgb, v")
    assert on_gpu != SPLIT
    (found,) = check(on_gpu)
    assert "ray_actor_options: the model computes on `device: cuda`" in found
    assert "write `num_gpus: 1` here" in found
    assert check(on_gpu.replace("num_cpus: 0.2", "num_cpus: 0.2, num_gpus: 0.5", 1)) == []


def test_a_replica_must_fit_on_a_node_of_the_cluster(home, tmp_path):
    text = SPLIT.replace("num_cpus: 0.2", "num_cpus: 3, memory: 9e9", 1)
    path = tmp_path / "config.yaml"
    path.write_text(text)
    assert validate(path).findings == ()
    assert validate(path, ({"CPU": 4.0, "memory": 1e10},)).findings == ()
    nodes = ({"CPU": 2.0, "memory": 1e10}, {"CPU": 4.0, "memory": 5e9})
    (found,) = validate(path, nodes).findings
    assert found.line == line_of(text, "num_cpus: 3")
    assert found.message.startswith(
        "asks for 3 CPUs, 8.38 GiB of memory at once, which no node has: "
        "2 CPUs, 9.31 GiB of memory | 4 CPUs, 4.66 GiB of memory"
    )


@pytest.fixture
def aliased(check, home, tmp_path, monkeypatch):
    """`check` on a registry of its own, in which `diagnosis-xgb` has a champion."""
    shutil.copytree(home / "registry", tmp_path / "registry")
    store = Registry(str(tmp_path / "registry"))
    store.set_alias("diagnosis-xgb", "champion", 1, by="ada")
    monkeypatch.setenv("SERVE_APP_HOME", str(tmp_path))
    return check


def test_routes_and_applications_may_name_aliases(aliased, tmp_path):
    text = SPLIT.replace("diagnosis-xgb@1", "diagnosis-xgb@champion")
    assert aliased(text) == []
    named = text.replace("name: diagnosis-xgb-1", "name: diagnosis-xgb-champion")
    assert (
        aliased(named.replace("diagnosis-xgb, version: 1", "diagnosis-xgb, version: champion"))
        == []
    )
    assert validate(tmp_path / "config.yaml").follows == ("diagnosis-xgb@champion → 1",)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "diagnosis-xgb@1",
            "diagnosis-xgb@stable",
            "has no alias 'stable'; its aliases are champion (it is set by serve-app models alias",
        ),
        ("diagnosis-xgb@1", "nobody@champion", "there is no model 'nobody'"),
        ("diagnosis-xgb@1", "diagnosis-xgb", "write model@number, such as diagnosis-xgb@1, or"),
        (
            "diagnosis-forest@1",
            "diagnosis-xgb@champion",
            "diagnosis-xgb@champion and diagnosis-xgb@1 are both diagnosis-xgb@1",
        ),
        (
            "diagnosis-xgb, version: 1",
            "diagnosis-xgb, version: champion",
            "so gateways look for it under the name 'diagnosis-xgb-champion'",
        ),
        (
            "diagnosis-xgb, version: 1",
            "diagnosis-xgb, version: stable",
            "has no alias 'stable'",
        ),
        ("diagnosis-xgb, version: 1", "diagnosis-xgb", "`version` is missing: write the number"),
        (
            "diagnosis-xgb, version: 1",
            "diagnosis-xgb, version: 0",
            "0 is no version; write the number of a version, such as 1, or an alias",
        ),
    ],
)
def test_a_wrong_alias_is_said_with_what_to_do(aliased, old, new, words):
    assert old in SPLIT
    found = aliased(SPLIT.replace(old, new))
    assert any(words in finding for finding in found), found


def test_a_bandit_without_a_monitor_would_never_learn(check):
    text = (CONFIGS / "bandit.yaml").read_text()
    (found,) = check(text[: text.index("- name: monitor")])
    assert found.startswith(f"line {line_of(text, 'route:')}: ")
    assert "endpoints.diagnosis.route: a bandit learns from feedback" in found


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("policy: thompson", "policy: thomson", "or 'vowpal_wabbit'. Did you mean 'thompson'?"),
        ("floor: 0.02", "floor: 0.7", "write at most 0.3333"),
        ("floor: 0.02", "epsilon: 0.1", "epsilon belongs to policy: epsilon_greedy"),
        ("reward: {kind: correct}", "reward: {kind: error, scale: 2}", "kind: correct for a class"),
    ],
)
def test_what_is_wrong_with_a_bandit_is_named(check, old, new, words):
    text = (CONFIGS / "bandit.yaml").read_text()
    assert old in text
    (found,) = check(text.replace(old, new))
    assert words in found
