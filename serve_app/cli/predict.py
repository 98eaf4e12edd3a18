"""`serve-app predict`: rows of a file in, a table out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from serve_app.cli import output, predict_local
from serve_app.cli.completion import complete_endpoint
from serve_app.cli.explained import explanation_heads, explanation_rows
from serve_app.cli.pairs import Pair
from serve_app.cli.rows import read_rows, without
from serve_app.cli.scores import scores
from serve_app.cluster import web
from serve_app.cluster.node import Cluster
from serve_app.core.messages import PREDICT, RAW_SCORES

EXPLAIN_TIMEOUT_S = 90.0
"""Longer than an explanation may take where it is computed."""


@click.command()
@click.argument("endpoint", shell_complete=complete_endpoint)
@click.option(
    "--data",
    required=True,
    multiple=True,
    help="CSV or TSV with a header, Parquet or Feather, a JSON list of rows, or JSON lines; all "
    "but Parquet and Feather may be compressed.",
)
@click.option(
    "--target",
    help="The column of the data that is predicted: it is not sent, but held against the "
    "answers. Of several things, their columns with commas between.",
)
@click.option(
    "--dtypes",
    multiple=True,
    metavar="COLUMN=TYPE,…",
    help="Types of columns of a CSV, as for register. What the endpoint takes as text is text.",
)
@click.option(
    "--na-values", multiple=True, metavar="WORD,…", help="The words that are gaps in a CSV."
)
@click.option("--url", help="The gateway's address.  [default: the running cluster's]")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first rows.")
@click.option(
    "--key", "keys", type=Pair("NAME=VALUE", "patient_id=p-17"), multiple=True,
    metavar="NAME=VALUE", help="What a route sticks to.",
)  # fmt: skip
@click.option(
    "--raw-scores", is_flag=True, help="Print the model's raw scores in place of predictions."
)
@click.option("--explain", is_flag=True, help="Tell what each feature adds to each answer.")
@predict_local.options_local
@output.option_state
@output.as_json
def predict(
    endpoint: str,
    data: tuple[str, ...],
    url: str | None,
    keys: tuple[tuple[str, str], ...],
    state: str,
    raw_scores: bool,
    explain: bool,
    as_json: bool,
    **reading: Any,
) -> None:
    """Ask ENDPOINT about the rows of a file and print what it says.

    With --target also how right it is: accuracy of classes, MAE, RMSE and R2 of numbers. With
    --local a version answers here, whatever the number of rows, and the same line goes on with
    what was stopped.
    """
    registry = reading.pop("registry")
    local = predict_local.taken(reading)
    if local:
        _require_none({"url": url, "key": keys, "raw-scores": raw_scores, "explain": explain})
        _require_none(reading)
        predict_local.predict_local(
            endpoint, data, registry=registry, state=state, as_json=as_json, **local
        )
        return
    file = _only_file(data)
    parameters = dict(keys)
    base = _address(url) if url else Cluster(Path(state)).require().http_url
    signature = _signature(base, endpoint)
    rows, truth = _rows(file, signature, **reading)
    method = RAW_SCORES if raw_scores else PREDICT
    body = {"instances": rows, "parameters": parameters, "signature_name": method}
    verb = "explain" if explain else "predict"
    wanted = ("predictions", "explanations") if explain else ("predictions",)
    timeout_s = EXPLAIN_TIMEOUT_S if explain else web.TIMEOUT_S
    path = f"{base}/v1/models/{endpoint}:{verb}"
    answer = web.post(path, body, timeout_s=timeout_s, keys=wanted)
    with web.understood(base):
        measured = {}
        if truth and not raw_scores:
            measured = scores(answer["predictions"], truth, signature["output"])
        if as_json:
            output.print_json({**answer, "truth": truth, "metrics": measured} if truth else answer)
            return
        _print(endpoint, answer, truth, "raw score" if raw_scores else "prediction")
    for name, metrics in measured.items():
        click.echo(f"{name}: {_listed(metrics)}")


def _require_none(given: dict[str, Any]) -> None:
    """Raise where an option was given that goes with an endpoint alone."""
    stray = [name.replace("_", "-") for name, value in given.items() if value]
    if stray:
        raise click.UsageError(f"--{stray[0]} does not go with --local")


def _only_file(data: tuple[str, ...]) -> str:
    """The file of rows, where they are sent to an endpoint."""
    if len(data) > 1:
        raise click.UsageError("--data was given twice; several files go with --local")
    if not Path(data[0]).is_file():
        msg = f"Invalid value for '--data': File {data[0]!r} does not exist or is no file."
        raise click.UsageError(msg)
    return data[0]


def _print(
    endpoint: str, answer: dict[str, Any], truth: dict[str, list[Any]], heading: str
) -> None:
    heads = ["truth"] if len(truth) == 1 else [f"truth {name}" for name in truth]
    columns = list(truth.values())
    why = explanation_rows(answer) if "explanations" in answer else []
    output.print_table(
        f"{endpoint}: {', '.join(answer.get('variants', []))} under snapshot "
        f"{answer.get('snapshot')}",
        [
            "row",
            *prediction_heads(answer, heading),
            *heads,
            *(explanation_heads(answer) if why else []),
        ],
        [
            [
                *row,
                *(None if column[i] is None else _shown(column[i]) for column in columns),
                *(why[i] if why else ()),
            ]
            for i, row in enumerate(prediction_rows(answer))
        ],
    )
    for warning in answer.get("warnings", []):
        click.echo(
            f"warning: row {warning['row']}, column {warning['column']!r}: {warning['rule']}: "
            f"expected {warning['expected']}, got {warning['seen']}",
            err=True,
        )


def _listed(metrics: dict[str, float]) -> str:
    numbers = [f"{name} {value:.4g}" for name, value in metrics.items() if name != "rows"]
    return ", ".join([*numbers, f"over {metrics['rows']:,} rows with a truth"])


def _address(url: str) -> str:
    """The address of a gateway, of which people may give host and port alone."""
    return (url if "://" in url else f"http://{url}").rstrip("/")


def _signature(base: str, endpoint: str) -> dict[str, Any]:
    """What an endpoint takes and gives; nothing of one that is not there, which answers so."""
    standing = web.get(f"{base}/v1/endpoints", keys=("endpoints",))
    with web.understood(base):
        signatures = {one["name"]: one["signature"] for one in standing["endpoints"]}
        signature: dict[str, Any] = {"inputs": [], "output": {}, **signatures.get(endpoint, {})}
    return signature


def _rows(
    data: str,
    signature: dict[str, Any],
    *,
    target: str | None,
    dtypes: tuple[str, ...],
    na_values: tuple[str, ...],
    limit: int | None,
) -> tuple[list[Any], dict[str, list[Any]]]:
    """The rows that are sent, and what is true of them where the file says it."""
    texts = [column["name"] for column in signature["inputs"] if column["dtype"] == "string"]
    read = read_rows(Path(data), (dtypes, na_values), texts)
    for notice in read.notices:
        click.echo(notice, err=True)
    rows = read.rows[:limit]
    return (rows, {}) if target is None else without(rows, target, data)


def prediction_heads(answer: dict[str, Any], heading: str) -> list[str]:
    """What stands above predictions and their probabilities; of several targets, their names."""
    classes, targets = answer.get("classes", []), answer.get("targets")
    if targets is None:
        return [heading, *[f"p({label})" for label in classes]]
    heads = [f"{heading} {name}" if heading != "prediction" else name for name in targets]
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
