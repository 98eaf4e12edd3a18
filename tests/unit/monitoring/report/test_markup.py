"""Whatever somebody wrote is text in the page, and nothing else."""

from xml.etree import ElementTree as ET

import pytest

from serve_app.monitoring.report.markup import Markup, element, joined, name_of, shortened, text

NASTY = (
    "<script>alert(1)</script>", "\"quote' & amp;", "</svg></style></script>", "]]>", "שלום עולם",
    "🧨 emoji", "\ud800 half", "nul\x00\x1b[2J", "\u202eltr live", "a" * 5_000, "<!-- -->",
)  # fmt: skip


@pytest.mark.parametrize("value", NASTY, ids=range(len(NASTY)))
def test_what_comes_out_is_one_element_with_the_text_in_it(value):
    tree = ET.fromstring(element("p", value, title=value, data_x=value))
    assert len(tree) == 0
    assert tree.text == tree.get("title") == tree.get("data-x")
    assert len(tree.text) == len(value)
    pairs = zip(tree.text, value, strict=True)
    assert all(shown == "\ufffd" for shown, given in pairs if shown != given)


def test_what_no_document_can_hold_or_turns_writing_is_replaced():
    assert text("a\x00b\ud800c\u202ed\x9be") == "a\ufffdb\ufffdc\ufffdd\ufffde"
    assert text("tab\tline\n") == "tab\tline\n"


def test_markup_is_not_escaped_again_and_nothing_is_left_out_of_it():
    inner = element("b", "1 < 2")
    assert element("p", inner, None, " & ") == "<p><b>1 &lt; 2</b> &amp; </p>"
    assert joined("<", Markup("<br/>")) == "&lt;<br/>"


def test_attributes_are_named_as_in_html_and_left_out_without_a_value():
    made = element("rect", class_="a", stroke_width=1.5, viewBox="0 0 1 1", x=None, y=0.0, n=120)
    assert made == '<rect class="a" stroke-width="1.5" viewBox="0 0 1 1" y="0" n="120"></rect>'
    assert element("meta", name="viewport") == '<meta name="viewport"/>'


def test_names_are_isolated_cut_and_never_invisible():
    assert name_of("a") == "<bdi>a</bdi>"
    assert name_of("  ") == "<i>(blank)</i>"
    assert len(shortened("a" * 300)) == 100
    assert shortened("a" * 100) == "a" * 100
