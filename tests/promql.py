"""Reads of PromQL expressions and of what is scraped what tests need to know."""

import re
from pathlib import Path

import yaml

from serve_app.monitoring.catalogue import metrics

ROOT = Path(__file__).parents[1]
PROMETHEUS = ROOT / "deployments" / "monitoring" / "prometheus"
SCRAPED = ROOT / "tests" / "scraped"
# Prometheus makes these itself.
OWN = {"ALERTS", "up", "scrape_duration_seconds", "scrape_samples_scraped"}
_WORDS = {"and", "or", "unless", "offset", "bool", "inf", "nan"}
_GROUPING = r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)"


def metric_names(expression: str) -> set[str]:
    """The names of all metrics in an expression."""
    text = re.sub(r'"[^"]*"', "", expression)
    text = re.sub(r"\{[^}]*\}|\[[^]]*\]", " ", text)
    text = re.sub(_GROUPING, " ", text)
    text = re.sub(r"\b\d[\w.]*", " ", text)
    names = re.findall(r"[A-Za-z_:][\w:]*(?!\s*\(|[\w:])", text)
    return {name for name in names if name.lower() not in _WORDS}


def selectors(expression: str) -> set[str]:
    """The instant selectors of an expression, each a metric with its labels and without a range."""
    pattern = r"[A-Za-z_:][\w:]*(?:\{[^}]*\})?"
    names = metric_names(expression)
    return {
        one for one in re.findall(pattern, expression) if re.split(r"\{", one)[0].strip() in names
    }


def groups() -> dict[str, list[dict]]:
    """The rules of each group, from all files."""
    bodies = [yaml.safe_load(path.read_text()) for path in sorted((PROMETHEUS / "rules").iterdir())]
    return {group["name"]: group["rules"] for body in bodies for group in body["groups"]}


def rules() -> list[dict]:
    """All rules."""
    return [rule for group in groups().values() for rule in group]


def recorded() -> set[str]:
    """The names that rules record."""
    return {rule["record"] for rule in rules() if "record" in rule}


def known() -> set[str]:
    """Every metric that there is: ours, Ray's, HAProxy's, what rules record, Prometheus' own."""
    ours = {metric.exported for metric in metrics()}
    return ours | scraped("ray") | scraped("haproxy") | recorded() | OWN


def scraped(job: str) -> set[str]:
    """The names that a running demo exported."""
    lines = (SCRAPED / f"{job}.txt").read_text().splitlines()
    return {line for line in lines if line and not line.startswith("#")}
