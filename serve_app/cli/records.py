"""`serve-app records`: the log of predictions, queried, listed, and computed again."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import output
from serve_app.cli.completion import complete_endpoint
from serve_app.cli.records_options import option_records, options_time
from serve_app.cli.records_replay import replay
from serve_app.core.json_values import finite

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN_ROWS = 20
SHOWN = (
    "prediction_id", "row", "at_s", "endpoint", "variants", "key", "outcome", "value", "took_s",
)  # fmt: skip


@click.group()
def records() -> None:
    """Query the log of predictions, and compute recorded requests with another version."""


@records.command("list")
@option_records
@output.as_json
def list_(records: str, as_json: bool) -> None:
    """List what is there of each endpoint."""
    from serve_app.storage.records.files import Files
    from serve_app.storage.records.summary import kept

    there = kept(Files(records))
    if as_json:
        output.print_json([asdict(one) for one in there])
        return
    if not there:
        click.echo(f"there are no records in {records}")
        return
    output.print_table(
        "Records",
        ["endpoint", "rows", "first", "last", "bytes"],
        [
            [
                one.endpoint,
                f"{one.rows:,}",
                output.shown_time(one.first_s),
                output.shown_time(one.last_s),
                f"{one.size_bytes:,}",
            ]
            for one in there
        ],
    )


@records.command()
@option_records
@click.option("--endpoint", shell_complete=complete_endpoint, help="Only those of one endpoint.")
@options_time
@click.option("--variant", help="Only answers in which a version had a part: MODEL@NUMBER.")
@click.option("--outcome", help="Only one outcome: answered, fallback, or the code of an error.")
@click.option("--id", "prediction_id", help="Only one prediction, by its id.")
@click.option("--key", help="Only rows with this value in the endpoint's key column.")
@click.option("--columns", metavar="NAME,…", help="Only these columns.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many rows.")
@click.option("--order", type=click.Choice(["oldest", "newest"]), help="Which come first.")
@click.option(
    "--sql",
    help="One SELECT over the table `records`, which has what --endpoint, --since and --until "
    "choose. Needs DuckDB.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the rows to a .csv or .parquet file.",
)
@output.as_json
def query(
    records: str,
    sql: str | None,
    columns: str | None,
    out: Path | None,
    as_json: bool,
    **filters: Any,
) -> None:
    """Print rows of the log, or write them to a file."""
    from serve_app.storage.records.export import check_kind
    from serve_app.storage.records.files import Files
    from serve_app.storage.records.reader import Query, check_query
    from serve_app.storage.records.reader import query as rows_of
    from serve_app.storage.records.sql import select

    names = None if columns is None else tuple(one.strip() for one in columns.split(","))
    wanted = Query(columns=names, **filters)
    check_query(wanted)
    if out is not None:
        check_kind(out)
    if sql is None:
        reader = rows_of(Files(records), wanted)
    else:
        _refuse_beside_sql(filters, columns)
        reader = select(Files(records), sql, wanted.span())
    if out is not None:
        _write(reader, out, as_json=as_json)
    elif as_json:
        _print_json(reader)
    else:
        _print(reader, SHOWN if sql is None and names is None else None, filters["limit"])


def _refuse_beside_sql(filters: dict[str, Any], columns: str | None) -> None:
    given = {"columns": columns, **filters}
    for name in ("columns", "variant", "outcome", "prediction_id", "key", "limit", "order"):
        if given[name] is not None:
            option = "id" if name == "prediction_id" else name
            raise click.UsageError(f"--{option} cannot stand beside --sql: say it in the SELECT")


def _write(reader: pa.RecordBatchReader, out: Path, *, as_json: bool) -> None:
    from serve_app.storage.records.export import write

    rows = write(reader, out)
    if as_json:
        output.print_json({"file": str(out), "rows": rows})
    else:
        click.echo(f"wrote {rows:,} rows to {out}")


def _print_json(reader: pa.RecordBatchReader) -> None:
    """One list, a row on each line, printed while it is read."""
    separator = "["
    for batch in reader:
        for row in batch.to_pylist():
            body = json.dumps(finite(row), default=_text)
            click.echo(f"{separator}\n{body}", nl=False)
            separator = ","
    click.echo("[]" if separator == "[" else "\n]")


def _print(reader: pa.RecordBatchReader, columns: Iterable[str] | None, limit: int | None) -> None:
    there = reader.schema.names
    names = there if columns is None else [name for name in columns if name in there]
    wanted = SHOWN_ROWS if limit is None else limit
    rows: list[dict[str, Any]] = []
    for batch in reader:
        rows += batch.slice(0, wanted + 1 - len(rows)).to_pylist()
        if len(rows) > wanted:
            break
    if not rows:
        click.echo("no records fit")
        return
    output.print_table(
        "Records", names, [[_cell(n, row[n]) for n in names] for row in rows[:wanted]]
    )
    if len(rows) > wanted:
        click.echo(f"there are more; --limit prints more than {wanted}, --out writes all to a file")


def _cell(name: str, value: Any) -> Any:
    if name == "at_s" and isinstance(value, float):
        return output.shown_time(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)


records.add_command(replay)
