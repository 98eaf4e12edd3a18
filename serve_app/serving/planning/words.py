"""A plan for people: as text, and as Markdown for a pull request."""

import json
from collections.abc import Iterator
from typing import Any

from serve_app.serving.planning.difference import PlannedChange
from serve_app.serving.planning.plan import Plan

_SIGNS = {"add": "+", "remove": "-", "restart": "!", "scale": "~", "change": "~"}


def text(plan: Plan) -> str:
    """The plan as lines of text, what breaks clients said with each."""
    if not plan.changes:
        return f"{plan.file} is what runs: nothing would change\n"
    lines = [f"{_SIGNS[one.action]} {one.what} {one.name}: {_line(one)}" for one in plan.changes]
    return "\n".join([f"deploying {plan.file} would change:", *lines, _summary(plan)]) + "\n"


def markdown(plan: Plan) -> str:
    """The plan as Markdown, with a table of its changes."""
    head = f"### Plan of `{plan.file.replace('`', '')}`\n\n"
    if not plan.changes:
        return f"{head}Nothing would change.\n"
    rows = [[one.action, one.what, _cell(one.name), _cell(_line(one))] for one in plan.changes]
    table = [["action", "what", "name", "change"], ["---"] * 4, *rows]
    lines = [f"| {' | '.join(cells)} |" for cells in table]
    return f"{head}{_summary(plan)}\n\n" + "\n".join(lines) + "\n"


def _summary(plan: Plan) -> str:
    return ", ".join(_counted(plan))


def _counted(plan: Plan) -> Iterator[str]:
    count = len(plan.changes)
    yield f"{count} change{'' if count == 1 else 's'}"
    breaking = sum(one.breaks_clients for one in plan.changes)
    if breaking:
        yield f"{breaking} of them break{'s' if breaking == 1 else ''} clients"


def _line(change: PlannedChange) -> str:
    values = ""
    if change.before is not None or change.after is not None:
        values = f" ({_shown(change.before)} → {_shown(change.after)})"
    return f"{change.words}{values}" + (" [breaks clients]" if change.breaks_clients else "")


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cell(content: str) -> str:
    """Text as a cell of a table of Markdown, in which nothing is markup."""
    safe = content.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
    return " ".join(safe.replace("`", "\\`").replace("[", "\\[").replace("@", "&#64;").split())
