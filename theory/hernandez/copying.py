r"""Copying in the model ``shared_head`` where its memory is not there, in numbers, and where they hold.

A copied token has the logit :math:`z=wp`, :math:`p=1/(1+Le^{-\beta})`, and the loss falls with it by

.. math:: \frac{V-1}{e^z+V-1}\Big[q-(1-f)(1-q)\frac{e^z-1}{10V}\Big] .
"""

import math
from collections.abc import Mapping

import sympy as sp
from scipy.integrate import quad
from scipy.optimize import brentq

from minimodels.model import Model
from minimodels.models import shared_head as statement
from theory.derivation import Init
from theory.numeric import function

V, q, f, z = sp.symbols("V q f z", positive=True)
FAR = 10  # times the length of the context that training prices


def gain(at: sp.Expr) -> sp.Expr:
    """Return what a logit of copying pays, minus the slope of the loss."""
    paid = (1 - f) * (1 - q) * (1 - sp.exp(-at)) / (10 * V)
    return (V - 1) / (1 + (V - 1) * sp.exp(-at)) * (q * sp.exp(-at) - paid)


PAYS = function([z, V, q, f], gain(z))


def kept(model: Model, init: Init, key: float) -> float:
    """Return the value of copying at a key, by what both keep."""
    rate, start = model.rate_values(), init["beta"]
    gone = key - start + (math.exp(key) - math.exp(start)) / model.values["L"]
    return math.sqrt(init["w"] ** 2 + 2 * rate["w"] / rate["beta"] * gone)


def share(key: float, length: float) -> float:
    """Return the share of the attention that a copied token gets."""
    return 1 / (1 + length * math.exp(-key))


def pays(model: Model, logit: float, repeats: float) -> float:
    """Return what a logit of copying pays at a model's parameters."""
    return float(PAYS(logit, model.values["V"], model.values["q"], repeats))


def onset_time(model: Model, init: Init, repeats: float) -> float:
    """Return the time until a copied token has half of the attention, without a memory."""
    L, rate = model.values["L"], model.rate_values()["beta"]

    def spent(key: float) -> float:
        w, p = kept(model, init, key), share(key, L)
        return 1 / (rate * w * p * (1 - p) * pays(model, w * p, repeats))

    return float(quad(spent, init["beta"], math.log(L), epsrel=1e-10, limit=200)[0])


def at_rest(model: Model, init: Init) -> dict[str, float]:
    """Return where the control ends: at the bound of its key, or before it where a logit pays no more.

    There, what little attention the memory's key takes moves key and value on, at one logit.
    """
    v = model.values
    top = math.log1p(10 * v["V"] * v["q"] / ((1 - v["f"]) * (1 - v["q"])))

    def lacks(key: float) -> float:
        return kept(model, init, key) * share(key, v["L"]) - top

    high = init["beta"]
    while high < v["beta_max"] and lacks(high) < 0:
        high = min(high + 1.0, v["beta_max"])
    met = lacks(high) <= 0
    found = {"copy_loss": math.log1p((v["V"] - 1) * math.exp(-top)), "z": top}
    if not met and v["f"] > 0:
        return found
    key = high if met else float(brentq(lacks, init["beta"], high, xtol=1e-12))
    near, far = share(key, v["L"]), share(key, FAR * v["L"])
    found["copy_loss_far"] = math.log1p((v["V"] - 1) * math.exp(-top * far / near))
    return found | {"score": near, "score_far": far, "beta": key, "w": top / near}


def remains(model: Model, init: Init, values: Mapping[str, float]) -> float:
    """Return what the key and the value of the memory at their start add, relative to the drive of copying."""
    return model.values["f"] * math.exp(init["gamma"]) / model.values["L"] * (1 + abs(init["v"]))


def alone(model: Model, init: Init) -> str | None:
    """The key and the value of the memory start as good as none."""
    if math.exp(min(init["gamma"], 700.0)) > 0.1 * model.values["L"]:
        return f"gamma starts at {init['gamma']:g}: the key of the memory takes attention."
    return None if abs(init["v"]) <= 0.5 else f"v starts at {init['v']:g}: the memory has a value."


def started(model: Model, init: Init) -> str | None:
    """Copying has a value that grows, also without repeats."""
    if init["w"] <= 0:
        return "w does not start above 0, and nothing makes the key grow."
    at = init["w"] * share(init["beta"], model.values["L"])
    paid = pays(model, at, model.values["f"])
    return None if paid > 0 else f"the logit of copying is {at:.3g} at the start, and pays no more."


def forms(model: Model, init: Init) -> str | None:
    """Copying gets half of the attention, also without repeats, which pay for the same."""
    half = math.log(model.values["L"])
    if init["beta"] >= half:
        return f"beta starts at {init['beta']:g}, where a copied token has half of the attention."
    if model.values["beta_max"] < half:
        return f"beta_max is below ln L = {half:.3g}: no copied token gets half of the attention."
    at = kept(model, init, half) / 2
    return None if pays(model, at, 0.0) > 0 else f"the logit of copying stops growing below {at:.3g}, too early."


def ends(model: Model, init: Init) -> str | None:
    """Something stops the logit of copying."""
    free = (1 - model.values["f"]) * (1 - model.values["q"])
    return None if free > 0 else "f or q is 1: no token that is not copied is met, and the logit grows on."


def mixed(model: Model, init: Init) -> str | None:
    """There are fresh contexts."""
    return None if model.values["f"] < 1 else "f is 1: there are no fresh contexts, and copying need not form."


def reached(model: Model, init: Init) -> str | None:
    """The bound of the key lets copying form, and crosstalk, which is bounded too, can prevent it."""
    room = model.values["beta_max"] - math.log(model.values["L"])
    if room <= 0:
        return "beta_max is below ln L: no copied token gets half of the attention, whatever is stored."
    most = statement.LARGEST / 2
    return None if room < most else f"beta_max is more than {most:g} above ln L, which no crosstalk takes away."
