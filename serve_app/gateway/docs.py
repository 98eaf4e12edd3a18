"""The documentation page: every endpoint with its columns, and a place to try it."""

from __future__ import annotations

import base64
import hashlib
import string
from collections.abc import Callable
from html import escape
from importlib import resources
from importlib.util import find_spec
from typing import Any

import orjson

from serve_app.gateway.error_meanings import MEANINGS

PAGES = resources.files("serve_app.gateway") / "pages"
"""Where the parts of pages lie."""
_TEMPLATE = string.Template((PAGES / "docs.html").read_text("utf-8"))
STYLE = (PAGES / "docs.css").read_text("utf-8")
"""How all pages look."""
_SCRIPT = (PAGES / "docs.js").read_text("utf-8")
_ALL = "/openapi.json"
"""Where the document of everything is, which the main port alone has, and GraphQL with it."""
_NATIVE = "/v1/models/{}:predict"
Body = Callable[[list[dict[str, Any]]], Any]


def _named(rows: list[dict[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    """Names of columns, and rows of values in their order."""
    return list(rows[0]), [list(row.values()) for row in rows]


def _split(rows: list[dict[str, Any]]) -> dict[str, Any]:
    columns, data = _named(rows)
    return {"dataframe_split": {"columns": columns, "data": data}}


def _ndarray(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """None where cells are lists: an array has one shape."""
    names, ndarray = _named(rows)
    if any(isinstance(cell, list) for row in ndarray for cell in row):
        return None
    return {"data": {"names": names, "ndarray": ndarray}}


_OTHERS: tuple[tuple[str, str, Body], ...] = (
    ("TensorFlow Serving", "/tfs/v1/models/{}:predict", lambda rows: {"instances": rows}),
    ("KServe V1", "/kserve/v1/models/{}:predict", lambda rows: {"instances": rows}),
    ("TorchServe", "/torchserve/predictions/{}", lambda rows: rows),
    ("MLflow", "/endpoints/{}/invocations", _split),
    ("SageMaker", "/sagemaker/models/{}/invoke", lambda rows: {"instances": rows}),
    (
        "Vertex AI",
        "/v1/projects/p/locations/l/endpoints/{}:predict",
        lambda rows: {"instances": rows},
    ),
    ("BentoML", "/bentoml/{}", lambda rows: {"instances": rows}),
    ("Seldon Core V1", "/seldon/default/{}/api/v1.0/predictions", _ndarray),
)
"""How other systems' clients would ask an endpoint that their path names."""
_NAMELESS = ("Azure ML", "/azureml/score", lambda rows: {"data": rows})
"""How those ask whose paths name none: the only endpoint."""


def in_other_words(
    name: str, rows: list[dict[str, Any]], *, is_only: bool
) -> list[tuple[str, str, Any]]:
    """How other systems' clients would ask an endpoint for rows: title, path and body.

    `is_only` says that whoever asks sees no other endpoint.
    """
    known = (*_OTHERS, _NAMELESS) if is_only else _OTHERS
    requests = [(title, path.format(name), body(rows)) for title, path, body in known]
    return [one for one in requests if one[2] is not None]


# Its package is optional, and a link to a refusal leads nowhere.
_GRAPHQL = '<a class="aside" href="/graphql">GraphQL</a>' if find_spec("graphql") else ""
_CATEGORIES_SHOWN = 12
_TARGETS_SHOWN = 12


def _source(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def policy(script: str, style: str) -> dict[str, str]:
    """The headers of a page that runs and shows nothing but this script and this style."""
    return {
        "content-security-policy": (
            f"default-src 'none'; script-src {_source(script)}; style-src {_source(style)}; "
            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }


HEADERS = policy(_SCRIPT, STYLE)
"""What the page must be sent with: nothing runs or loads that is not written here."""


def page(document: dict[str, Any], source: str = _ALL) -> str:
    """The page of an OpenAPI document of ours, complete in itself: it loads nothing.

    `source` is where the document is, to which the page leads.
    """
    endpoints = document["x-endpoints"]
    names = [escape(endpoint["name"]) for endpoint in endpoints]
    count = len(names)
    summary = f"{count} endpoint{'' if count == 1 else 's'}" if names else _NOTHING_YET
    return _TEMPLATE.substitute(
        title=escape(document["info"]["title"]),
        version=escape(document["info"]["version"]),
        summary=summary,
        source=escape(source),
        navigation="".join(f'<a href="#{name}">{name}</a>' for name in names),
        graphql=_GRAPHQL if source == _ALL else "",
        endpoints="".join(
            _endpoint(endpoint, document["paths"], is_only=count == 1) for endpoint in endpoints
        ),
        errors=_ERRORS,
        style=STYLE,
        script=_SCRIPT,
    )


def _errors() -> str:
    """What errors mean, and what to do."""
    rows = "".join(
        f"<tr><td>{one.status} {escape(one.code)}</td><td>{_prose(one.words)}</td>"
        f"<td>{_prose(one.advice)}</td></tr>"
        for one in MEANINGS.values()
    )
    heads = "<tr><th>Error</th><th>What it means</th><th>What to do</th></tr>"
    return (
        '<section class="errors"><h2>If it does not work</h2><p class="gives">Answers that are no '
        "prediction say what was wrong in <code>message</code>, and which of these it is in "
        "<code>error_code</code>; protocols of other systems have forms of their own.</p>"
        f'<div class="table" tabindex="0"><table><thead>{heads}</thead><tbody>{rows}</tbody>'
        "</table></div></section>"
    )


def _prose(text: str) -> str:
    """A sentence, of which what stands between backticks is code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{one}</code>" if at % 2 else one for at, one in enumerate(parts))


_ERRORS = _errors()
_NOTHING_YET = "No endpoint is served yet. Declare one in the configuration and deploy it."


def _endpoint(endpoint: dict[str, Any], paths: dict[str, Any], *, is_only: bool) -> str:
    name = escape(endpoint["name"])
    count = len(endpoint["columns"])
    return f"""
<section id="{name}">
<h2>{name} <span class="badge">{escape(endpoint["route"])}</span></h2>
<p class="gives">{_gives(endpoint["output"])}</p>
<div class="halves">
<div>
<h3>Variants</h3>
{_variants(endpoint)}
<h3>{count} column{"" if count == 1 else "s"}</h3>
{_columns(endpoint["columns"])}
</div>
{_form(_examples(endpoint["name"], paths, is_only=is_only))}
</div>
</section>"""


def _gives(output: dict[str, Any]) -> str:
    if output["kind"] == "classification":
        labels = ", ".join(f"<code>{_value(label)}</code>" for label in output["labels"])
        words = f"one of {labels}" if labels else "a class"
        words += ", with probabilities" if output["probabilities"] else ""
    elif output.get("targets"):
        words = _several(output)
    elif output["kind"] == "tensors":
        words = ", ".join(f"<code>{escape(column['name'])}</code>" for column in output["columns"])
    else:
        width = output["width"]
        words = "a number" if width == 1 else f"{width} numbers"
    scores = ", raw scores on demand" if output["scores_width"] else ""
    return f"Answers {words}{scores}."


def _several(output: dict[str, Any]) -> str:
    """What is said of several targets."""
    targets = output["targets"]
    more = len(targets) - _TARGETS_SHOWN
    rest = f" <em>and {more} more</em>" if more > 0 else ""
    names = [f"<code>{escape(target['name'])}</code>" for target in targets[:_TARGETS_SHOWN]]
    if output["kind"] == "multilabel":
        words = f"yes or no to each of {', '.join(names)}{rest}"
    else:
        of = [
            f"{name} (one of {', '.join(f'<code>{_value(label)}</code>' for label in t['labels'])})"
            for name, t in zip(names, targets, strict=False)
        ]
        words = f"a class of each of {', '.join(of)}{rest}"
    return words + (", with probabilities" if output["probabilities"] else "")


def _variants(endpoint: dict[str, Any]) -> str:
    if not endpoint.get("weighted", True):
        versions = (escape(variant["version"]) for variant in endpoint["variants"])
        listed = "".join(f"<li><code>{version}</code></li>" for version in versions)
        return f'<ul class="variants">{listed}</ul>'
    weights = [variant["weight"] for variant in endpoint["variants"]]
    total = sum(weights) or 1
    together = endpoint["together"]
    items = []
    for variant, weight in zip(endpoint["variants"], weights, strict=True):
        share = weight / total
        share_text = (
            f"weight {weight:g}" if together else f"{share:.1%} of requests".replace(".0%", "%")
        )
        version = escape(variant["version"])
        items.append(
            f"<li><code>{version}</code><span>{share_text}</span>"
            f'<progress value="{share:.4f}" aria-label="{version}: {share_text}"></progress></li>'
        )
    return f'<ul class="variants">{"".join(items)}</ul>'


def _columns(columns: list[dict[str, Any]]) -> str:
    rows = "".join(
        f"<tr><td>{escape(column['name'])}</td><td>{_type(column)}</td>"
        f"<td>{_values(column)}</td></tr>"
        for column in columns
    )
    heads = "<tr><th>Name</th><th>Type</th><th>Values in training</th></tr>"
    table = f"<table><thead>{heads}</thead><tbody>{rows}</tbody></table>"
    return f'<div class="table" tabindex="0">{table}</div>'


def _type(column: dict[str, Any]) -> str:
    zone = f" <em>with an offset, as in</em> {escape(column['zone'])}" if "zone" in column else ""
    return escape(column["dtype"]) + zone + (" <em>or null</em>" if column["nullable"] else "")


def _values(column: dict[str, Any]) -> str:
    categories = column.get("categories")
    if categories is not None:
        shown = ", ".join(_value(value) for value in categories[:_CATEGORIES_SHOWN])
        more = len(categories) - _CATEGORIES_SHOWN
        return shown + (f" <em>and {more} more</em>" if more > 0 else "")
    low, high = column.get("minimum"), column.get("maximum")
    if low is not None and high is not None:
        return f"{low:.6g} <em>to</em> {high:.6g}"
    if low is not None:
        return f"<em>at least</em> {low:.6g}"
    return f"<em>at most</em> {high:.6g}" if high is not None else ""


def _examples(name: str, paths: dict[str, Any], *, is_only: bool) -> list[tuple[str, str, Any]]:
    """How the endpoint is asked by what the document has: title, path and body."""

    def example(path: str) -> Any:
        return paths[path]["post"]["requestBody"]["content"]["application/json"]["example"]

    place = f"/v2/models/{name}/"
    tensors = next(p for p in paths if p.startswith(place) and p.endswith("/infer"))
    open_inference = ("Open Inference Protocol V2", tensors, example(tensors))
    native = _NATIVE.format(name)
    if native not in paths:
        return [open_inference]
    rows = example(native)["instances"]
    return [
        ("Native JSON", native, example(native)),
        open_inference,
        *in_other_words(name, rows, is_only=is_only),
    ]


def _form(examples: list[tuple[str, str, Any]]) -> str:
    options = []
    for title, path, body in examples:
        example = orjson.dumps(body, default=str, option=orjson.OPT_INDENT_2).decode()
        options.append(
            f'<option data-path="{escape(path)}" data-example="{escape(example)}">{title}</option>'
        )
    return f"""<form>
<h3>Try it</h3>
<div class="bar"><select data-part="dialect" aria-label="Protocol">{"".join(options)}</select>
<code class="path">POST <span data-part="path"></span></code></div>
<textarea data-part="body" aria-label="Body of the request" spellcheck="false"></textarea>
<div class="bar"><button class="send" data-part="send">Send</button>
<button type="button" data-part="reset">Reset the example</button></div>
<div class="answer" data-part="answer" aria-live="polite" hidden>
<div class="bar"><h3>Answer</h3><span class="status" data-part="status"></span>
<span class="took" data-part="took"></span></div>
<dl class="headers" data-part="headers"></dl>
<pre data-part="result" tabindex="0"></pre>
</div>
<div class="call">
<div class="bar"><h3>From a shell</h3><span class="spring"></span>
<button type="button" data-part="copy">Copy</button></div>
<pre data-part="curl" tabindex="0"></pre>
</div>
</form>"""


def _value(value: Any) -> str:
    """A category or label as JSON, so that the string "1" and the number 1 differ."""
    return escape(orjson.dumps(value, default=str).decode())
