"""Claims on the shared head (B): copying is hurt by stored keys; onset, copies, variance and margin."""

from functools import partial

import numpy as np
import xarray as xr

import theory
from validation.checks import between, near, ordered
from validation.hernandez import model_figures
from validation.hernandez.solvable import ITEMS, Array, copies, heads, onset_delay
from validation.ledger import Context, Finding, claim

of_model = partial(claim, level="model")
SETTING = "d = 200, beta_max = 5.5, Euler dt = .25 to time 600, 25 numbers of stored items; copying in a 10 times "
SETTING += "longer context"
FREE = {"d": 1e12, "beta_max": 1e3}  # keys that do not overlap, any key strength
COPIES = np.arange(1, 12.0)


def damages(f: float) -> dict[str, float]:
    """Worst damage on test and copy loss over stored items, where, relative, and the score there."""
    control, grid = heads(f)
    test, copy = (grid[name].values - float(control[name]) for name in ("test_loss", "copy_loss_far"))
    at, far = int(test.argmax()), int(copy.argmax())
    return {
        "test": test[at], "copy": copy[far], "M_test": ITEMS[at], "M_copy": ITEMS[far],
        "relative_test": test[at] / float(control["test_loss"]),
        "relative_copy": copy[far] / float(control["copy_loss_far"]),
        "score": float(grid["score_far"][far]), "control_score": float(control["score_far"]),
    }  # fmt: skip


@of_model("H11m", "At f = .03 stored keys cost copying far more than the loss: +29 % against +.5 %, which one capacity "
          "cannot", setting=SETTING, figure=model_figures.over_items)  # fmt: skip
def copying(context: Context) -> Finding:
    """H11; what capacity allows is the proposition of the market."""
    made = damages(0.03)
    ratio = np.log1p(made["relative_copy"]) / np.log1p(made["relative_test"])
    return Finding(
        [
            between("damage on test loss, nats", made["test"], 0.0135, 0.0145, 0.014),
            near("damage on copying, nats", made["copy"], 0.58, rel=0.01),
            near("copy loss over the control's", 1 + made["relative_copy"], 1.29, rel=0.005),
            ordered("log ratio of copy loss over that of test loss", ratio, "one capacity: at most 1.1", margin=1.1),
        ],
        over_items(),
    )


def over_items(shares: tuple[float, ...] = (0.03, 0.1, 0.3, 0.5)) -> xr.Dataset:
    """Damages and scores of the shared head over stored items, by f."""
    pairs = [heads(f) for f in shares]
    names = ("test_loss", "copy_loss_far")
    more = {name: [grid[name].values - float(control[name]) for control, grid in pairs] for name in names}
    score = [grid["score_far"].values for _, grid in pairs]
    return xr.Dataset(
        {name: (("f", "M"), rows) for name, rows in more.items()}
        | {"score": (("f", "M"), score), "control": ("f", [float(control["score_far"]) for control, _ in pairs])},
        {"f": list(shares), "M": ITEMS},
    )


@of_model("H12m", "The prefix score falls from .34 to .22 at f = .03 and to zero at .3 and .5", setting=SETTING)
def score(context: Context) -> Finding:
    """H12, at the number of items worst for copying."""
    made = {f: damages(f) for f in (0.03, 0.3, 0.5)}
    checks = [between(f"score, f = {f:g}", made[f]["score"], value - 0.005, value + 0.005, value)
              for f, value in ((0.03, 0.22), (0.3, 0.0), (0.5, 0.0))]  # fmt: skip
    checks += [between(f"score of the control, f = {f:g}", one["control_score"], 0.335, 0.345, 0.34)
               for f, one in made.items()]  # fmt: skip
    return Finding(checks)


@of_model("H12p", "Copying is hurt more than the loss at low f only", setting=SETTING)
def only_low(context: Context) -> Finding:
    """H12 against the paper."""
    ratios = {}
    for f in (0.03, 0.5):
        made = damages(f)
        ratios[f] = float(np.log1p(made["relative_copy"]) / np.log1p(made["relative_test"]))
    return Finding(
        [
            ordered("log ratio of copy loss over that of test loss, f = .03", ratios[0.03], "above 1", margin=1.0),
            between("the same at f = .5", ratios[0.5], 0, 1, "at most 1"),
        ],
        why=f"Crosstalk hurts copying more at every f: by {ratios[0.03]:.0f} in log loss at .03 and still by "
        f"{ratios[0.5]:.1f} at .5, where the score has collapsed.",
    )


