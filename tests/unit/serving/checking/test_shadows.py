"""What is wrong with shadows is named where it stands, before anything is deployed."""

from pathlib import Path

import pytest
import yaml

from serve_app.serving.checking.validate import validate

SHADOW = (Path(__file__).parents[4] / "configs" / "shadow.yaml").read_text()
FIRST = "- {model: diagnosis-forest@1}"


@pytest.fixture
def check(home, tmp_path):
    """Validate a text; the findings as `line N: key: message`."""

    def run(text):
        path = tmp_path / "config.yaml"
        path.write_text(text)
        return [str(finding) for finding in validate(path).findings]

    return run


@pytest.mark.parametrize(
    ("line", "place", "words"),
    [
        ("- {model: progression-xgb@1}", "shadows.0.model", "gives regression"),
        ("- {model: diagnosis-xgb@1}", "shadows.0.model", "would be compared with itself alone"),
        ("- {model: diagnosis-forest@9}", "shadows.0.model", "has no version 9"),
        ("- {model: diagnosis-features@1}", "shadows.0.model", "is a transformer"),
        ("- {model: diagnosis-forest@1, sample: 2}", "shadows.0.sample", "less than or equal to 1"),
        ("- {model: diagnosis-forest@1, sampel: 1}", "shadows.0.sampel", "sample"),
        ("- {model: diagnosis-logistic@1}", "shadows", "diagnosis-logistic@1 stands twice"),
    ],
)
def test_a_shadow_that_cannot_be_is_named_with_its_line(check, line, place, words):
    findings = check(SHADOW.replace(FIRST, line))
    found = [finding for finding in findings if words in finding]
    assert len(found) == 1, findings
    if place != "shadows":
        number = SHADOW[: SHADOW.index(FIRST)].count("\n") + 1
        assert found[0].startswith(f"line {number}: ")
        assert f"endpoints.diagnosis.{place}" in found[0]


def test_a_shadow_needs_an_application_as_a_variant_does(check):
    body = yaml.safe_load(SHADOW)
    body["applications"] = [a for a in body["applications"] if a["name"] != "diagnosis-forest-1"]
    (found,) = check(yaml.safe_dump(body, sort_keys=False))
    assert "asks diagnosis-forest@1, but no application holds it" in found


def test_bounds_of_what_is_done_for_shadows_are_settings_of_the_gateway(check):
    given = "args: {registry: ./registry, state: ./state}"
    assert check(SHADOW.replace(given, f"{given[:-1]}, mirror: {{in_flight: 2}}}}", 1)) == []
    (found,) = check(SHADOW.replace(given, f"{given[:-1]}, mirror: {{in_flight: 0}}}}", 1))
    assert "applications.0.args.mirror.in_flight" in found
