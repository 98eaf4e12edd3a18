"""What the README, ARCHITECTURE.md and the documentation have to be."""

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.papers import DOCS, ROOT, navigation, prose

PAGES = sorted(DOCS.rglob("*.md"))
DECISIONS = sorted((DOCS / "decisions").glob("[0-9]*.md"))
PAPERS = [
    *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *(ROOT / name / "README.md" for name in ("benchmarks", "client", "native")),
    *PAGES,
]
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)
# What a browser fetches by itself; a link in a text is followed by who clicks on it.
FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
# What a make tells those that it starts.
MAKE = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
LOCAL = re.compile(r"(?!//)(?![a-z]+:)|data:")


def name(path):
    return str(path.relative_to(ROOT))


def anchors(path):
    """What GitHub and the built pages make of the headings."""
    words = (re.sub(r"[^\w\- ]", "", h["text"].lower()) for h in HEADING.finditer(prose(path)))
    return {text.strip().replace(" ", "-") for text in words}


@pytest.mark.parametrize(("paper", "lines"), [("README.md", 120), ("ARCHITECTURE.md", 90)])
def test_what_is_read_first_is_short(paper, lines):
    assert len((ROOT / paper).read_text().splitlines()) <= lines


def test_architecture_has_one_picture():
    assert (ROOT / "ARCHITECTURE.md").read_text().count("![") == 1


def test_every_page_stands_in_the_navigation_once():
    assert sorted(navigation()) == PAGES


@pytest.mark.parametrize("paper", PAPERS, ids=name)
def test_links_lead_somewhere(paper):
    for link in LINK.finditer(re.sub(r"`[^`\n]*`", "", prose(paper))):
        target, _, anchor = unquote(link["target"]).partition("#")
        if ":" in target:
            continue
        place = (paper.parent / target).resolve() if target else paper
        assert place.exists(), f"{link['target']}: no such file"
        if DOCS in paper.parents:
            assert DOCS in place.parents, f"{link['target']}: outside docs/"
        if anchor:
            assert anchor in anchors(place), f"{link['target']}: no such heading"


@pytest.mark.parametrize("path", DECISIONS, ids=name)
def test_a_decision_says_context_decision_and_consequence(path):
    text = path.read_text()
    title, context, decision, consequence = re.split(r"^## .+\n", text, flags=re.MULTILINE)
    assert title.startswith(f"# {int(path.name[:4])}. ")
    assert all(part.strip() for part in (context, decision, consequence))
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequence"]
    assert f"]({path.name})" in (path.parent / "index.md").read_text()


@pytest.mark.parametrize("path", [ROOT / "ARCHITECTURE.md", *DECISIONS], ids=name)
def test_files_that_are_named_are_there(path):
    for file in re.findall(r"`([\w./]+/[\w.]+\.(?:py|toml|yaml))`", prose(path)):
        assert any((folder / file).is_file() for folder in (ROOT, ROOT / "serve_app")), file


def test_decisions_are_numbered_without_gaps():
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.fixture(scope="module")
def make_docs():
    """What `make docs` runs, as a function of a folder: exit status and output."""
    # `make test` runs these tests: its own make must not be heard by the one below it.
    environment = {name: value for name, value in os.environ.items() if name not in MAKE}
    printed = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "docs"],
        cwd=ROOT, capture_output=True, text=True, check=True, env=environment,
    ).stdout.splitlines()  # fmt: skip
    command = printed[-1].replace(".venv/bin/", f"{Path(sys.executable).parent}/")

    def run(folder):
        done = subprocess.run(
            command.split(), cwd=folder, capture_output=True, text=True, check=False,
            env={**os.environ, "NO_COLOR": "1"}, timeout=60,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.fixture
def checkout(tmp_path):
    shutil.copytree(DOCS, tmp_path / "docs")
    shutil.copy2(ROOT / "zensical.toml", tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def site(tmp_path_factory, make_docs):
    folder = tmp_path_factory.mktemp("documentation")
    shutil.copytree(DOCS, folder / "docs")
    shutil.copy2(ROOT / "zensical.toml", folder)
    code, printed = make_docs(folder)
    assert code == 0, printed
    return folder / "site"


class Fetched(HTMLParser):
    """What a browser fetches with a page."""

    def __init__(self, text):
        super().__init__()
        self.places = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        place = dict(attrs).get(FETCHED.get(tag, ""))
        if place and dict(attrs).get("rel") not in {"canonical", "next", "prev"}:
            self.places.append(place)


def test_a_page_is_built_of_every_page(site):
    built = {path.relative_to(site).with_suffix(".md") for path in site.rglob("*.html")}
    assert {path.relative_to(DOCS) for path in PAGES} == built - {Path("404.md")}


def test_built_pages_load_nothing_from_the_network(site):
    for path in site.rglob("*.html"):
        text = path.read_text()
        assert Fetched(text).places
        assert [place for place in Fetched(text).places if not LOCAL.match(place)] == [], path
        # Zensical fetches what draws these when a page has some.
        assert 'class="mermaid"' not in text
        assert "glightbox" not in text
    for path in site.rglob("*.css"):
        assert not re.search(r"url\(\s*['\"]?(https?:)?//|@import", path.read_text()), path


def test_search_needs_no_server(site):
    for path in site.rglob("*.html"):
        scripts = [Path(place).name for place in Fetched(path.read_text()).places]
        assert "iframe-worker.js" in scripts
    assert "ByLoad" in (site / "search.js").read_text()


@pytest.mark.parametrize(
    "mistake", ["[a](nowhere.md)", "[a](dialects.md#nowhere)", "[a][nowhere]", "[a](../README.md)"]
)
def test_make_docs_fails_on_a_warning(checkout, make_docs, mistake):
    with (checkout / "docs" / "figures.md").open("a") as page:
        page.write(f"\n{mistake}\n")
    code, printed = make_docs(checkout)
    assert code != 0
    assert "figures.md" in printed
