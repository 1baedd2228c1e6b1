"""The explorer in a real browser (the system's Chromium, through Playwright), and its page without one."""

import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minimodels as mm
from minimodels.explore.server import serving
from minimodels.explore.subject import Subject
from tests.minimodels.explore.test_state import said, valley

pytest.importorskip("bokeh", reason="the explorer needs Bokeh (minimodels[explore])")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MODELS = "[...Bokeh.documents[0]._all_models.values()]"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    model = mm.model("nested_logit", N=8, L=32, attend="labels")
    with serving(Subject.of(model), predict=said) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed (minimodels[browser])")
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed on this system")
    with sync_api.sync_playwright() as player:
        chromium = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


class View:
    """A page that is open, and what can be read off it."""

    def __init__(self, browser: Any, address: str, width: int = 1200, height: int = 900) -> None:
        self.page = browser.new_page(viewport={"width": width, "height": height})
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self.page.goto(address)
        self.until(f"window.Bokeh && Bokeh.documents[0] && {MODELS}.some((m) => m.name === 'states figure')")
        self.until("location.search.length > 2")

    def until(self, what: str) -> None:
        self.page.wait_for_function(f"() => {what}", timeout=30_000)

    def get(self, name: str, what: str) -> Any:
        return self.page.evaluate(f"() => {MODELS}.find((m) => m.name === '{name}').{what}")

    def curve(self, name: str = "xi") -> float:
        data = f"{MODELS}.find((m) => m.name === 'states figure').renderers[0].data_source.data"
        return float(self.page.evaluate(f"() => {data}['{name}'].at(-1)"))

    def put(self, **settings: str) -> None:
        """Type into fields and wait until the page's address says so."""
        for name, text in settings.items():
            if self.get(name, "value") != text:
                self.type(name, text)
                self.until(f"new URLSearchParams(location.search).get('{name}') === '{text}'")

    def type(self, name: str, text: str) -> None:
        field = f"{MODELS}.find((m) => m.name === '{name}')"
        shown = f"Bokeh.index.find_one_by_id({field}.id)"
        handle = f"{shown}.el.shadowRoot.querySelector('input')"
        self.until(f"{shown} !== null")
        self.page.evaluate(f"() => {{ {handle}.focus(); {handle}.select() }}")
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")


@pytest.fixture(scope="module")
def opened(browser: Any, address: str) -> Iterator[View]:
    found = View(browser, address)
    yield found
    found.page.close()


@pytest.fixture
def view(opened: View) -> Iterator[View]:
    """The one page of all tests here: each sets what it relies on."""
    opened.errors.clear()
    yield opened
    assert opened.errors == []


def test_nothing_comes_from_elsewhere(view: View, address: str) -> None:
    hosts = {url.split("/")[2] for url in view.requests if not url.startswith(("data:", "blob:"))}
    assert hosts == {address.split("/")[2]}
    with urllib.request.urlopen(address) as answer:
        text = answer.read().decode()
    assert re.findall(r"(?:src|href)=[\"'](?:https?:)?//[^\"']*", text) == []
    assert "cdn" not in text


@pytest.mark.parametrize(
    ("file", "method"),
    [
        ("core/dom", "InlineStyleSheet.prototype._update"),
        ("core/visuals/visual", "VisualProperties.prototype._get_css_value"),
        ("models/renderers/glyph_renderer", "GlyphRendererView.prototype.update_position"),
        ("models/axes/axis", "AxisView.prototype.compute_labels"),
    ],
)
def test_what_bokeh_would_do_again_in_every_frame_is_left_out(view: View, address: str, file: str, method: str) -> None:
    running = view.page.evaluate(f"() => Bokeh.require('{file}').{method}.toString()")
    with urllib.request.urlopen(address) as answer:
        assert running in answer.read().decode()  # else this version of Bokeh has it elsewhere, and frames take longer


def test_predictions_are_drawn_or_grey_with_the_reason(view: View) -> None:
    grey = view.page.locator("tr.no")
    grey.wait_for()
    assert "does not apply: the start is <odd>." in grey.inner_text()
    spans = f"{MODELS}.find((m) => m.name === 'loss figure').renderers.map((r) => r.data_source.data.x)"
    assert [49] in [list(x.values()) if isinstance(x, dict) else x for x in view.page.evaluate(f"() => {spans}")]


def test_a_slider_moves_by_the_keyboard_and_the_curve_follows(view: View) -> None:
    view.put(N="9", L="50")
    before = view.curve()
    view.page.get_by_role("slider", name="L, number of labels").focus()
    for _ in range(5):
        view.page.keyboard.press("ArrowRight")
    link = "new URLSearchParams(location.search).get('L')"
    view.until(f"{link} !== '50' && {link} === {MODELS}.find((m) => m.name === 'L').value")
    value = float(view.get("L", "value"))
    assert 50 < value < 60
    run = mm.simulate(mm.model("nested_logit", N=9, L=value, attend="labels"), t_end=float(view.get("end", "value")))
    assert view.curve() == pytest.approx(float(run.xi[-1]), rel=1e-6)
    assert view.curve() != before


def test_an_impossible_setting_keeps_the_picture_and_says_why(view: View) -> None:
    view.put(N="9", L="30")
    before = view.curve()
    view.type("L", "4")
    sentence = view.page.get_by_role("alert")
    sentence.wait_for()
    assert "`L` must be at least N/B" in sentence.inner_text()
    assert view.curve() == before
    view.put(L="40")
    sentence.wait_for(state="detached")
    assert view.curve() != before


