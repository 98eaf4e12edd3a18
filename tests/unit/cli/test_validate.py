"""`serve-app validate` tells people and programs what is wrong, and where."""

import json
from pathlib import Path

import pytest

CONFIGS = Path(__file__).parents[3] / "configs"


@pytest.fixture
def broken(tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text((CONFIGS / "split.yaml").read_text().replace("fallback:", "fallbak:"))
    return path


def test_good_files_are_said_to_be_good(serve_app, home):
    said = serve_app("validate", *sorted(CONFIGS.glob("*.yaml")))
    assert said.code == 0
    assert said.out.count(": good (") == len(list(CONFIGS.glob("*.yaml")))


def test_a_problem_is_one_line_that_editors_can_jump_to(serve_app, home, broken):
    said = serve_app("validate", CONFIGS / "split.yaml", broken)
    assert said.code == 1
    assert "good" in said.out
    (line,) = said.err.strip().splitlines()
    number = broken.read_text()[: broken.read_text().index("fallbak")].count("\n") + 1
    assert line.startswith(f"{broken}:{number}: ")
    assert "Did you mean 'fallback'?" in line


def test_programs_get_json(serve_app, home, broken):
    said = serve_app("validate", broken, "--json")
    assert said.code == 1
    (finding,) = json.loads(said.out)[str(broken)]
    assert finding["key"].endswith("fallbak")
    assert finding["line"] > 1


def test_nothing_is_deployed_that_is_not_valid(serve_app, home, broken):
    said = serve_app("deploy", broken)
    assert said.code == 1
    assert "serve-app cluster start" in said.err


@pytest.fixture
def large(tmp_path):
    path = tmp_path / "large.yaml"
    text = (CONFIGS / "split.yaml").read_text()
    path.write_text(text.replace("num_cpus: 0.3", "num_cpus: 8"))
    return path


@pytest.mark.parametrize("command", ["validate", "deploy"])
def test_a_replica_that_no_node_can_hold_is_told_where_a_cluster_runs(
    serve_app, home, world, large, command
):
    world.nodes = {"ab": {"CPU": 2.0}, "cd": {"CPU": 4.0}}
    said = serve_app(command, large)
    assert said.code == 1
    text = large.read_text()
    line = text[: text.index("num_cpus: 8")].count("\n") + 1
    where = f"{large}:{line}: applications.0.deployments.0.ray_actor_options.num_cpus: "
    assert where + "asks for 8 CPUs; the largest node has 4 CPUs" in said.err


def test_without_a_cluster_or_where_other_nodes_may_come_it_is_let_pass(
    serve_app, home, world, large
):
    assert serve_app("validate", large).code == 0


DEPLOYMENTS = CONFIGS.parent / "deployments"
OF_PLATFORMS = [
    *sorted((DEPLOYMENTS / "kuberay").glob("*.yaml")),
    *sorted((DEPLOYMENTS / "helm/serve-app/ci").glob("*.yaml")),
]


def test_files_of_platforms_are_checked_with_what_they_serve(serve_app, home):
    said = serve_app("validate", "--production", *OF_PLATFORMS, CONFIGS / "split.yaml")
    assert said.code == 0, said.err
    assert said.out.count(": good\n") == 6
    assert f"{CONFIGS / 'split.yaml'}: good (6 applications" in said.out


@pytest.mark.parametrize(
    "path",
    [OF_PLATFORMS[0], OF_PLATFORMS[-1], CONFIGS / "production.yaml"],
    ids=["manifest", "values", "config"],
)
def test_for_production_it_is_told_where_everybody_may_ask(serve_app, home, tmp_path, path):
    text = path.read_text()
    assert "open" not in serve_app("validate", "--production", path).err
    lines = [line for line in text.splitlines() if "keys_file:" not in line]
    opened = tmp_path / path.name
    opened.write_text("\n".join(lines).replace("mode: keys", "mode: open"))
    said = serve_app("validate", "--production", opened)
    assert said.code == 0, said.err
    number = next(at for at, line in enumerate(lines, 1) if "mode: keys" in line)
    (line,) = [line for line in said.err.splitlines() if "everybody who reaches a gateway" in line]
    assert f"{opened}:{number}: " in line
    assert "applications.0.args.access.mode" in line
    if path.parent == CONFIGS:
        assert "everybody" not in serve_app("validate", opened).err


@pytest.mark.parametrize("path", OF_PLATFORMS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_problem_of_what_is_served_has_its_line_in_the_file(serve_app, home, tmp_path, path):
    text = path.read_text().replace("model: progression-xgb@1", "modle: progression-xgb@1")
    text = text.replace("fallback:", "fallbak:")
    spoiled = tmp_path / path.name
    spoiled.write_text(text)
    said = serve_app("validate", "--production", spoiled)
    assert said.code == 1
    line = next(line for line in said.err.splitlines() if "Did you mean 'fallback'?" in line)
    number = text[: text.index("fallbak")].count("\n") + 1
    assert line.startswith(f"{spoiled}:{number}: ")
    assert "serveConfigV2" in line


def test_without_the_option_a_manifest_is_taken_for_a_config(serve_app, home):
    said = serve_app("validate", OF_PLATFORMS[0])
    assert said.code == 1


def test_files_of_machines_are_checked_by_what_stands_in_them(serve_app, home):
    good = CONFIGS.parent / "deployments" / "cluster" / "on-premises.yaml"
    assert serve_app("validate", "--production", str(good)).out == f"{good}: good\n"
    wrong = home / "cluster.yaml"
    wrong.write_text(good.read_text().replace("\nprovider:", "\nmax_worker: 3\nprovider:"))
    done = serve_app("validate", "--production", str(wrong), str(CONFIGS / "inline.yaml"))
    assert done.code == 1
    assert ": good (" in done.out
    line = wrong.read_text().splitlines().index("max_worker: 3") + 1
    assert f"{wrong}:{line}: max_worker: there is no key 'max_worker' here." in done.err
    assert "Did you mean 'max_workers'?" in done.err


def test_without_being_asked_for_it_a_file_is_a_config(serve_app):
    file = CONFIGS.parent / "deployments" / "cluster" / "aws.yaml"
    done = serve_app("validate", str(file))
    assert done.code == 1
    assert "there is no key 'cluster_name' here" in done.err


def test_a_warning_is_told_and_leaves_a_file_good(serve_app, home, tmp_path):
    path = tmp_path / "warned.yaml"
    key = "            key: patient_id\n"
    text = (CONFIGS / "split.yaml").read_text()
    assert key in text
    path.write_text(text.replace(key, key + "            assignment: {hash: growthbook-v1}\n"))
    said = serve_app("validate", path)
    assert said.code == 0
    assert ": good (" in said.out
    assert said.err.startswith(f"warning: {path}:")
    assert "use growthbook-v2" in said.err


def test_what_keeps_requests_on_serves_way_is_noted_and_leaves_a_file_good(
    serve_app, home, tmp_path
):
    path = tmp_path / "noted.yaml"
    text = (CONFIGS / "split.yaml").read_text()
    path.write_text(text.replace("enable_access_log: false", "enable_access_log: true"))
    assert serve_app("validate", path).err == ""
    path.write_text(path.read_text().replace("log_level: WARNING", "log_level: INFO"))
    said = serve_app("validate", path)
    assert said.code == 0
    assert ": good (" in said.out
    line = 1 + next(n for n, one in enumerate(text.splitlines()) if one.startswith("  args: {"))
    assert said.err.startswith(f"note: {path}:{line}: applications.0.args: requests take Serve's ")
    assert serve_app("validate", CONFIGS / "split.yaml").err == ""
