"""`serve-app predict`: rows of a file in, a table out."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import click

from serve_app.cli import output
from serve_app.core.messages import PREDICT, RAW_SCORES
from serve_app.errors import BadEncoding
from serve_app.serving import web
from serve_app.serving.cluster import Cluster


@click.command()
@click.argument("endpoint")
@click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, dir_okay=False),
    help="A CSV file with a header, a JSON list of rows, or JSON lines.",
)
@click.option("--url", help="The gateway's address.  [default: the running cluster's]")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first rows.")
@click.option("--key", "keys", multiple=True, metavar="NAME=VALUE", help="What a route sticks to.")
@click.option(
    "--raw-scores", is_flag=True, help="Print the model's raw scores in place of predictions."
)
@output.option_state
@output.as_json
def predict(
    endpoint: str,
    data: str,
    url: str | None,
    limit: int | None,
    keys: tuple[str, ...],
    raw_scores: bool,
    state: str,
    as_json: bool,
) -> None:
    """Ask ENDPOINT about the rows of a file and print what it says."""
    base = url or Cluster(Path(state)).require().http_url
    rows = read_rows(Path(data))[:limit]
    parameters = dict(key.partition("=")[::2] for key in keys)
    method = RAW_SCORES if raw_scores else PREDICT
    body = {"instances": rows, "parameters": parameters, "signature_name": method}
    answer = web.post(f"{base}/v1/models/{endpoint}:predict", body)
    if as_json:
        output.print_json(answer)
        return
    said = "raw score" if raw_scores else "prediction"
    output.print_table(
        f"{endpoint}: {', '.join(answer['variants'])} under snapshot {answer['snapshot']}",
        ["row", *prediction_heads(answer, said)],
        prediction_rows(answer),
    )
    for warning in answer.get("warnings", []):
        click.echo(
            f"warning: row {warning['row']}, column {warning['column']!r}: {warning['rule']}: "
            f"expected {warning['expected']}, got {warning['seen']}",
            err=True,
        )


def prediction_heads(answer: dict[str, Any], said: str) -> list[str]:
    """What stands above predictions and their probabilities; of several targets, their names."""
    classes, targets = answer.get("classes", []), answer.get("targets")
    if targets is None:
        return [said, *[f"p({label})" for label in classes]]
    heads = [f"{said} {name}" if said != "prediction" else name for name in targets]
    if "probabilities" not in answer:
        return heads
    if not classes:
        return [*heads, *[f"p({name})" for name in targets]]
    pairs = zip(targets, classes, strict=True)
    return [*heads, *[f"p({name}={label})" for name, labels in pairs for label in labels]]


def prediction_rows(answer: dict[str, Any]) -> list[list[Any]]:
    """One row per prediction, with its probabilities."""
    several = "targets" in answer
    probabilities = answer.get("probabilities") or [[] for _ in answer["predictions"]]
    rows = []
    for index, (value, row) in enumerate(zip(answer["predictions"], probabilities, strict=True)):
        values = value if several else [value]
        shares = [p for part in row for p in (part if isinstance(part, list) else [part])]
        rows.append([index, *map(_shown, values), *[f"{p:.4f}" for p in shares]])
    return rows


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a CSV, JSON or JSON-lines file; an empty CSV cell is null.

    Raises:
        BadEncoding: the file is not what its ending says.
    """
    try:
        if path.suffix.lower() == ".csv":
            return _csv_rows(path)
        text = path.read_text(encoding="utf-8")
        if path.suffix.lower() in {".jsonl", ".ndjson"}:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        body = json.loads(text)
    except (ValueError, UnicodeDecodeError) as error:
        msg = f"{path} cannot be read: {error}"
        raise BadEncoding(msg) from None
    rows = body.get("instances") if isinstance(body, dict) else body
    if not isinstance(rows, list):
        msg = f"{path} holds no list of rows"
        raise BadEncoding(msg)
    return rows


def _csv_rows(path: Path) -> list[dict[str, Any]]:
    import pandas as pd

    return [
        {str(name): None if _is_nan(value) else value for name, value in row.items()}
        for row in pd.read_csv(path).astype(object).to_dict(orient="records")
    ]


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)