def test_a_click_on_the_map_moves_the_point(view: View) -> None:
    view.put(N="9", L="30")
    figure = f"Bokeh.index.find_one_by_id({MODELS}.find((m) => m.name === 'phase diagram figure').id)"
    box = view.page.evaluate(
        f"() => {{ const e = {figure}.el.getBoundingClientRect(), f = {figure}.frame.bbox; "
        "return [e.x + f.left + f.width / 2, e.y + f.top + f.height / 2] }"
    )
    view.page.mouse.click(*box)
    view.until(f"{MODELS}.find((m) => m.name === 'N').value !== '9'")
    view.until("!location.search.includes('N=9&')")
    assert float(view.get("N", "value")) == pytest.approx(np.sqrt(128), rel=0.05)
    assert float(view.get("L", "value")) == pytest.approx(np.sqrt(2 * 512), rel=0.05)


def test_a_link_opens_the_same_state_and_400_pixels_are_wide_enough(view: View, browser: Any) -> None:
    view.put(N="11")
    other = View(browser, view.page.url, 400, 800)
    assert other.get("N", "value") == "11"
    assert other.curve() == view.curve()
    assert other.page.url == view.page.url
    other.page.locator("tr.no").wait_for()
    assert other.page.evaluate("() => document.documentElement.scrollWidth") <= 400
    assert other.page.get_by_text("Parameters", exact=True).is_visible()
    assert view.page.evaluate("() => document.documentElement.scrollWidth") <= 1200
    other.page.close()


def test_exports_download(view: View, tmp_path: Path) -> None:
    view.put(N="11")
    begins = {"SVG": b"<?xml", "PDF": b"%PDF", "NetCDF": b"\x89HDF", "Python": b"import minimodels"}
    for label, first in begins.items():
        with view.page.expect_download() as download:
            view.page.get_by_role("link", name=label).click()
        download.value.save_as(tmp_path / label)
        assert (tmp_path / label).read_bytes().startswith(first)
    assert "N=11.0" in (tmp_path / "Python").read_text()


def test_the_keyboard_reaches_everything_in_order(view: View) -> None:
    view.page.get_by_role("heading", name="nested_logit").click()
    seen = []
    for _ in range(5):
        view.page.keyboard.press("Tab")
        seen.append(view.page.evaluate(
            "() => { let e = document.activeElement; while (e.shadowRoot && e.shadowRoot.activeElement) "
            "e = e.shadowRoot.activeElement; return e.tagName + ' ' + (e.textContent || e.className || '') }"
        ))  # fmt: skip
    assert "Structure" in seen[0]
    assert "Parameters" in seen[1]
    assert seen[2].startswith("INPUT")
    assert "noUi-handle" in seen[3]
    assert seen[4].startswith("INPUT")


def test_another_structure_rebuilds_the_panels(view: View) -> None:
    view.page.get_by_text("Structure").click()
    view.page.get_by_label("attend", exact=True).select_option("all")
    view.until(f"{MODELS}.some((m) => m.name === 'beta_2')")
    view.until("location.search.includes('attend=all')")
    view.put(beta_2="1")


def test_only_this_machine_and_this_address_are_answered(address: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(urllib.request.Request(address + "lines.py?N=8", headers={"Host": "example.org"}))
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(address + "lines.py?N=many")
    assert refused.value.code == 400
    assert refused.value.read() == b"N must be a finite number; got 'many'."
    port = int(address.rstrip("/").rpartition(":")[2])
    with pytest.raises(mm.InputError, match="is taken"), serving(Subject.of(valley()), port=port):
        pass


def test_events_that_are_superseded_are_never_computed() -> None:
    from bokeh.document import Document

    from minimodels.explore.page import Page

    document = Document()
    page = Page(document, Subject.of(valley()), "", None)
    before = len(document.session_callbacks)
    for k in range(100):
        page.set(a=str(1 + k / 100))
    assert len(document.session_callbacks) == before + 1
    page._answer()
    assert page.answered == 1
    assert page.state.model.values["a"] == 1.99
    page.set(a="7")
    page._answer()
    assert page.state.model.values["a"] == 1.99  # beyond its domain: what is shown stays
    assert "`a` must lie in [0, 5]" in page.said.text
    page.set(**{"init.x": "0.4"})
    page._answer()
    assert "`a` must lie in [0, 5]" in page.said.text  # its field still says so
    page.set(a="3")
    page._answer()
    assert (page.state.model.values["a"], page.state.start["x"], page.said.text) == (3, 0.4, "")
    page.behind.close()


def test_the_command_says_where_and_ends_without_bokeh_in_a_sentence(tmp_path: Path) -> None:
    here = Path(__file__).parents[3]
    (tmp_path / "bokeh.py").write_text("raise ModuleNotFoundError('bokeh')\n")
    run = subprocess.run(
        [sys.executable, "-m", "minimodels.cli", "explore", "single_location", "--no-browser"], capture_output=True,
        text=True, env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{here}"}, cwd=tmp_path,
    )  # fmt: skip
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == "minimodels: the explorer needs Bokeh: pip install 'minimodels[explore]'.\n"
