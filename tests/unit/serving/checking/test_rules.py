"""Rules and stages that cannot be right are named by the line on which they stand."""

from pathlib import Path

import pytest

from serve_app.serving.checking.validate import validate

CONFIGS = Path(__file__).parents[4] / "configs"


@pytest.fixture
def findings(home, tmp_path):
    """What is said of a text, and its lines."""

    def run(text):
        path = tmp_path / "config.yaml"
        path.write_text(text)
        return validate(path).findings, text.splitlines()

    return run


@pytest.mark.parametrize(
    ("file", "old", "new", "key", "words"),
    [
        ("rules", "mean_radius > 20", "mean_radus > 20", "rules.0.when", "did you mean 'mean_r"),
        (
            "rules",
            "mean_radius > 20 and",
            "mean_radius > 20 and mean_radius < 12 and",
            "rules.0.when",
            "no request can match this",
        ),
        ("rules", 'header("x-tier") == "gold"', "true", "rules.2.when", "never reached"),
        ("rules", "name: gold", "name: large", "route", "two rules are named 'large'"),
        ("rules", "when: share", "whn: share", "rules.2.whn", "when"),
        ("cascade", "malignant: 0.95", "malign: 0.95", "stages.0.sure", "there is no class"),
        ("cascade", "sure: 0.8", "sure: 0.5", "stages.1.sure", "sure of every row"),
        ("cascade", "sure: 0.8", "shure: 0.8", "stages.1.shure", "sure"),
        ("cascade", ", sure: 0.8", "", "route", "needs `sure`"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_key(findings, file, old, new, key, words):
    text = (CONFIGS / f"{file}.yaml").read_text()
    assert old in text
    (first, *_), lines = findings(text.replace(old, new))
    assert key in first.key
    assert words in first.message
    if "." in key:
        assert f"{key.rpartition('.')[2]}:" in lines[first.line - 1]