@of_model("H13m", "At f = .5 and the worst number of items more copies do not help, while the control gains from them",
          setting=SETTING + "; copies 1 to 11 as keys of one strength")  # fmt: skip
def more_copies(context: Context) -> Finding:
    """H13."""
    control, grid = heads(0.5)
    M = damages(0.5)["M_test"]
    clean, hurt = copies(control, COPIES), copies(grid.sel(M=M), COPIES, M=M)
    gain = clean[0] - clean[-1]
    return Finding(
        [
            ordered("gain of the control from the first to the eleventh, nats", gain, "falls with copies", margin=0.1),
            between("gain at the worst over that", (hurt[0] - hurt[-1]) / gain, -0.02, 0.02, "flat"),
            ordered("loss at the worst minus the control's, eleventh copy", hurt[-1] - clean[-1], "far higher",
                    margin=1.0),
        ]
    )  # fmt: skip


@of_model("H14m", "Repeats delay the onset of copying by at most about 1/(1-f) where keys do not overlap",
          setting="one stored item, f = .03 to .5, d = 1e12")  # fmt: skip
def onset(context: Context) -> Finding:
    """H14: kinetics."""
    checks = []
    for f in (0.03, 0.1, 0.3, 0.5):
        bound = theory.memorisation_kinetics(48, f).delay
        checks.append(between(f"delay over 1/(1-f), f = {f:g}", onset_delay(f, **FREE) / bound, 0.9, 1.02,
                              "at most about 1"))  # fmt: skip
    control, grid = heads(0.5, **FREE)
    times = 0.25 * float(control["escape_time"]), 0.25 * float(grid["escape_time"][0])
    return Finding([*checks, near("onset of the control, f = .5", times[0], 190, rel=0.02),
                    near("onset with one item, f = .5", times[1], 375, rel=0.02)])  # fmt: skip


@of_model("H14c", "Crosstalk adds little to that delay: less than a tenth", setting="one stored item, f = .03 to .5; "
          "d = 200 against 1e12")  # fmt: skip
def onset_with_crosstalk(context: Context) -> Finding:
    """H14, what crosstalk adds."""
    more = {f: onset_delay(f) / onset_delay(f, **FREE) - 1 for f in (0.03, 0.1, 0.3, 0.5)}
    checks = [between(f"what crosstalk adds, f = {f:g}", value, 0, 0.1, "less than a tenth")
              for f, value in more.items()]  # fmt: skip
    added = ", ".join(f"{100 * value:.0f} % at f = {f:g}" for f, value in more.items())
    return Finding(checks, why=f"One stored key adds {added}.")


@of_model("H17m", "Stored keys make the logits of copying vary; its margin does not go down: up without overlap, at "
          "its bound with it", setting=SETTING)  # fmt: skip
def variance_and_margin(context: Context) -> Finding:
    """H17: variance up is crosstalk, margin down would be capture by the memory."""
    control, grid = heads(0.03)
    M = damages(0.03)["M_copy"]
    there = grid.sel(M=M)
    free, naive = heads(0.3, **FREE)
    more = naive["test_loss"].values - float(free["test_loss"])
    return Finding(
        [
            ordered("variance of a logit at the worst, f = .03", M * float(there["gamma"]) ** 2 / 200, "up",
                    margin=0.1),
            between("margin over that of the control, f = .03", float(there["beta"] / control["beta"]), 0.98, np.inf,
                    "not down"),
            ordered("margin minus that of the control at the worst, no overlap, f = .3",
                    float(naive["beta"][int(more.argmax())] - free["beta"]), "up"),
        ]
    )  # fmt: skip


def _unhurt(f: float) -> Array:
    control, grid = heads(f, **FREE)
    worst = int((grid["test_loss"].values - float(control["test_loss"])).argmax())
    return np.array([float(grid[name][worst] - control[name]) for name in ("copy_loss", "test_loss")])


@of_model("H11n", "Without overlap of keys copying is not hurt in training's context: competition for the head alone "
          "does not do it", setting="d = 1e12, no bound on the key strength, f = .03, .3, .5")  # fmt: skip
def naive(context: Context) -> Finding:
    """H11, the negative result."""
    made = {f: _unhurt(f) for f in (0.03, 0.3, 0.5)}
    return Finding(
        [
            between("largest damage on copying where the loss is worst, nats", max(m[0] for m in made.values()), -0.5,
                    0.0205, "at most .02"),
            between("damage on the loss, f = .03", made[0.03][1], 0.0135, 0.0145, 0.014),
            near("damage on the loss, f = .5", made[0.5][1], 0.35, rel=0.02),
        ]
    )  # fmt: skip
