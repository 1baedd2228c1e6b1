"""Claims on what shared vectors do for two mechanisms, and on the rates at which they gain and lose."""

import math
from functools import partial

import numpy as np

import minimodels as mm
import theory
from minimodels.published import HALF_TIMES, HALF_TIMES_2, STEPS, STOPPED, bound, published_vectors
from validation.checks import between, near, ordered, share
from validation.ledger import Context, Finding, claim
from validation.singh.toys import Columns, Floats, descended, flown, four

of_model = partial(claim, level="model")
SCALE, DRAWS = 0.003, 40  # of the starts on the map of cooperation
SIZES = {"a": 20**3, "d": 160 * 20**2}  # entries of the tensors
MU_1, COST = 0.1, 0.1  # the reference


@of_model("S18", "The shared vectors are the bottleneck: with b and c at their truths mechanism 1 is learned at once",
          setting="the published seeds 0, 4, 7")  # fmt: skip
def bottleneck(context: Context) -> Finding:
    """S18."""
    run = {name: half_times(clamped) for name, clamped in (("none", ()), ("clamped", ("b", "c")))}
    late = [abs(run[name][k] - table[name]).max() for name in run for k, table in enumerate((HALF_TIMES, HALF_TIMES_2))]
    return Finding(
        [
            between("half times of both mechanisms minus the tabulated", max(late), 0.0, 0.0, 0.0),
            between("least t_1 over that with b and c clamped", (run["none"][0] / run["clamped"][0]).min(), 50, np.inf,
                    "thousands of iterations against 34 to 67"),
        ]
    )  # fmt: skip


def half_times(clamped: tuple[str, ...] = (), **parameters: float) -> Floats:
    """Half times t_1, t_2 of the published seeds 0, 4, 7."""
    m = four().with_values(**parameters)
    run = descended(m, published_vectors(m, [0, 4, 7], clamped=clamped), STEPS, keep=["t_1", "t_2"])
    return np.array([run["t_1"].values, run["t_2"].values])


@of_model("S19", "Mechanism 2 helps mechanism 1 through the shared vectors in seeds 0 and 7",
          setting="the published seeds 0, 4, 7; a gradient on b and c taken away")  # fmt: skip
def helps(context: Context) -> Finding:
    """S19: half times of mechanism 1 without one of the gradients."""
    run = {name: half_times((), **{name: 0.0} if name != "none" else {})[0] for name in ("none", "share_1", "share_2")}
    late = max(abs(times - HALF_TIMES[name]).max() for name, times in run.items())
    gain = run["share_2"] - run["none"]
    return Finding(
        [
            between("half times minus the tabulated", late, 0.0, 0.0, 0.0),
            ordered("t_1 without the gradient of mechanism 2 minus t_1, seed 0", float(gain[0]), "it helps"),
            ordered("t_1 without the gradient of mechanism 2 minus t_1, seed 7", float(gain[2]), "it helps"),
        ]
    )


@of_model("S19b", "The sign is not guaranteed: in seed 4 it delays", setting="the published seed 4")
def hurts(context: Context) -> Finding:
    """S19, its exception."""
    none, alone = (half_times((), **given)[0][1] for given in ({}, {"share_2": 0.0}))
    return Finding([ordered("t_1 minus t_1 without the gradient of mechanism 2, seed 4", none - alone, "a delay")])


@of_model("S19c", "From small starts a map of overlaps tells where sharing helps and where it delays",
          setting=f"{DRAWS} draws at scale {SCALE:g}, flows with and without the gradient of mechanism 2 on b and c, "
          "without competition")  # fmt: skip
def map_of_signs(context: Context) -> Finding:
    """S19 over draws, against `theory.cooperation_map`; those that escape both ways."""
    m = four(form="components").with_values(cost=0)
    columns = mm.draw_vectors(m, DRAWS, scale=SCALE)
    both, alone = (
        flown(m.with_values(share_2=weight), columns, 1e9, keep="t_1", stop_at="t_1", rtol=1e-8, atol=1e-12)["t_1"]
        for weight in (1.0, 0.0)
    )
    expected = np.array([_speed_up({name: float(v[row]) for name, v in columns.items()}) for row in range(DRAWS)])
    found = (alone / both).values
    known = np.isfinite(found) & np.isfinite(expected)
    found, expected = np.log(found[known]), np.log(expected[known])
    return Finding(
        [
            share("share of draws whose sign is the predicted one", (found > 0) == (expected > 0), 0.8, 1.0, "all"),
            near("slope of the log of the speed-up over the predicted one", _slope(expected, found), 1.0, rel=0.05),
            ordered("largest log of a speed-up", float(found.max()), "it helps some"),
            ordered("minus the least", -float(found.min()), "it delays some"),
        ]
    )


