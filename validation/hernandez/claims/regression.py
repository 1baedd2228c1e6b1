"""Claims on experiments without attention: linear regression by SGD, softmax regression, the one-hot table."""

from functools import lru_cache, partial

import numpy as np
import xarray as xr

from validation.checks import Check, between, near, ordered
from validation.hernandez import model_figures
from validation.hernandez.readings import peak
from validation.hernandez.softmax_regression import worst_ratio
from validation.hernandez.solvable import Array, excess
from validation.hernandez.without_attention import OUTPUTS, bigrams, regressions
from validation.ledger import Context, Finding, claim

of_model = partial(claim, level="model")
LINEAR = "p = 400 at f = .1, else 200; 16 outputs; batches of 50, rate .1; two runs on each of eight drawn sets"
SIZES: Array = 2.0 ** np.arange(15, dtype=np.float64)
CONTEXTS = 128
ALPHAS, SHARES = (0.05, 0.3), (0.1, 0.5)
PEAKS = {0.1: (16, 64, 0.05, 0.07), 0.5: (128, 256, 0.33, 0.47)}  # tokens and nats


@of_model("H1x", "Linear regression by SGD on fresh and repeated samples: the excess is V(y, f) within 3 %, and worst "
          "between", setting=f"{LINEAR}; y = .4, 1, 2.5", figure=model_figures.regression)  # fmt: skip
def by_sgd(context: Context) -> Finding:
    """H1, X6a."""
    found, checks = regressions(), list[Check]()
    for f in found["f"].values:
        row = found.sel(f=f)
        for y in found["y"].values:
            at = row.sel(y=y)
            ratio = at["excess"].values / excess(f, float(at["at"]))
            checks.append(near(f"excess over V, f = {f:g}, y = {y:g}", ratio, 1.0, rel=0.03))
        for y, side in ((0.4, "fewer"), (2.5, "more")):
            fall = (row["excess"].sel(y=1.0) - row["excess"].sel(y=y)).values
            checks.append(ordered(f"excess at y = 1 minus at {side} repeats, f = {f:g}", fall, "worst between"))
    return Finding(checks, found)


@of_model("H7m", "At the worst number of repeats the error on the repeated set is .237 of the test error at f = .1, "
          ".058 at .9", setting=f"{LINEAR}; y = 1")  # fmt: skip
def collapse(context: Context) -> Finding:
    """H7, X6a: 1/(1+(1-f)^-1/2)^2."""
    found, checks = regressions().sel(y=1.0), list[Check]()
    for f in found["f"].values:
        row = found.sel(f=f)
        stated = 1 / (1 + (1 - f) ** -0.5) ** 2
        checks.append(
            near(f"repeated over test error, f = {f:g}", (row["rep"] / (1 + row["excess"])).values, stated, rel=0.03)
        )
    return Finding(checks)


@of_model("H20m", "With many outputs on the same inputs p is the number of inputs, not inputs x outputs",
          setting=f"{LINEAR}; y = 1")  # fmt: skip
def outputs(context: Context) -> Finding:
    """H20, X6a: what the law says for both."""
    found, checks = regressions().sel(y=1.0), list[Check]()
    for f in found["f"].values:
        row = found.sel(f=f)
        at = float(row["at"])
        few, many = (row["excess"].values / excess(f, at * k) for k in (1, OUTPUTS))
        checks += [
            near(f"excess over V with p = inputs, f = {f:g}", few, 1.0, rel=0.03),
            ordered(f"excess over V with p = inputs x outputs, f = {f:g}", many, "far from 1", margin=1.5),
        ]
    return Finding(checks)


@of_model("H15m", "The one-hot bigram table, without any depth, is hurt most at an intermediate number of repeats",
          setting="exact minimum; K = 128, Dirichlet .05, .3, f = .1, .5; 16 draws, 400 for heights", headline=True,
          figure=model_figures.one_hot)  # fmt: skip
