"""Forecasts of trained networks against what came: coverage of the band, error beside the baseline's, controls.

``python -m tests.benchmarks.forecasts FOLDER`` trains what FOLDER lacks (minutes), forecasts every curve at 30, 50 and
70 % of the time to its drop, and prints the tables; cells are kept in FOLDER, so that a second call resumes.
``--table FILE.csv`` writes every cell, ``--figures FOLDER3`` draws some, ``--curves FOLDER2`` takes public curves (CSV
with step and value) as further controls, ``--parts tuning`` is a part alone. Unknown is all that `mm.forecast` has
unknown, the clock above all; known are N, L, B and, for a linear read-out, the rates, which do not grow; those of
classifiers of several layers are believed to be around those of the tuning set. The curve is the minibatch loss.

The constants of `minimodels.forecast` were chosen on the tuning set; the held-out set has other N, L, B and seeds.
"""

import argparse
import csv
import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from tqdm import tqdm

import minimodels as mm
from minimodels.files import write_atomic
from minimodels.forecast import fit, forecast, plan, prior, sampler, seen
from tests.benchmarks.forecast_curves import Case, cases, flat_cases, trained

SHARES = (0.3, 0.5, 0.7)
STATES = ("beta_1", "alpha", "xi")
KNOWN: dict[str, dict[str, Any]] = {
    "linear": {
        "rates": {"xi": "1/(L-1)"},
        "prior": {f"growth_{name}": 0.0 for name in STATES} | {f"rate_{name}": 1.0 for name in STATES},
    },
    # of several layers: the medians of fits of whole curves of the tuning set
    "deep": {"rates": {"xi": 3.0, "alpha": 0.4}},
    "network": {"rates": {"xi": 3.0, "alpha": 0.4}},
}
DRAWN = ("linear-N8-L32-B1-s11", "deep-N8-L32-B1-s11", "network-N5-L20-B1-s11")
PUBLIC_SHARE = {"grok_S5_muon_s4_test_acc": 0.25, "grok_add_p97_adamw_wd0_test_loss": 0.25}
COLUMNS = ("part", "curve", "share", "last_step", "drop_step", "verdict", "q10", "q25", "q50", "q75", "q90",
           "power_law", "slope", "ess", "misfit")  # fmt: skip
Cell = dict[str, Any]


def constants() -> str:
    """Return a hash of all that a cell depends on besides its curve."""
    kept = {
        f"{module.__name__}.{name}": str(value)
        for module in (fit, forecast, plan, prior, sampler, seen)
        for name, value in vars(module).items()
        if name.isupper()
    }
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:12]


def cell(folder: Path, name: str, curve: Any, model: mm.GradientFlow, samples: int, **known: Any) -> Cell:
    """Forecast a curve, or read what was forecast before with the same constants."""
    path = folder / f"{name}-{samples}-{constants()}.json"
    if path.exists():
        found: Cell = json.loads(path.read_text())
        return found
    try:
        ahead = mm.forecast(curve, model, samples=samples, **known)
    except mm.InputError as error:
        made: Cell = {"verdict": "refused", "reason": str(error)}
    else:
        late = ahead.drop_step.where(~ahead.drop_step_censored, np.inf)
        made = {
            "verdict": ahead.verdict,
            "reason": ahead.reason,
            "last_step": ahead.now,
            **{f"q{100 * q:.0f}": float(late.sel(quantile=q)) for q in (0.1, 0.25, 0.5, 0.75, 0.9)},
            **{
                which.replace(" ", "_"): float(step)
                for which, step in zip(ahead.which.values, ahead.baseline_step.fillna(np.inf).values, strict=True)
            },
            "ess": float(ahead.ess),
            "misfit": float(ahead.misfit),
        }
    write_atomic(path, json.dumps(made).encode())
    return made


def part_of(run: xr.Dataset, until: float) -> xr.Dataset:
    """The minibatch loss up to a step."""
    return run[["train_loss"]].rename(train_loss="loss").sel(step=slice(0, until))