def _speed_up(row: dict[str, float]) -> float:
    """What the map says of a start: drives of the two mechanisms while nothing is learned."""
    T = {x: row[f"T_{x}"] * row["T_b"] * row["T_c"] for x in "ad"}
    one, two = (math.sqrt(T[x]) / SIZES[x] for x in "ad")
    ratio = (T["a"] / (2 * SIZES["a"]) + MU_1) * two / (T["d"] / (2 * SIZES["d"]) * one)
    sigma = [row[f"sigma_{x}_0"] for x in "abc"]
    return float(theory.cooperation_map([row["sigma_d_0"]], [ratio], sigma=sigma)["speed_up"].item())


def _slope(x: Floats, y: Floats) -> float:
    return float((x * y).sum() / (x * x).sum())


@of_model(
    "S20",
    "With perfect shared vectors mechanism 1 is 8 times as fast as mechanism 2, times the ratio of their "
    "weights (L_2 + mu_2)/(L_1 + mu_1)",
    setting="six draws, b and c at their truths, no competition, one step",
)
def rates(context: Context) -> Finding:
    """S20: the rates at which a and d come nearer to their truths along them."""
    m = four(form="components").with_values(cost=0)
    columns = mm.draw_vectors(m, 6, clamp={"b": 20, "c": 20})
    run = descended(m, columns, 1, save=[0, 1], keep=["sigma_a", "sigma_d", "loss_1", "loss_2"])
    left = {x: np.sqrt(columns[f"T_{x}"])[:, None] - run[f"sigma_{x}"].values for x in "ad"}
    one, two = (1 - gap[:, 1] / gap[:, 0] for gap in left.values())
    weights = (run["loss_2"] / (run["loss_1"] + MU_1)).values[:, 0]
    made = []
    for row in range(6):
        at, init = bound(m, columns, row)
        made.append(theory.predict(at, init=init)["rates"].values["ratio"])
    return Finding(
        [
            near("ratio of rates over that of the weights", one / two / weights, 8.0, rel=1e-6),
            near("predicted ratio over that of the weights", made / weights, 8.0, rel=1e-9),
        ]
    )


@of_model("S22", "Once mechanism 2 is learned n_a shrinks by (1 - alpha n_d/N_c)^2 a step",
          setting="the published seed 7 at iteration 9000; all that stop, at their stop")  # fmt: skip
def decay(context: Context) -> Finding:
    """S22."""
    seven = _shrinking(published_vectors(four(), [7]), 9000)
    away = []
    for seed, stop in STOPPED.items():
        if stop == stop:
            at = _shrinking(published_vectors(four(), [seed]), int(stop))
            away.append(abs(at["shrunk"] / at["predicted"] - 1))
    return Finding(
        [
            between("n_d, seed 7", seven["n_d"], 39.58195, 39.58205, 39.5820),
            between("n_a after a step over n_a, seed 7", seven["shrunk"], 0.9975275, 0.9975285, 0.997528),
            near("it over the predicted ratio", seven["shrunk"] / seven["predicted"], 1.0, rel=1e-6),
            between(
                "largest relative distance from the predicted ratio, seeds at their stop", max(away), 0.0, 1e-6, 0.0
            ),
        ]
    )


def _shrinking(columns: Columns, iteration: int) -> dict[str, float]:
    """What is left of n_a after a step, measured and predicted, and n_d."""
    m = four()
    run = descended(m, columns, iteration + 1, save=[iteration, iteration + 1], keep=list(m.state)).isel(point=0)
    at, _ = bound(m, columns)
    made = theory.predict(at, init={name: float(run[name][0]) for name in m.state})["decay"].values["ratio"]
    return {"n_d": float(run["n_d"][0]), "shrunk": float(run["n_a"][1] / run["n_a"][0]), "predicted": made}
