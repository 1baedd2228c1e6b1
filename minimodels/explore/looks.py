"""Colours, style sheets and small pieces of HTML of the explorer's page."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")  # Okabe and Ito
MISSING = {  # why a diagram has no number
    "outside the domain": "#ffffff",
    "none by the end": "#d9d9d9",
    "failed": "#D55E00",
    "no value": "#CC79A7",
}
KINDS = {"stable": "#009E73", "saddle": "#E69F00", "unstable": "#D55E00", "degenerate": "#888888"}
GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eps": "ε", "zeta": "ζ", "eta": "η",
    "theta": "θ", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ",
    "tau": "τ", "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Delta": "Δ", "Gamma": "Γ", "Lambda": "Λ",
    "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
}  # fmt: skip
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")

TABLE = """
:host { font: 13px/1.4 system-ui, sans-serif; color: #222; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: 3px 8px 3px 0; border-top: 1px solid #e6e6e6; }
th { font-weight: 600; border-top: 0; color: #555; }
td.number { font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
td { overflow-wrap: break-word; }
tr.no td { color: #8a8a8a; }
small { color: #666; display: block; font-size: 12px; }
tr.no small { color: #8a8a8a; }
p { margin: 4px 0; color: #555; }
:host(.stale) { opacity: .45; }
"""
LEGEND = """
:host { font: 13px/1.5 system-ui, sans-serif; color: #222; }
ul { list-style: none; display: flex; flex-wrap: wrap; gap: 0 14px; margin: 0; padding: 0; }
i { display: inline-block; width: 18px; height: 0; border-top: 3px solid; vertical-align: middle; margin-right: 5px; }
i.box { height: 11px; width: 14px; border: 1px solid #999; }
i.dot { height: 9px; width: 9px; border: 0; border-radius: 50%; }
b { font-weight: 600; }
"""
SAID = """
:host { font: 14px/1.4 system-ui, sans-serif; }
p { margin: 0; padding: 7px 10px; background: #fff3e6; border-left: 4px solid #D55E00; color: #222; }
"""


def page() -> str:
    """Return the page that the panels are put into."""
    return Path(__file__).with_name("page.html").read_text(encoding="utf-8")


def symbol(name: str) -> str:
    """Return a name as it is written by hand, where plain text can: ``beta_1`` is β₁."""
    letter, _, rest = name.partition("_")
    if letter not in GREEK and len(letter) != 1:
        return name.replace("_", " ")
    return GREEK.get(letter, letter) + (rest.translate(SUBSCRIPTS) if rest.isdigit() else f"_{rest}" if rest else "")


def palette(count: int) -> list[str]:
    """Return a colour for each of so many lines: told apart if they are few, in order if they are many."""
    if count <= len(COLOURS):
        return list(COLOURS[:count])
    from bokeh.palettes import Viridis256

    return [Viridis256[round(k * 225 / (count - 1))] for k in range(count)]


def legend(names: Sequence[str], colours: Sequence[str], meanings: Mapping[str, str]) -> str:
    """Return the legend of some lines; of many the first and the last."""
    few = range(len(names)) if len(names) <= len(COLOURS) else (0, len(names) // 2, len(names) - 1)
    rows = [
        f'<li title="{escape(meanings.get(names[k], ""))}"><i style="border-color:{colours[k]}"></i>'
        f"{escape(symbol(names[k]))}</li>"
        for k in few
    ]
    if len(names) > len(COLOURS):
        rows.append(f"<li>{len(names)} in all</li>")
    return f"<ul>{''.join(rows)}</ul>"


def marks(entries: Iterable[tuple[str, str, str]]) -> str:
    """Return a legend of marks: (class of the mark, colour, text)."""
    rows = []
    for kind, colour, text in entries:
        paint = f"background:{colour}" if kind else f"border-color:{colour}"
        rows.append(f'<li><i class="{kind}" style="{paint}"></i>{escape(text)}</li>')
    return f"<ul>{''.join(rows)}</ul>"


def said(sentence: str) -> str:
    """Return a sentence that must be seen."""
    return f'<p role="alert">{escape(sentence)}</p>' if sentence else ""


def numbers(values: Mapping[str, Any], digits: int = 5) -> str:
    """Return numbers by name on one line."""
    return ", ".join(f"{escape(symbol(k))} = {float(v):.{digits}g}" for k, v in values.items())
