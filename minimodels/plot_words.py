"""The words of a figure: symbols, axis labels and titles, taken from a result, and broken into lines that fit."""

import json
import math
import re
import textwrap
from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any

from minimodels.engine.stepper.status import Status

if TYPE_CHECKING:
    import xarray as xr

GREEK = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu"),
    *("xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
    *("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega"),
)
TEX = {name: f"\\{name}" for name in GREEK} | {"eps": r"\epsilon"}
LONGEST = 72  # characters of a meaning that a figure shows
TOGETHER = "\N{NO-BREAK SPACE}"


def symbol(name: str) -> str:
    r"""Return a name as mathematics where it is a letter, with subscripts or not: ``beta_1`` is ``$\beta_1$``."""
    letter, *rest = re.split(r"(?=[\d_])", name, maxsplit=1)
    subscript = "".join(rest)
    parts = re.findall(r"[^_]+", subscript)
    plain = letter not in TEX and len(letter) != 1
    if plain or (letter not in TEX and not parts) or len(subscript) > 12 or name.endswith("_"):
        return name
    shown = ",".join(TEX.get(p, p if p.isdigit() or len(p) == 1 else rf"\mathrm{{{p}}}") for p in parts)
    return f"${TEX.get(letter, letter)}{f'_{shown}' if len(shown) == 1 else f'_{{{shown}}}' if shown else ''}$"


def words(name: Hashable) -> str:
    """Return a name as it stands in a sentence: mathematics, or words without underscores."""
    shown = symbol(str(name))
    return shown if "$" in shown else shown.replace("_", " ")


def axis_words(ds: "xr.Dataset", name: str) -> str:
    """Return the symbol of a sweep's axis, which may be an initial value or a rate."""
    for state in stated(ds, "rates"):
        if name in (f"{state}_0", f"rate_{state}"):
            return f"{'rate of' if name.startswith('rate') else 'initial'} {symbol(state)}"
    return words(name)


def meaning(ds: "xr.Dataset", name: str) -> str:
    """Return what the statement says that a variable means."""
    return textwrap.shorten(str(ds[name].attrs.get("long_name", "")), LONGEST, placeholder="…")


def label(ds: "xr.Dataset", name: str) -> str:
    """Return the words of an axis: meaning, symbol, units."""
    about, shown = meaning(ds, name), axis_words(ds, name)
    text = f"{about}, {shown}" if about and about != shown else shown
    return text + (f" ({ds[name].attrs['units']})" if ds[name].attrs.get("units") else "")


def stated(ds: "xr.Dataset", attribute: str) -> Any:
    """Return what an attribute of a result says, empty where it is not there."""
    return json.loads(ds.attrs.get(attribute, "{}"))


def title(ds: "xr.Dataset") -> str:
    """Return the name of the model and what was set."""
    name = str(ds.attrs.get("model", ds.attrs.get("title", "")))
    pieces = (p.replace(" ", TOGETHER) if len(p) <= LONGEST // 2 else p for p in _settings(ds))
    return ": ".join(part for part in (name, ", ".join(pieces)) if part)


def _settings(ds: "xr.Dataset") -> Iterator[str]:
    options, parameters, rates, lr = (
        stated(ds, "options"),
        stated(ds, "parameters"),
        stated(ds, "rates"),
        ds.attrs.get("lr", 1),
    )
    values = options | parameters | {f"{k}_0": v for k, v in stated(ds, "init").items()}
    for name in dict.fromkeys([*options, *stated(ds, "given")]):
        if name in values and name not in ds.coords:
            yield f"{axis_words(ds, name)}={_number(values[name])}"
    for name in map(str, ds.coords):
        if ds[name].ndim == 0:
            yield f"{axis_words(ds, name)}={_number(ds[name].item())}"
    if lr != 1:
        yield f"lr={lr:g}"
    for state, rate in rates.items():
        if f"rate_{state}" not in ds.coords and rate != "1":
            yield f"rate of {symbol(state)}={_number(rate)}"
    for state, windows in stated(ds, "clamp").items():
        yield from (f"{symbol(state)} held at {_number(value)}{_when(*when)}" for value, *when in windows)
    for name, windows in stated(ds, "schedule").items():
        yield from (f"{symbol(name)}={value:g}{_when(*when)}" for value, *when in windows)
    if "status" in ds and ds["status"].ndim == 0 and Status(int(ds["status"])).failed:
        yield f"ended by {Status(int(ds['status'])).name}"


def _number(value: Any) -> str:
    try:
        return f"{float(value):g}"
    except ValueError:  # an expression, an option
        return str(value)


def _when(start: float, end: float) -> str:
    if math.isfinite(end):
        return f" from {start:g} to {end:g}"
    return f" from {start:g} on" if start else ""


def fitted(text: str, width: float, size: float, lines: int = 4) -> str:
    """Return a text in lines of ``width`` points, in a font of ``size`` points; what is more is cut off."""
    made = [""]
    for word in (part for whole in text.split(" ") for part in _parts(whole, width, size)):
        longer = f"{made[-1]} {word}".strip()
        if _width(longer, size) <= width:
            made[-1] = longer
        else:
            made.append(word)
    if len(made) > lines:
        last = made[lines - 1]
        made = [*made[: lines - 1], f"{last if _width(last + ' …', size) <= width else last.rpartition(' ')[0]} …"]
    return "\n".join(made).strip().replace(TOGETHER, " ")


def _parts(word: str, width: float, size: float) -> list[str]:
    """Return a word, in parts if it is too wide for a line."""
    wide = _width(word, size)
    if wide <= width:
        return [word]
    if TOGETHER in word:
        return [part for piece in word.split(TOGETHER) for part in _parts(piece, width, size)]
    return [word] if "$" in word else textwrap.wrap(word, max(1, int(0.9 * len(word) * width / wide)))


def _width(text: str, size: float) -> float:
    from matplotlib.cbook import is_math_text
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    width: float = text_to_path.get_text_width_height_descent(text, FontProperties(size=size), is_math_text(text))[0]
    return width
