"""What the built site must be, `sphinx-build -W --keep-going -n docs docs/_site` before: whole, and on its own."""

import re
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
SITE = HERE / "_site"
LOADED = {  # what a browser fetches to show a page: tag -> attributes
    "script": ("src",), "link": ("href",), "img": ("src", "srcset"), "iframe": ("src",), "source": ("src", "srcset"),
    "video": ("src", "poster"), "audio": ("src",), "object": ("data",), "embed": ("src",), "image": ("href",),
}  # fmt: skip
POINTING = ("canonical", "search", "index", "next", "prev", "genindex")  # links that load nothing


class Loads(HTMLParser):
    """Collects what a page loads, and where its links within the site lead."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        given = {name: value or "" for name, value in attrs}
        self.ids.add(given.get("id", ""))
        if tag == "a":
            self.links.append(given.get("href", ""))
        if not (tag == "link" and given.get("rel") in POINTING):
            self.loaded += [given[name] for name in LOADED.get(tag, ()) if name in given]


def read(page: Path) -> Loads:
    """Return what a page loads."""
    found = Loads()
    found.feed(page.read_text(encoding="utf-8"))
    return found


def external(text: str) -> bool:
    """Return whether an address leads to another host."""
    return re.match(r"(?:https?:)?//", text.strip()) is not None


@pytest.fixture(scope="module")
def pages() -> dict[str, Loads]:
    """Return all pages of the site by their path in it."""
    if not (SITE / "index.html").exists():
        pytest.skip("no site is built: sphinx-build -W --keep-going -n docs docs/_site")
    return {str(path.relative_to(SITE)): read(path) for path in sorted(SITE.rglob("*.html"))}


def test_the_site_loads_nothing_from_elsewhere(pages: dict[str, Loads]) -> None:
    """No script, style, font or image of another host."""
    assert len(pages) > 20
    assert not {(page, address) for page, its in pages.items() for address in its.loaded if external(address)}
    for sheet in SITE.rglob("*.css"):
        addresses = re.findall(r"(?:url\(\s*['\"]?|@import\s+['\"])([^'\")]+)", sheet.read_text(encoding="utf-8"))
        assert not [address for address in addresses if external(address)], sheet
    scripts = [path for path in SITE.rglob("*.js") if path.name not in ("searchindex.js",)]
    assert not [path for path in scripts if re.search(r"(?:src|href)\s*=\s*[\"']https?://", path.read_text())]


def test_every_file_that_a_page_loads_is_there(pages: dict[str, Loads]) -> None:
    """Figures, styles and scripts."""
    for page, its in pages.items():
        inside = [a.partition("?")[0].partition("#")[0] for a in its.loaded if not a.startswith(("data:", "#"))]
        missing = [address for address in inside if address and not ((SITE / page).parent / address).exists()]
        assert not missing, page


def test_links_within_the_site_lead_somewhere(pages: dict[str, Loads]) -> None:
    """Pages, and places in pages."""
    for page, its in pages.items():
        for link in its.links:
            if external(link) or link.startswith("mailto:"):
                continue
            file, _, place = link.partition("#")
            target = ((SITE / page).parent / file).resolve() if file else (SITE / page).resolve()
            assert target.exists(), (page, link)
            name = str(target.relative_to(SITE.resolve()))
            assert not place or name not in pages or place in pages[name].ids, (page, link)


def test_formulas_are_drawn_by_the_browser(pages: dict[str, Loads]) -> None:
    """As MathML, not as LaTeX for a script."""
    text = (SITE / "models" / "nested_logit.html").read_text(encoding="utf-8")
    assert text.count("<math") > 50
    assert "tex-mml" not in text


def test_every_model_and_paper_has_a_page(pages: dict[str, Loads]) -> None:
    """Found, not listed."""
    import minimodels as mm
    from validation.papers import papers

    assert {f"models/{name}.html" for name in mm.models()} < set(pages)
    assert {f"papers/{name}.html" for name in papers()} < set(pages)


def test_every_public_name_is_on_one_page_of_the_api() -> None:
    """Each once, and nothing that is not public."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((HERE / "api").glob("*.md"))]
    listed = [name for text in texts for name in re.findall(r"^\.\. auto\w+:: ([\w.]+)", text, re.MULTILINE)]
    assert len(listed) == len(set(listed))
    public: dict[int, Any] = {}
    for package in map(import_module, ("minimodels", "theory", "validation")):
        for name in dir(package):
            public.setdefault(id(getattr(package, name)), f"{package.__name__}.{name}")
    assert sorted(listed) == sorted(public.values())
