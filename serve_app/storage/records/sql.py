"""SQL over a part of the log, by DuckDB, which sees nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset as ds

from serve_app.errors import ConfigError, InvalidInput
from serve_app.storage.records.files import Files
from serve_app.storage.records.forms import common_schema, conformed
from serve_app.storage.records.plans import Plan, Span, plan_of

if TYPE_CHECKING:
    import duckdb

VIEW = "records"


def select(
    files: Files, sql: str, span: Span, *, threads: int | None = None
) -> pa.RecordBatchReader:
    """What one SELECT over `records` gives, the rows of a part of the log.

    It can read those rows and nothing else, and write nothing.

    Raises:
        ConfigError: DuckDB is not installed.
        InvalidInput: it is no SELECT, or DuckDB refuses it; says why.
        RecordsFailed: the location refuses.
    """
    try:
        import duckdb  # noqa: PLC0415 - an extra, which few commands need
    except ImportError as error:
        msg = "SQL over records needs DuckDB: pip install 'serve-app[analytics]'"
        raise ConfigError(msg) from error
    plan = plan_of(files, span)
    config: dict[str, Any] = {} if threads is None else {"threads": threads}
    connection = duckdb.connect(":memory:", config=config)
    try:
        _check(connection, sql)
        _offer(connection, files, plan, span)
        return connection.sql(sql).to_arrow_reader(65_536)
    except duckdb.Error as error:
        lines = str(error).strip().splitlines()
        raise InvalidInput(f"DuckDB refuses the query: {' '.join(lines)[:500]}") from error


def _check(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    statements = connection.extract_statements(sql)
    kinds = [statement.type.name for statement in statements]
    if kinds != ["SELECT"]:
        listed = ", ".join(kinds) or "nothing"
        raise InvalidInput(f"records are queried with one SELECT; this is {listed}")


def _offer(connection: duckdb.DuckDBPyConnection, files: Files, plan: Plan, span: Span) -> None:
    """Make the view, then close every way to anything else."""
    paths = [files.path(one.path) for held in plan.holdings.values() for one in held.segments]
    waiting = [table for held in plan.holdings.values() for table in held.tables]
    sources: list[str] = []
    if waiting:
        schema = common_schema([table.schema for table in waiting])
        batches = [conformed(b, schema) for table in waiting for b in table.to_batches()]
        connection.register("_waiting", pa.Table.from_batches(batches, schema))
        sources.append("SELECT * FROM _waiting")
    if paths and files.is_local:
        listed = ", ".join(map(_quoted, paths))
        connection.execute(f"SET allowed_paths = [{listed}]")
        options = "union_by_name = true, hive_partitioning = false"
        sources.append(f"SELECT * FROM read_parquet([{listed}], {options})")  # noqa: S608 - quoted
    elif paths:
        connection.register("_segments", _dataset(files, plan, paths))
        sources.append("SELECT * FROM _segments")
    if not sources:
        raise InvalidInput("there are no records of that endpoint and time")
    terms = ["true"]
    if span.since_s is not None:
        terms.append(f"at_s >= {float(span.since_s)!r}")
    if span.until_s is not None:
        terms.append(f"at_s < {float(span.until_s)!r}")
    # A temporary view is of this connection alone, and goes with it.
    connection.execute(
        f"CREATE TEMP VIEW {VIEW} AS SELECT * FROM ({' UNION ALL BY NAME '.join(sources)}) "  # noqa: S608 - names and numbers of ours
        f"WHERE {' AND '.join(terms)}"
    )
    connection.execute("SET python_enable_replacements = false")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _dataset(files: Files, plan: Plan, paths: list[str]) -> Any:
    schema = common_schema([footer.schema for footer in plan.footers.values()])
    return ds.dataset(
        paths, schema=schema, filesystem=files.arrow_filesystem, format="parquet", partitioning=None
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
