"""Experiments in a config: the one of the docs is valid; what is wrong is named with its line."""

import re
from pathlib import Path

import pytest
import yaml

from serve_app.serving.checking.validate import validate_text

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs/assignment.md").read_text("utf-8")
(EXAMPLE,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def config(declared):
    """A config of one gateway, with this `user_config` of control as it is written."""
    base = yaml.safe_load((ROOT / "configs/inline.yaml").read_text("utf-8"))
    control = next(one for one in base["applications"] if one["name"] == "control")
    control["deployments"][0]["user_config"] = "DECLARED"
    text = yaml.safe_dump(base, sort_keys=False)
    margin = re.search(r"\n( *)user_config: DECLARED", text).group(1) + "  "
    written = "".join(f"\n{margin}{line}" for line in declared.splitlines())
    return text.replace("user_config: DECLARED", f"user_config:{written}")


def changed(old, new):
    assert EXAMPLE.count(old) == 1
    return config(EXAMPLE.replace(old, new))


def findings(text):
    return [(one.line, one.key.rpartition("endpoints.")[2], one.message) for one in text.findings]


def line_of(text, part):
    return next(n for n, line in enumerate(text.splitlines(), 1) if part in line)


def test_the_example_of_the_page_is_valid(home):
    report = validate_text(config(EXAMPLE))
    assert (report.findings, report.warnings) == ((), ())
    assert report.endpoints == ("diagnosis", "diagnosis-short")


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        ("growthbook-v2", "growthbok-v2", "diagnosis.route.assignment.hash", "'growthbook-v2'"),
        ("coverage: 0.2", "coverage: 1.2", "diagnosis.route.assignment.coverage", "equal to 1"),
        ("coverage: 0.2", "covrage: 0.2", "diagnosis.route.assignment.covrage", "'coverage'"),
        ("weight: 90", "weight: -90", "diagnosis-short.route.variants.0.weight", "equal to 0"),
        (
            "name: ranking, from: 0.5",
            "name: rank, from: 0.5",
            "diagnosis-short.route.layer",
            "rank",
        ),
        (
            "from: 0.5",
            "from: 0.4",
            "diagnosis-short.route.layer",
            "diagnosis has the layer 'ranking' from 0.0 to 0.5 and diagnosis-short from 0.4",
        ),
        (
            "baseline: diagnosis-xgb@1",
            "baseline: diagnosis-xgb@2",
            "diagnosis.route.baseline",
            "diagnosis-xgb@2 is no variant of this route",
        ),
    ],
)
def test_what_cannot_be_is_named_with_its_line(home, old, new, key, words):
    text = changed(old, new)
    ((line, where, message),) = findings(validate_text(text))
    assert (line, where) == (line_of(text, new), key)
    assert words in message


def test_an_experiment_without_a_key_is_refused_at_its_route(home):
    text = changed("      key: patient_id\n", "")
    ((line, where, message),) = findings(validate_text(text))
    assert where.startswith("diagnosis.route")
    assert line_of(text, "diagnosis:") < line <= line_of(text, "kind: split")
    assert message.startswith("assignment needs a key to know subjects by")


def test_a_hash_with_correlated_assignments_is_warned_of_and_goes(home):
    text = changed("growthbook-v2", "growthbook-v1")
    report = validate_text(text)
    assert report.findings == ()
    (warning,) = report.warnings
    assert warning.line == line_of(text, "growthbook-v1")
    assert "correlated between experiments; new ones use growthbook-v2" in warning.message
