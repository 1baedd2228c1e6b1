"""Figures with the lines that make them: a file of `gallery/` is run when the site is built, and shown beside.

A file begins with a docstring, its title, and leaves a `figure` and a `caption` that states what was found, with the
numbers that it computed.
"""

import runpy
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from minimodels.plot import style, write_figure

matplotlib.use("Agg")

HERE = Path(__file__).parent.parent / "gallery"


def made(name: str) -> tuple[Any, str]:
    """Run a file of the gallery; return its figure and its caption."""
    with style():
        left = runpy.run_path(str(HERE / f"{name}.py"))
        plt.close("all")
    return left["figure"], str(left["caption"])


class Figure(SphinxDirective):
    """`{made} NAME`: the figure of `gallery/NAME.py`, its caption, and the lines that make it."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Make the figure and show it."""
        name = self.arguments[0]
        source = HERE / f"{name}.py"
        self.env.note_dependency(str(source))
        figure, caption = made(name)
        write_figure(figure, HERE / f"{name}.png")
        _, title, text = source.read_text(encoding="utf-8").split('"""', 2)
        lines = [
            f"![{title}](/gallery/{name}.png)",
            "",
            caption,
            "",
            "```python",
            *text.strip().splitlines(),
            "```",
            "",
        ]
        node = nodes.section(ids=[f"made-{name}"])
        node += nodes.title(title, title)
        self.state.nested_parse(StringList(lines, str(source)), self.content_offset, node)
        return [node]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("made", Figure)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
