"""Claims on how a product of vectors is learned: exponential, logistic, hyperbolic; its escape from small starts."""

from collections.abc import Mapping
from functools import partial

import numpy as np
import xarray as xr

import minimodels as mm
import theory
from minimodels.model import Model
from minimodels.published import CLAMPS, HALVED, SMALL, THREE, bound, published_vectors
from validation.checks import Check, between, near, ordered, share
from validation.ledger import Context, Finding, claim
from validation.singh import toy_figures
from validation.singh.toys import Columns, Floats, N, descended, flown, halved, three

of_model, of_theory = partial(claim, level="model"), partial(claim, level="theory")
DRAWS = 600
SCALES = (0.1, 0.03, 0.01)
LONGEST = 10**8  # iterations
WORDS = ("nothing clamped", "c clamped", "b and c clamped")


def predicted(model: Model, columns: Columns, result: str, row: int = 0) -> Mapping[str, float]:
    """What theory says of one row of columns."""
    m, init = bound(model, columns, row)
    return theory.predict(m, init=init)[result].values


@of_model("S3", "With two of three clamped the loss falls exponentially, by (1 - T_b T_c/N)^2 a step",
          setting="the published seeds; 20 draws, 100 iterations")  # fmt: skip
def exponential(context: Context) -> Finding:
    """S3."""
    m, clamped = three(form="components"), CLAMPS[2]
    away = []
    for columns in (published_vectors(m, clamped=clamped), mm.draw_vectors(m, 20, clamp={"2": 20, "3": 20})):
        loss = descended(m, columns, 100, save=np.arange(101), keep="loss")["loss"].values
        ratio = (1 - columns["T_2"] * columns["T_3"] / N) ** 2
        away.append(abs(loss[:, 1:] / loss[:, :-1] / ratio[:, None] - 1).max())
    made = predicted(three(), published_vectors(three(), [1], clamped=clamped), "exponential")
    late = halved(published_vectors(three(), clamped=clamped), 1000) - [row[2] for row in HALVED.values()]
    return Finding(
        [
            between("largest relative distance of a ratio of losses from it", max(away), 0.0, 1e-9, 0.0),
            near("ratio, seed 1", made["ratio"], 0.956769550, rel=1e-8),
            between("half times minus the published", abs(late).max(), 0.0, 0.0, 0.0),
        ]
    )


def _balanced(columns: Columns, part: float) -> dict[str, Floats]:
    """Starts along their truths, of equal lengths, whose product is a part of that of the truths."""
    names = [x for x in "123" if f"C_{x}" not in columns]
    length = (part * np.prod([columns[f"T_{x}"] for x in names], axis=0) ** 0.5) ** (1 / len(names))
    along = {f"{letter}_{x}_0": length * (letter == "sigma") for x in names for letter in ("sigma", "r")}
    return {**columns, **along}


@of_model("S4", "With one clamped, the others aligned and of one length, learning is logistic at the rate 2 Q X/N",
          setting="six draws of truths, from a hundredth of the product")  # fmt: skip
def logistic(context: Context) -> Finding:
    """S4."""
    m = three(form="components")
    columns = _balanced(mm.draw_vectors(m, 6, clamp={"3": 20}), 0.01)
    run = flown(m, columns, 400.0, save=np.linspace(0, 400, 401), keep=["sigma_1", "sigma_2"])
    grown, top = (run["sigma_1"] * run["sigma_2"]).values, np.sqrt(columns["T_1"] * columns["T_2"])[:, None]
    rate = 2 * np.sqrt(columns["T_3"]) * np.sqrt(columns["T_1"] * columns["T_2"] * columns["T_3"]) / N
    curve = top / (1 + 99 * np.exp(-rate[:, None] * run["time"].values))
    made = [predicted(m, columns, "logistic", row)["rate"] for row in range(6)]
    middle = (grown > 0.02 * top) & (grown < 0.98 * top)
    slopes = [np.polyfit(run["time"].values[on], np.log(y[on] / (x - y[on])), 1)[0]
              for y, x, on in zip(grown, top, middle, strict=True)]  # fmt: skip
    return Finding(
        [
            between("largest relative distance of the product of lengths from the logistic curve",
                    abs(grown / curve - 1).max(), 0.0, 1e-6, 0.0),
            near("slope of ln y/(y_1 - y) over 2 Q X/N", slopes / rate, 1.0, rel=1e-6),
            near("predicted rate over 2 Q X/N", made / rate, 1.0, rel=1e-12),
        ]
    )  # fmt: skip