def of_networks(wanted: list[Case], folder: Path, samples: int) -> Iterator[Cell]:
    """Every network at every share of the time to its drop."""
    for case, run in trained(wanted, folder):
        drop = float(run["escape_step"])
        for share in SHARES:
            curve = part_of(run, share * drop)
            found = cell(folder, f"{case.name}-{share}", curve, case.model(), samples, **KNOWN[case.kind])
            yield {"part": case.part, "curve": case.name, "kind": case.kind, "share": share, "drop_step": drop} | found


def controls(folder: Path, samples: int, public: Path | None) -> Iterator[Cell]:
    """Curves without a drop, curves that are cut off while they are flat, noise, and those of other mechanisms."""

    def control(name: str, curve: Any, model: mm.GradientFlow, **known: Any) -> Cell:
        return {"part": "control", "curve": name} | cell(folder, name, curve, model, samples, **known)

    for case, run in trained(flat_cases(), folder):
        yield control(f"{case.name}-whole", part_of(run, np.inf), case.model(), **KNOWN[case.kind])
    short = [case for case in cases() if case.part == "held out" and case.seed == 11]
    for case, run in trained(short, folder):
        curve = part_of(run, 0.15 * float(run["escape_step"]))
        yield control(f"{case.name}-short", curve, case.model(), **KNOWN[case.kind])
    for seed in range(3):
        noise = 0.02 * np.random.default_rng(seed).standard_normal(200)
        model = mm.model("nested_logit", N=8, L=32)
        yield control(f"noise-{seed}", {"step": np.arange(200), "loss": np.log(32) + noise}, model)
    for path in sorted(public.glob("*.csv")) if public else ():
        log, labels = public_curve(path)
        for share in (0.125, 0.25, 1.0):
            curve = log.sel(step=slice(0, share * float(log.step[-1])))
            yield control(f"{path.stem}-first-{share}", curve, mm.model("nested_logit", N=8, L=labels))


def draw(folder: Path, samples: int, public: Path | None, out: Path) -> None:
    """Draw three forecasts at half time, with what came later, and public curves of another mechanism."""
    out.mkdir(parents=True, exist_ok=True)
    wanted = [case for case in cases() if case.name in DRAWN]
    for case, run in trained(wanted, folder):
        drop = float(run["escape_step"])
        known = KNOWN[case.kind]
        ahead = mm.forecast(part_of(run, 0.5 * drop), case.model(), samples=samples, **known)
        later = run["train_loss"].sel(step=slice(0.5 * drop, None))
        save(ahead, later, drop, out / f"{case.kind}.png")
    for path in sorted(public.glob("*.csv")) if public else ():
        log, labels = public_curve(path)
        share = PUBLIC_SHARE.get(path.stem)
        if share is None:
            continue
        name = next(iter(log.data_vars))
        until = share * float(log.step[-1])
        ahead = mm.forecast(log.sel(step=slice(0, until)), mm.model("nested_logit", N=8, L=labels), samples=samples)
        save(ahead, log[name].sel(step=slice(until, None)), None, out / f"{path.stem}.png")


def save(ahead: xr.Dataset, later: xr.DataArray, drop: float | None, path: Path) -> None:
    """Write a figure of a forecast, with what came later in grey and where the drop was."""
    from minimodels.plot import write_figure

    figure = mm.plot_forecast(ahead)
    top = figure.axes[0]
    top.plot(later["step"], later, color="0.45", linewidth=1, label="what came")
    if drop is not None:
        for place in figure.axes:
            place.axvline(drop, color="0.2", linestyle="-.", linewidth=0.9)
    low, high = top.get_ylim()
    top.set_ylim(min(low, float(later.min()) - 0.05), max(high, float(later.max()) + 0.05))
    top.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    write_figure(figure, path)


def public_curve(path: Path) -> tuple[xr.Dataset, int]:
    """A public log of grokking, with the number of its classes."""
    log = mm.read_curve(path, loss=None, observe={"loss" if "loss" in path.stem else "correct": "value"})
    return log, 97 if "p97" in path.stem else 120


