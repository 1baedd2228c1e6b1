"""Formulas as MathML, written when the site is built: browsers draw it themselves, and nothing is fetched."""

import re
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

SIZES = re.compile(r"\\(?:middle|[bB]igg?[lrm]?)(?![a-zA-Z])")  # the converter knows neither these
DOTS = re.compile(r"\\dots(?![a-zA-Z])")  # nor these
# An index of what has an accent would be put below it.
ACCENTED = re.compile(r"(\\(?:d?dot|hat|tilde|bar|vec)\s*(?:\{[^{}]*\}|\\[a-zA-Z]+|[a-zA-Z])\}?)(?=\s*[_^])")
APART = r", \  "  # several equations as SymPy writes them, in one pair of brackets
WIDEST = 120  # characters of several equations in a line


def mathml(tex: str, *, block: bool) -> str:
    """Return a LaTeX formula as MathML.

    Raises
    ------
    ExtensionError
        If it is no formula that the converter knows.
    """
    tex = ACCENTED.sub(r"\1{}", DOTS.sub(r"\\ldots", SIZES.sub("", tex.strip())))
    if block:
        tex = in_lines(tex)
    try:
        # as an accent, a dot would lie on its letter where a browser has no font of mathematics
        return str(tex2mathml(tex, as_block=block)).replace('accent="true"', 'accent="false"')
    except (MathError, SyntaxError) as error:
        raise ExtensionError(f"the formula {tex!r} cannot be written as MathML: {error}") from error


def in_lines(tex: str) -> str:
    """Return several equations below each other: those that are written so, and long tuples of them."""
    inner = tex.removeprefix(r"\left( ").removesuffix(r"\right)")
    if len(tex) > WIDEST and len(tex) - len(inner) == len(r"\left( \right)"):
        parts, depth = [""], 0
        for piece in re.split(r"(, \\  |\\left\b|\\right\b)", inner):
            depth += {r"\left": 1, r"\right": -1}.get(piece, 0)
            if piece == APART and not depth:
                parts.append("")
            else:
                parts[-1] += piece
        if not depth and len(parts) > 1:
            tex = r" \\ ".join(parts)
    return rf"\begin{{aligned}}{tex}\end{{aligned}}" if r"\\" in tex and r"\begin{" not in tex else tex


def inline(writer: Any, node: nodes.math) -> None:
    """Write a formula in a line."""
    writer.body.append(mathml(node.astext(), block=False))
    raise nodes.SkipNode


def display(writer: Any, node: nodes.math_block) -> None:
    """Write a formula of its own line; a long one is scrolled."""
    writer.body.append(f'<div class="formula" tabindex="0">{mathml(node.astext(), block=True)}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer under the name that `conf.py` chooses."""
    app.add_html_math_renderer("mathml", (inline, None), (display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
