from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from serve_app import errors
from serve_app.core.signature import Column, Output
from serve_app.gateway import docs
from serve_app.gateway.error_meanings import MEANINGS
from serve_app.gateway.errors import response
from serve_app.gateway.openapi.document import EndpointDescription, document

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&$title"


def endpoint(**changed: Any) -> EndpointDescription:
    known: dict[str, Any] = {
        "name": "heart",
        "inputs": (
            Column("age", "int64", minimum=29, maximum=77),
            Column("sex", "string", nullable=True, categories=tuple("abcdefghijklmno")),
        ),
        "output": Output("classification", labels=("absent", "1"), probabilities=True),
        "variants": (("heart-xgb@3", 3.0), ("heart-forest@1", 1.0)),
        "route": "split",
    }
    return EndpointDescription(**{**known, **changed})


def page(*endpoints: EndpointDescription) -> str:
    return docs.page(document(endpoints, title="serve-app", version="1.2.3"))


class Reader(HTMLParser):
    """Collects the tags, the attributes and the visible words of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_page_shows_endpoints_variants_and_columns() -> None:
    words = Reader(page(endpoint())).words
    for said in (
        "serve-app",
        "1.2.3",
        "1 endpoint",
        "heart-xgb@3",
        "75% of requests",
        "25% of requests",
        "2 columns",
        "29 to 77",
        "string or null",
        '"a", "b"',
        "and 3 more",
        '"absent", "1", with probabilities',
    ):
        assert said in words


def test_the_members_of_an_ensemble_have_weights_and_no_shares() -> None:
    words = Reader(page(endpoint(route="ensemble", together=True))).words
    assert "weight 3" in words
    assert "of requests" not in words


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (Output("regression"), "Answers a number."),
        (Output("regression", width=3), "Answers 3 numbers."),
        (Output("classification"), "Answers a class."),
    ],
)
def test_the_page_says_what_comes_out(output: Output, said: str) -> None:
    assert said in Reader(page(endpoint(output=output))).words


def test_without_endpoints_the_page_says_what_to_do() -> None:
    assert "Declare one in the configuration" in Reader(page()).words


def test_each_endpoint_can_be_tried_in_each_dialect_with_an_example_that_is_json() -> None:
    attributes = Reader(page(endpoint())).attributes
    paths = [value for name, value in attributes if name == "data-path"]
    assert paths[:2] == ["/v1/models/heart:predict", "/v2/models/heart/infer"]
    assert len(set(paths)) == len(paths) == 11
    examples = [json.loads(value) for name, value in attributes if name == "data-example"]
    assert examples[0] == {"instances": [{"age": 29, "sex": "a"}]}
    assert examples[1]["inputs"][0]["data"] == [29]


def test_the_page_loads_nothing_from_anywhere() -> None:
    read = Reader(page(endpoint()))
    assert not {"link", "img", "iframe"} & set(read.tags)
    assert not [value for name, value in read.attributes if name == "src"]
    links = [value for name, value in read.attributes if name == "href"]
    assert all(link.startswith(("/", "#")) for link in links)


def test_whatever_a_name_holds_it_stays_a_name() -> None:
    hostile = endpoint(
        name=HOSTILE,
        inputs=(Column(HOSTILE, "string", categories=(HOSTILE,)),),
        output=Output("classification", labels=(HOSTILE,)),
        variants=((HOSTILE, 1.0),),
        route=HOSTILE,
    )
    plain, read = Reader(page(endpoint(inputs=(Column("x", "string"),)))), Reader(page(hostile))
    assert read.tags.count("script") == plain.tags.count("script") == 1
    assert "img" not in read.tags
    assert HOSTILE in read.words
    names = {name for name, _ in read.attributes}
    assert names <= {name for name, _ in plain.attributes}


def test_the_policy_allows_the_pages_own_script_and_style_and_no_other() -> None:
    html = page(endpoint())
    policy = docs.HEADERS["content-security-policy"]
    for tag in ("script", "style"):
        (inline,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    read = Reader(html)
    assert not [name for name, _ in read.attributes if name == "style" or name.startswith("on")]


def test_the_page_explains_every_error_with_its_status_and_what_to_do() -> None:
    words = " ".join(Reader(page(endpoint())).words.split())
    for code in MEANINGS:
        assert f"{MEANINGS[code].status} {code}" in words
    assert "400 invalid_input" in words
    assert "violations names row, column, rule" in words
    explained = page(endpoint()).partition('<section class="errors">')[2].partition("</section>")[0]
    assert "`" not in explained
    assert "<code>retry-after</code>" in explained


def test_every_error_has_a_meaning_and_the_status_that_it_is_answered_with() -> None:
    for name in errors.__all__:
        kind = getattr(errors, name)
        assert MEANINGS[kind.code].status == response(kind("x"), "r").status_code, name


def test_an_error_is_explained_by_the_most_general_one_of_its_code() -> None:
    assert MEANINGS["internal"].words == "Something unexpected happened on this side."
    assert MEANINGS["rate_limited"].words != MEANINGS["overloaded"].words
