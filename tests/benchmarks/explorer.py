"""From a slider's event to the painted frame, in a real browser, beside the kernel's own time.

``python -m tests.benchmarks.explorer`` (``--smoke``: few events) drives headless Chromium on ``minimodels explore``.
Times are taken in the browser: from the input event to the task after the frame in which every figure of the curves was
painted with the value that the event asked for, or a newer one.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import numpy as np

import minimodels as mm
from minimodels.explore.curves import times
from minimodels.explore.state import State, read
from minimodels.explore.subject import Subject
from minimodels.problem import problem

MODELS = {
    "nested_logit": ({"N": 8, "L": 32, "attend": "labels"}, "L"),
    "tensor_product": ({}, "d_1"),
    "single_location": ({}, "T"),
}
ARGUMENTS = ["--no-sandbox", "--disable-gpu"]  # else a graphics card is emulated where there is none
READY = """() => ![...Bokeh.documents[0]._all_models.values()].some(
  (m) => typeof m.text === "string" && m.text.includes("Being computed"))"""
WATCH = """(name) => {
  const models = [...Bokeh.documents[0]._all_models.values()]
  const named = (n) => models.find((m) => m.name === n)
  const figures = ["loss", "states", "observables"].map((n) => named(n + " figure")).filter(Boolean)
  const slider = named(name + " slider"), wire = named("wire")
  const log = window.log = {events: [], frames: []}
  log.clear = () => { log.events.length = log.frames.length = 0; log.before = wire.run.asked }
  log.clear()
  let begun = 0
  for (const kind of ["keydown", "pointermove"])
    document.addEventListener(kind, (event) => { begun = event.timeStamp }, {capture: true})
  slider.properties.value.change.connect(() => log.events.push(begun))
  let left = new Set()
  wire.properties.run.change.connect(() => { left = new Set(figures.map((f) => f.id)) })
  for (const figure of figures) {
    const view = Bokeh.index.find_one_by_id(figure.id)
    const paint = view.paint.bind(view)
    view.paint = (...given) => {
      const result = paint(...given)
      if (left.delete(figure.id) && left.size === 0) {
        const event = wire.run.asked - log.before - 1, channel = new MessageChannel()
        channel.port1.onmessage = () => log.frames.push([event, performance.now()])
        channel.port2.postMessage(null)
      }
      return result
    }
  }
}"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="one model, few events")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    browser = shutil.which("chromium")
    if browser is None:
        sys.stdout.write("no chromium is installed: nothing was measured\n")
        return
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        sys.stdout.write("playwright is not installed (pip install 'minimodels[browser]'): nothing was measured\n")
        return
    found = {}
    with sync_playwright() as player:
        chromium = player.chromium.launch(executable_path=browser, args=ARGUMENTS)
        for name, (options, axis) in list(MODELS.items())[: 1 if given.smoke else None]:
            with explorer(name, options) as url:
                page = chromium.new_page(viewport={"width": 1200, "height": 900})
                page.goto(url)
                page.wait_for_function("() => window.Bokeh && Bokeh.documents[0] && Bokeh.documents[0].is_idle")
                page.wait_for_function(READY, timeout=120_000)  # what is computed behind is done
                page.wait_for_timeout(1500)
                page.evaluate(WATCH, axis)
                found[name] = measured(page, axis, 20 if given.smoke else 80) | own(mm.model(name, **options))
                page.close()
            if not given.json:
                say(name, found[name])
        chromium.close()
    if given.json:
        sys.stdout.write(json.dumps(found) + "\n")


@contextmanager
def explorer(name: str, options: Mapping[str, Any]) -> Iterator[str]:
    """Run the explorer of a model as from a shell, and give its address."""
    given = [part for key, value in options.items() for part in (f"--{key}", str(value))]
    command = [sys.executable, "-m", "minimodels.cli", "explore", name, *given, "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield next(word for word in process.stdout.readline().split() if word.startswith("http"))
        finally:
            process.terminate()


def say(name: str, numbers: dict[str, float]) -> None:
    """Print what was measured with a model."""
    sys.stdout.write(f"{name}\n")
    for what, value in numbers.items():
        sys.stdout.write(f"  {what:<58} {value:.4g}\n")
    sys.stdout.flush()


def measured(page: object, axis: str, count: int) -> dict[str, float]:
    """Press keys one by one, then drag; return milliseconds and counts."""
    focus = f"""() => {{ const m = [...Bokeh.documents[0]._all_models.values()].find((m) => m.name === "{axis} slider")
        Bokeh.index.find_one_by_id(m.id).el.shadowRoot.querySelector(".noUi-handle").focus() }}"""
    page.evaluate(focus)  # type: ignore[attr-defined]
    for k in range(count):
        page.keyboard.press("ArrowRight" if k % 40 < 20 else "ArrowLeft")  # type: ignore[attr-defined]
        page.wait_for_timeout(130)  # type: ignore[attr-defined]
    one = spans(page)
    box = page.evaluate(f"""() => {{ const m = [...Bokeh.documents[0]._all_models.values()].find((m) => m.name === "{axis} slider")
        const b = Bokeh.index.find_one_by_id(m.id).el.shadowRoot.querySelector(".noUi-handle").getBoundingClientRect()
        return [b.x, b.y, b.width, b.height] }}""")  # type: ignore[attr-defined]  # noqa: E501
    mouse, (x, y, width, height) = page.mouse, box  # type: ignore[attr-defined]
    mouse.move(x + width / 2, y + height / 2)
    mouse.down()
    page.evaluate("() => log.clear()")  # type: ignore[attr-defined]
    for k in range(count):
        mouse.move(x + width / 2 + 40 * np.sin(k / 9), y + height / 2)
        page.wait_for_timeout(8)  # type: ignore[attr-defined]
    mouse.up()
    page.wait_for_timeout(1000)  # type: ignore[attr-defined]
    dragged = spans(page)
    return {
        "key to frame, median (ms)": float(np.median(one)),
        "key to frame, 95th percentile (ms)": float(np.quantile(one, 0.95)),
        "keys": len(one),
        "drag: event to frame, median (ms)": float(np.median(dragged)),
        "drag: event to frame, 95th percentile (ms)": float(np.quantile(dragged, 0.95)),
        "drag: events": len(dragged),
        "drag: frames": page.evaluate("() => log.frames.length"),  # type: ignore[attr-defined]
    }


def spans(page: object) -> list[float]:
    """Return the time from every event to the first frame that shows its value or a newer one."""
    log = page.evaluate("() => log")  # type: ignore[attr-defined]
    made = []
    for k, begun in enumerate(log["events"]):
        later = [at for event, at in log["frames"] if event >= k and at >= begun]
        if later:
            made.append(later[0] - begun)
    return made


def own(model: mm.GradientFlow) -> dict[str, float]:
    """Return the time of the kernel alone, and of everything that the server computes for an event."""
    subject = Subject.of(model)
    state: State = read(subject, subject.given)
    stated = problem(state.model, state.end, state.options(times(state)))
    y0, par, status = stated.points({}, 1)
    spent = []
    for _ in range(50):
        began = perf_counter()
        stated.run(y0, par, status, np.zeros(1, dtype=np.uint8))
        spent.append(1e3 * (perf_counter() - began))
    return {"kernel alone, median (ms)": float(np.median(spent))}


if __name__ == "__main__":
    main()