def table_peak(context: Context) -> Finding:
    """H15, X6c: the place of the peak is a power of two."""
    checks, rows = list[Check](), []
    for f in SHARES:
        first, last, low, high = PEAKS[f]
        for alpha in ALPHAS:
            each = _bigrams(f, alpha)
            words = f"f = {f:g}, Dirichlet {alpha:g}"
            mean, top = each.mean(0), int(each.mean(0).argmax())
            sides = [each[:, top] - each[:, k] for k in (0, -1)]
            checks += [
                between(f"worst number of tokens, {words}", float(SIZES[top]), first, last, f"{first} to {last}"),
                between(
                    f"damage there, nats, {words}",
                    _heights(f, alpha, top),
                    low - 0.005,
                    high + 0.005,
                    f"{low} to {high}",
                ),
                ordered(f"damage there minus that of {SIZES[-1]:g} tokens, {words}", sides[1], "worst between"),
                ordered(f"damage there minus that of one token, {words}", sides[0], "worst between"),
            ]
            rows.append(mean)
    data = np.array(rows).reshape(len(SHARES), len(ALPHAS), -1)
    axes = {"f": list(SHARES), "alpha": list(ALPHAS), "n": SIZES}
    return Finding(checks, xr.Dataset({"excess": (("f", "alpha", "n"), data)}, axes, {"K": CONTEXTS}))


@lru_cache
def _bigrams(f: float, alpha: float) -> Array:
    return bigrams(f, alpha, SIZES, K=CONTEXTS, draws=16)


@lru_cache
def _heights(f: float, alpha: float, top: int) -> Array:
    """The damage at one size only, over many draws."""
    return bigrams(f, alpha, SIZES[top : top + 1], K=CONTEXTS, draws=400)[:, 0]


@of_model("H20t", "The table's worst repeated set has one to five f K tokens, 30 to 100 times fewer than f times its "
          "entries", setting="as H15m; peak between the powers of two")  # fmt: skip
def table_size(context: Context) -> Finding:
    """H20, X6c: rows decouple, so that neither p = K nor p = K^2 of model A applies."""
    checks = []
    for f in SHARES:
        for alpha in ALPHAS:
            n = peak(SIZES, _bigrams(f, alpha).mean(0))
            words = f"f = {f:g}, Dirichlet {alpha:g}"
            checks += [
                between(f"n*/(f K), {words}", n / (f * CONTEXTS), 1, 5, "1 to 5"),
                between(f"f K^2/n*, {words}", f * CONTEXTS**2 / n, 30, 100, "30 to 100"),
            ]
    return Finding(checks)


MANY, FEW = 9, 2  # classes
SOFTMAX = "24 features, f = .5, exact minimum, 2 and 9 classes, eight draws"


def _ratio() -> Array:
    return worst_ratio(MANY, FEW)


@of_model("H20b", "Softmax regression: the worst n is set by the features alone, whatever the number of classes",
          setting=SOFTMAX, exploratory=True)  # fmt: skip
def features(context: Context) -> Finding:
    """H20, X6b: what holds for linear outputs."""
    found = _ratio()
    return Finding(
        [between("ln of worst n with 9 classes over with 2", found, -np.log(2), np.log(2), "0, within a factor 2")],
        why=f"It is {np.exp(found.mean()):.1f} times as large: neither the features alone (1) nor features times free "
        f"classes ({MANY - 1}) count.",
    )


@of_model("H20s", "Softmax regression: the worst n grows as features x free classes", setting=SOFTMAX, exploratory=True)
def features_and_classes(context: Context) -> Finding:
    """H20, X6b: p as the number of parameters."""
    found, expected = _ratio(), np.log(MANY - 1)
    return Finding(
        [between("ln of worst n with 9 classes over with 2", found, expected - np.log(2), expected + np.log(2),
                 f"ln {MANY - 1}, within a factor 2")],
        why=f"It is {np.exp(found.mean()):.1f} times as large: a sample of classes is worth between one and {MANY - 1} "
        "equations a feature.",
    )  # fmt: skip
