"""One mistake in a key has one finding: on its line, with the right name, and nothing follows."""

from pathlib import Path

import pytest
import yaml

from serve_app.serving.checking.keys import MOST_UNKNOWN
from serve_app.serving.checking.validate import validate

CONFIGS = sorted((Path(__file__).parents[4] / "configs").glob("*.yaml"))
FREE = {"endpoints", "columns", "resources", "env_vars", "sure"}
"""Below these stand names that people choose."""


def mappings(node, path=()):
    """Every mapping of a parsed file whose keys are a schema's, with its path."""
    if isinstance(node, dict):
        if not (path and path[-1] in FREE):
            yield path, node
        for key, value in node.items():
            yield from mappings(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from mappings(value, (*path, index))


def at(body, path):
    for part in path:
        body = body[part]
    return body


def misspelled(key):
    """Ways in which people misspell keys; of letters and of form, one each for each key."""
    ways = list(_ways(key))
    turn = len(key)
    return {ways[turn % 3], ways[3 + turn % (len(ways) - 3)]}


def _ways(key):
    middle = len(key) // 2
    yield key[:middle] + key[middle + 1 :]
    yield key[:middle] + key[middle] * 2 + key[middle + 1 :]
    yield key[: middle - 1] + key[middle] + key[middle - 1] + key[middle + 1 :]
    yield key.upper()
    yield key.title().replace("_", "")
    yield key + "s" if not key.endswith("s") else key[:-1]
    if "_" in key:
        yield key.replace("_", "-")
        yield key.replace("_", "")


def renamed(body, path, key, name):
    """The file with one key renamed, and the line on which it stands then."""
    copied = yaml.safe_load(yaml.safe_dump(body))
    holder = at(copied, path)
    items = [(name if k == key else k, value) for k, value in holder.items()]
    holder.clear()
    holder.update(items)
    return copied


@pytest.fixture
def findings(home, tmp_path):
    """The findings of a parsed file, and the text that was checked."""

    def run(body):
        file = tmp_path / "config.yaml"
        text = yaml.safe_dump(body, sort_keys=False)
        file.write_text(text)
        return validate(file).findings, text.splitlines()

    return run


def kinds():
    """Each key of each kind of mapping, in one of the files that have it."""
    seen = set()
    for config in CONFIGS:
        for path, mapping in mappings(yaml.safe_load(config.read_text())):
            for key in mapping:
                kind = (key, *(part for part in path if isinstance(part, str)))
                if kind not in seen:
                    seen.add(kind)
                    yield pytest.param(config, path, key, id=".".join(reversed(kind)))


@pytest.mark.parametrize(("config", "path", "key"), list(kinds()))
def test_a_misspelled_key_is_the_only_finding_and_the_right_one_is_named(
    findings, config, path, key
):
    body = yaml.safe_load(config.read_text())
    for wrong in misspelled(key):
        if wrong in at(body, path):
            continue
        found, lines = findings(renamed(body, path, key, wrong))
        said = [str(one) for one in found]
        assert len(found) == 1, (wrong, said)
        assert wrong in lines[found[0].line - 1], (wrong, said)
        assert "Did you mean " in said[0], (wrong, said)
        assert repr(key) in said[0], (wrong, said)


def moves(body, seen):
    """Keys one level too high or too low, where that mapping has none of the name."""
    for path, mapping in mappings(body):
        kind = tuple(part for part in path if isinstance(part, str))
        if kind in seen or not path or mapping is body:
            continue
        seen.add(kind)
        holder = path[:-1]
        while not isinstance(at(body, holder), dict) or (holder and holder[-1] in FREE):
            holder = holder[:-1]
        for key in mapping:
            if key not in at(body, holder):
                yield path, key, holder
        for key in at(body, holder):
            if key not in mapping and key != path[len(holder)]:
                yield holder, key, path


def misplaced():
    """Each such move, in one of the files that have it."""
    seen = set()
    for config in CONFIGS:
        for source, key, target in moves(yaml.safe_load(config.read_text()), seen):
            names = [str(part) for part in (*source, key, "to", *target)]
            yield pytest.param(config, source, key, target, id=".".join(names))


@pytest.mark.parametrize(("config", "source", "key", "target"), list(misplaced()))
def test_a_key_on_the_wrong_level_is_the_only_finding(findings, config, source, key, target):
    body = yaml.safe_load(config.read_text())
    at(body, target)[key] = at(body, source).pop(key)
    found, lines = findings(body)
    said = [str(one) for one in found]
    assert len(found) <= 1, said
    if found:
        assert key in lines[found[0].line - 1], said
        assert f"no key {key!r} here" in said[0], said


@pytest.mark.parametrize(
    ("path", "key", "value", "said"),
    [
        (("applications", 0), "max_ongoing_requests", 5, "belongs to 'deployments'"),
        (("applications", 0), "num_cpus", 1, "belongs to 'ray_actor_options'"),
        (("applications", 0), "http_options", {}, "belongs to the top of the file"),
        ((), "frobnicate", 1, "Those that may still stand here: "),
    ],
)
def test_where_a_key_belongs_is_said(findings, path, key, value, said):
    body = yaml.safe_load(CONFIGS[0].read_text())
    deployment = body["applications"][0]["deployments"][0]
    del deployment["max_ongoing_requests"], deployment["ray_actor_options"]["num_cpus"]
    del deployment["autoscaling_config"]["target_ongoing_requests"]
    if key == "http_options":
        del body[key]
    at(body, path)[key] = value
    (found,), _ = findings(body)
    assert said in found.message


def test_the_value_of_a_misspelled_key_is_still_looked_at(findings):
    body = yaml.safe_load((CONFIGS[0].parent / "split.yaml").read_text())
    arguments = body["applications"][2]["args"]
    arguments["versoin"] = 77
    del arguments["version"]
    found, _ = findings(body)
    assert len(found) == 2
    assert "has no version 77" in str(found[0])
    assert "Did you mean 'version'" in str(found[1])


@pytest.mark.parametrize(
    ("path", "key", "standing"),
    [
        (("applications", 0), "import_pth", "import_path"),
        (("applications", 0), "names", "name"),
        (("applications", 0, "args"), "registery", "registry"),
        ((), "aplications", "applications"),
    ],
)
def test_a_key_that_looks_like_one_that_stands_there_is_that_one(findings, path, key, standing):
    body = yaml.safe_load((CONFIGS[0].parent / "split.yaml").read_text())
    at(body, path)[key] = "a"
    (found,), _ = findings(body)
    assert f"It looks like {standing!r}, which stands here too" in found.message


def test_two_misspelled_keys_are_two_findings(findings):
    body = yaml.safe_load((CONFIGS[0].parent / "split.yaml").read_text())
    body["aplications"] = body.pop("applications")
    body["aplications"][0]["rout_prefix"] = body["aplications"][0].pop("route_prefix")
    found, _ = findings(body)
    assert sorted(one.key for one in found) == ["aplications", "aplications.0.rout_prefix"]


def test_a_key_of_another_kind_of_route_is_not_given_to_another_endpoint(findings):
    body = yaml.safe_load((CONFIGS[0].parent / "local.yaml").read_text())
    control = body["applications"][1]["deployments"][0]["user_config"]
    control["endpoints"]["progression"]["route"]["quorum"] = 1
    del control["endpoints"]["diagnosis-ensemble"]["route"]["quorum"]
    (found,), _ = findings(body)
    assert "no key 'quorum' here" in found.message
    assert "belongs" not in found.message


@pytest.mark.parametrize("key", [8000, None, True, "", "ü", "-"])
def test_a_key_of_any_kind_is_told(findings, key):
    body = yaml.safe_load((CONFIGS[0].parent / "split.yaml").read_text())
    body["applications"][0]["args"][key] = {"a": 1}
    (found,), _ = findings(body)
    assert f"no key {key!r} here" in found.message


def test_very_many_unknown_keys_are_left_out_together(tmp_path):
    text = CONFIGS[0].read_text("utf-8")
    made = "".join(f"k{number}: 1\n" for number in range(20_000))
    (tmp_path / "many.yaml").write_text(f"{text}\n{made}", "utf-8")
    findings = validate(tmp_path / "many.yaml").findings
    (rest,) = [one.message for one in findings if "not known" in one.message]
    assert rest == f"{20_000 - MOST_UNKNOWN} more keys are not known; mend those above first"
    assert len(findings) < 2 * MOST_UNKNOWN