def table(cells: list[Cell]) -> str:
    """Coverage and errors of what was answered, by kind and share."""
    lines = [
        "| networks | seen | answered | 80 % band holds | 50 % band holds | median error | slope | power law |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kind in ("linear", "deep", "network", "all"):
        for share in (*SHARES, "all"):
            every = [c for c in cells if kind in (c["kind"], "all") and share in (c["share"], "all")]
            told = [c for c in every if c["verdict"] == "forecast"]
            if not told:
                lines.append(f"| {kind} | {share} | 0 of {len(every)} | | | | | |")
                continue

            def held(low: str, high: str, told: list[Cell] = told) -> str:
                return f"{np.mean([c[low] <= c['drop_step'] <= c[high] for c in told]):.0%}"

            def error(what: str, told: list[Cell] = told) -> str:
                middle = np.median([abs(c[what] / c["drop_step"] - 1) for c in told])
                return f"{middle:.0%}" if np.isfinite(middle) else "no drop"

            lines.append(
                f"| {kind} | {share} | {len(told)} of {len(every)} | {held('q10', 'q90')} | {held('q25', 'q75')} | "
                f"{error('q50')} | {error('slope')} | {error('power_law')} |"
            )
    return "\n".join(lines)


def needed(one: Cell) -> float:
    """Return how much of the spread of the time left, in logarithms and unsharpened, the 80 % band needs to hold it."""
    left = {name: np.log(one[name] - one["last_step"]) for name in ("drop_step", "q10", "q50", "q90")}
    edge = left["q90"] if left["drop_step"] > left["q50"] else left["q10"]
    return float((left["drop_step"] - left["q50"]) / (edge - left["q50"]) * forecast.SHARP)


def crossed(cells: list[Cell]) -> str:
    """Say what `SHARP` all networks ask for, and the coverage of every (kind, N, L, B) by that of all others."""
    told = [c | {"needs": needed(c)} for c in cells if c["verdict"] == "forecast"]
    of = [c["curve"].rpartition("-s")[0] for c in told]
    others = {one: np.quantile([c["needs"] for c, its in zip(told, of, strict=True) if its != one], 0.8) for one in of}
    held = np.array([c["needs"] <= others[its] for c, its in zip(told, of, strict=True)])
    at = {share: held[[c["share"] == share for c in told]].mean() for share in SHARES}
    each = ", ".join(f"{share:.0%} of the time: {value:.0%}" for share, value in at.items())
    return (
        f"{len(told)} forecasts ask for SHARP = {np.quantile([c['needs'] for c in told], 0.8):.3f}; of each of "
        f"{len(others)} configurations by that of the others the 80 % band holds {held.mean():.0%} ({each})"
    )


def write_table(path: Path, cells: list[Cell], samples: int) -> None:
    """Write every cell as CSV, with a line that says where it is from."""
    text = io.StringIO()
    text.write(f"# python -m tests.benchmarks.forecasts FOLDER --samples {samples}; constants {constants()}\n")
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for one in cells:
        writer.writerow({k: f"{v:.5g}" if isinstance(v, float) else v for k, v in one.items()})
    write_atomic(path, text.getvalue().encode())


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--parts", nargs="*", default=["tuning", "held out", "control"])
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--table", type=Path)
    parser.add_argument("--curves", type=Path)
    parser.add_argument("--figures", type=Path)
    given = parser.parse_args()
    made: list[Cell] = []
    for part in given.parts:
        if part == "control":
            found = list(tqdm(controls(given.folder, given.samples, given.curves), desc=part, disable=None))
            print("\ncontrols\n")
            for one in found:
                band = "" if one["verdict"] != "forecast" else f" ({one['q10']:.4g} to {one['q90']:.4g})"
                print(f"- {one['curve']}: {one['verdict']}{band}; {one['reason']}")
        else:
            wanted = [case for case in cases() if case.part == part]
            found = list(tqdm(of_networks(wanted, given.folder, given.samples), desc=part, disable=None))
            print(f"\n{part}: {len(wanted)} networks\n\n{table(found)}")
        made += found
    if {"tuning", "held out"} <= set(given.parts):
        print(f"\n{crossed([one for one in made if one['part'] != 'control'])}")
    if given.figures is not None:
        draw(given.folder, given.samples, given.curves, given.figures)
    if given.table is not None:
        write_table(given.table, made, given.samples)


if __name__ == "__main__":
    main()