TAU_HALF = {0.1: 8.741607, 0.01: 98.746559}


@of_model("S5", "With none clamped, aligned and of one length, there is a plateau and a hyperbolic drop, as the closed "
          "form says", setting="from w = .1 and .01; truths of squared norm 20")  # fmt: skip
def hyperbolic(context: Context) -> Finding:
    """S5; against the logistic drop with one clamped, from the same lengths, it is later and sharper."""
    m = mm.model("aligned_product", k=3)
    run = mm.sweep(m, {"u_0": list(TAU_HALF)}, t_end=200.0, keep="escape_time", rtol=1e-11, atol=1e-13, progress=False)
    checks: list[Check] = []
    for (start, tau), time in zip(TAU_HALF.items(), run["escape_time"].values, strict=True):
        made = theory.predict(m, init={"u": start})["escape_time"].values["tau_half"]
        checks += [near(f"half time of the flow, w = {start:g}", float(time), tau, rel=1e-6),
                   near(f"half time by the closed form, w = {start:g}", made, tau, rel=1e-6)]  # fmt: skip
    times = np.linspace(0.0, 15.0, 151)
    curve = theory.predict(m)["shape"].curve(times)["u"].values
    course = mm.sweep(m, {"u_0": [0.1]}, t_end=15.0, save=times, keep="u", rtol=1e-11, atol=1e-13, progress=False)
    away = abs(course["u"].values[0] / curve - 1).max()
    late, width = np.array([_drop(clamped) for clamped in CLAMPS[:2]]).T
    return Finding(
        [
            *checks,
            between("largest relative distance of the flow from the closed form", away, 0.0, 1e-6, 0.0),
            ordered("half time, none clamped minus c clamped", late[0] - late[1], "later"),
            ordered("width of the drop over half time, c clamped minus none", width[1] / late[1] - width[0] / late[0],
                    "sharper"),
        ]
    )  # fmt: skip


def _drop(clamped: tuple[str, ...]) -> tuple[float, float]:
    """Half time of equal aligned vectors of a tenth of the length of their truths, and the time from .9 to .1."""
    m = three(form="components")
    columns = {f"T_{x}": np.array([20.0]) for x in "123"} | {f"C_{x}": np.array([20.0]) for x in clamped}
    for x in "123":
        length = 0.0 if x in clamped else 0.1 * 20**0.5
        columns |= {f"sigma_{x}_0": np.array([length]), f"r_{x}_0": np.array([0.0])}
    levels = {f"below_{part}": mm.Event("loss", part / 10 * 0.5, -1) for part in (9, 5, 1)}  # predicting zero loses .5
    run = flown(m, columns, 2000.0, keep=list(levels), events=levels)
    high, half, low = (float(run[name].values[0]) for name in levels)
    return half, low - high


CONSTANTS = {2: -0.4406868, 3: -1.2533912, 4: -0.6209567, 5: -0.3592869}


@of_theory("S6", "k vectors escape after H(w_0) plus a constant: ln(1/w_0) for two, w_0^(2-k)/(k-2) for more",
           setting="k = 2, 3, 4, 5; flows from w = .05", headline=True)  # fmt: skip
def depth(context: Context) -> Finding:
    """S6; the constant of k = 2 is that of its closed form, ln(sqrt(2) - 1)/2."""
    checks = []
    for k, constant in CONSTANTS.items():
        m = mm.model("aligned_product", k=k)
        made = theory.predict(m, init={"u": 0.05})
        run = mm.sweep(m, {"u_0": [0.05]}, t_end=1e5, keep="escape_time", rtol=1e-11, atol=1e-13, progress=False)
        time = float(run["escape_time"].values[0])
        checks += [
            near(f"constant, k = {k}", made["small_start"].values["constant"], constant, rel=2e-7),
            near(
                f"half time of the flow over the closed form, k = {k}", time / made["escape_time"].value, 1.0, rel=1e-7
            ),
        ]
    return Finding(checks)


def foretold(columns: Columns, clamped: tuple[str, ...]) -> Floats:
    """Half times by the formulas for small starts."""
    m = three()
    T, n, s = (np.array([columns[name.format(x)] for x in "123"]).T for name in ("T_{}", "n_{}_0", "s_{}_0"))
    if len(clamped) == 2:
        return np.array([predicted(m, columns, "exponential", row)["steps_small_start"] for row in range(len(T))])
    held = [int(x) - 1 for x in clamped]
    return np.array([theory.tensor_escape_time(*each, 20, clamped=held) for each in zip(T, n, s, strict=True)])


@of_theory("S7", "From a start of small scale epsilon the half time goes as 1/epsilon, as ln(1/epsilon) with c "
           "clamped, and not at all with b and c clamped", setting="the published seeds and scales",
           figure=toy_figures.toy_escape)  # fmt: skip
def scales(context: Context) -> Finding:
    """S7: the table of half times and predictions."""
    checks = []
    for j, clamped in enumerate(CLAMPS):
        columns = published_vectors(three(), [seed for seed, _ in SMALL], scale=[e for _, e in SMALL], clamped=clamped)
        late = halved(columns, 10**5) - [times[j] for times, _ in SMALL.values()]
        made = foretold(columns, clamped)
        away = abs(made - [times[j] for _, times in SMALL.values()]).max()
        checks += [
            between(f"half times minus the tabulated, {WORDS[j]}", abs(late).max(), 0.0, 0.0, 0.0),
            between(f"predictions minus the tabulated, {WORDS[j]}", away, 0.0, 0.051, 0.0),
        ]
        if not clamped:
            apart = abs(halved(columns, 10**5) / made - 1).max()
            checks.append(between("largest relative distance of half time and prediction, nothing clamped", apart,
                                  0.0, 0.01, "at most 1 %"))  # fmt: skip
    return Finding(checks, _over_scales())


def _over_scales(seed: int = 1) -> xr.Dataset:
    """Half times of a published seed over the scale of its start, and predictions."""
    scales, made = np.geomspace(0.01, 1, 17), np.geomspace(0.01, 0.3, 30)
    rows = []
    for clamped in CLAMPS:
        each = (published_vectors(three(), [seed] * len(at), scale=at, clamped=clamped) for at in (scales, made))
        rows.append((halved(next(each), 10**5), foretold(next(each), clamped)))
    found, lines = (np.array(part) for part in zip(*rows, strict=True))
    return xr.Dataset(
        {"descent": (("unlearnt", "scale"), found), "predicted": (("unlearnt", "at"), lines)},
        {"unlearnt": [3 - len(clamped) for clamped in CLAMPS], "scale": scales, "at": made},
    )


def _drawn(scale: float, clamped: tuple[str, ...]) -> dict[str, Floats]:
    return mm.draw_vectors(three(), DRAWS, scale=scale, clamp=dict.fromkeys(clamped, 20))


@of_model("S7b", "So do random starts: 1/epsilon, ln(1/epsilon), constant",
          setting=f"{DRAWS} draws, scales .1, .03, .01")  # fmt: skip
def laws(context: Context) -> Finding:
    """S7 over draws: powers, and waits in units of those that are predicted."""
    none, one, two = ([halved(_drawn(scale, clamped), LONGEST) for scale in SCALES] for clamped in CLAMPS)
    columns = _drawn(1.0, CLAMPS[1])
    rate = np.sqrt(columns["T_1"] * columns["T_2"] * columns["T_3"] * columns["T_3"]) / N
    wait = np.log(SCALES[0] / SCALES[2]) / rate
    return Finding(
        [
            near("power of epsilon from .03 to .01, nothing clamped",
                 np.log(none[1] / none[2]) / np.log(SCALES[1] / SCALES[2]), -1.0, rel=0.01),
            near("wait from .1 to .01 over ln(10)/lambda, c clamped", (one[2] - one[0]) / wait, 1.0, rel=0.05),
            between("half time at .01 minus at .1, b and c clamped", two[2] - two[0], -1.0, 1.0, "0, up to a step"),
        ]
    )  # fmt: skip


@of_theory("S7c", "The prediction holds within 1 % at scales up to .1 for random starts too",
           setting=f"{DRAWS} draws, nothing clamped")  # fmt: skip
def forecast(context: Context) -> Finding:
    """S7 over draws: predictions."""
    away = {}
    for scale in SCALES:
        columns = _drawn(scale, ())
        away[scale] = abs(halved(columns, LONGEST) / foretold(columns, ()) - 1)
    largest = [f"{100 * each.max():.2g} % at {scale:g}" for scale, each in away.items()]
    return Finding(
        [share(f"share of draws within 1 %, scale {e:g}", each <= 0.01, 0.95, 1.0, "all") for e, each in away.items()],
        why=f"The largest relative distance is {', '.join(largest)}. Left out of the prediction is what is orthogonal "
        f"to the truths; with starts of scale {SCALES[0]:g} along them it is {100 * _along(SCALES[0]):.2g} %.",
    )


def _along(scale: float) -> float:
    """Largest relative distance of half time and prediction for the parts of the draws along their truths."""
    m, columns = three(form="components"), mm.draw_vectors(three(form="components"), DRAWS, scale=scale)
    along = columns | {f"r_{x}_0": 0 * columns[f"r_{x}_0"] for x in "123"}
    late = descended(m, along, LONGEST, keep="escape_time", stop_at="escape_time")["escape_time"].values
    return float(abs(late / foretold(_drawn(scale, ()), ()) - 1).max())


@of_theory("S8", "If the product of overlaps is negative, one vector first passes through zero: 2K - f, not f",
           setting=f"the published seeds 2, 3, 4 at scale .03; {DRAWS} draws of both signs")  # fmt: skip
def negative(context: Context) -> Finding:
    """S8."""
    rows = [key for key in SMALL if np.prod(THREE[key[0]].s) < 0]
    columns = published_vectors(three(), [seed for seed, _ in rows], scale=[e for _, e in rows])
    late, made = halved(columns, 10**5), foretold(columns, ())
    plus = foretold(_turned(columns), ())
    drawn = _drawn(0.03, ())
    sign = np.sign(np.prod([drawn[f"s_{x}_0"] for x in "123"], axis=0))
    pair = halved(drawn, LONGEST), halved(_turned(drawn), LONGEST)
    with_minus, with_plus = np.where(sign < 0, *pair), np.where(sign > 0, *pair)
    formulas = foretold(drawn, ()), foretold(_turned(drawn), ())
    twice = np.where(sign < 0, *formulas) / np.where(sign > 0, *formulas)
    return Finding(
        [
            between("largest relative distance of half time and prediction", abs(late / made - 1).max(), 0.0, 0.01,
                    "at most 1 %"),
            ordered("smallest half time over the prediction without the sign, minus 1", float((late / plus).min() - 1),
                    "later"),
            ordered("shortest delay by the sign, draws", float((with_minus - with_plus).min()), "later in every draw"),
            near("delay over the predicted one, draws", with_minus / with_plus / twice, 1.0, rel=0.01),
        ]
    )  # fmt: skip


def _turned(columns: Columns) -> dict[str, Floats]:
    """Return columns with the sign of the first truth changed."""
    return {**columns, "s_1_0": -columns["s_1_0"]}
