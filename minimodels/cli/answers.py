"""What a command answers: lines on standard output, files where they were asked for."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from minimodels.cli.options import Output
from minimodels.errors import InputError

if TYPE_CHECKING:
    import xarray as xr


def say(text: str) -> None:
    """Write a line of a command's answer to standard output."""
    sys.stdout.write(text + "\n")


def targets(output: Output) -> None:
    """Refuse an output that cannot be written, before any work."""
    from minimodels.plot import check_figure
    from minimodels.results import check_target

    if output.out is not None:
        check_target(output.out, overwrite=output.overwrite)
    if output.plot is not None and check_figure(output.plot).exists() and not output.overwrite:
        raise InputError(f"{str(output.plot)!r} exists and is left as it is; choose another name or add --overwrite.")


def deliver(result: "xr.Dataset", output: Output, draw: Callable[["xr.Dataset"], Any], *, saved: bool = False) -> None:
    """Save and draw a result, then say what it holds."""
    import xarray as xr

    from minimodels.engine.stepper.status import REMEDIES, WHAT, Status
    from minimodels.plot import write_figure
    from minimodels.results import save

    if output.out is not None and not saved:
        save(result, output.out, overwrite=output.overwrite)
    if output.plot is not None:
        write_figure(draw(result), output.plot)
    for name, values in result.data_vars.items():
        if str(name) == "status" or str(name).endswith("_censored"):
            continue
        censored = int(result.get(f"{name}_censored", xr.DataArray(False)).sum())
        never = f"none by the end at {censored} points" if values.size > 1 else "none by the end"
        if censored == values.size:
            say(f"{name!s:<22} {never}")
        elif values.size == 1:
            say(f"{name!s:<22} {values.item():.6g}")
        elif values.dims in (("time",), ("step",)):
            say(f"{name!s:<22} {values.values[-1]:.6g} at the end")
        elif values.dtype.kind == "f":
            seen = f"{values.min().item():.6g} to {values.max().item():.6g}"
            say(f"{name!s:<22} {seen}{', ' + never if censored else ''}")
    for code in Status:
        count = int((result["status"] == code).sum())
        if count:
            points = f"{count} points: " if result["status"].size > 1 else ""
            say(f"{'status':<22} {points}{code.name}: {'; '.join(filter(None, (WHAT[code], REMEDIES.get(code))))}.")


def say_forecast(result: "xr.Dataset", *, as_json: bool) -> None:
    """Say what a forecast holds, in lines or as JSON."""
    about, now = result.attrs, float(result.attrs["now"])
    certain = about["verdict"] == "forecast"
    ahead = [step for step in (1.25 * now, 1.5 * now, 2 * now, 3 * now, 5 * now) if step <= about["horizon"]]

    def quantile(q: float) -> float | None:
        found = float(result["drop_step"].sel(quantile=q))
        return found if found == found else None

    def none_before(step: float) -> float:
        return float(result["none_before"].interp(step=step))

    found = {
        "verdict": about["verdict"],
        "reason": about["reason"],
        "last_step": now,
        "drop_step": {str(q): quantile(q) for q in map(float, result["quantile"])} if certain else None,
        "none_before": {f"{step:.6g}": none_before(step) for step in ahead} if certain else None,
        "baseline_step": {
            str(k): None if bool(c) else float(v)
            for k, v, c in zip(
                result["which"].values, result["baseline_step"].values, result["baseline_step_censored"].values,
                strict=True,
            )
        },
        "effective_trajectories": float(result["ess"]),
        "misfit": float(result["misfit"]),
        "width_ratio": dict(zip(map(str, result["parameter"].values), map(float, result["width_ratio"]), strict=True)),
    }  # fmt: skip
    if as_json:
        say(json.dumps(found, indent=2))
        return
    say(f"{about['verdict']}: {about['reason']}")
    if certain:
        shown = ((q, quantile(q)) for q in (0.1, 0.25, 0.5, 0.75, 0.9))
        steps = ", ".join(f"{q:.0%} {'beyond the horizon' if v is None else f'{v:.4g}'}" for q, v in shown)
        say(f"{'step of the drop':<22} {steps}")
        say(f"{'none up to':<22} {', '.join(f'{step:.4g}: {none_before(step):.2f}' for step in ahead)}")
    for which, step in found["baseline_step"].items():
        say(f"{f'baseline, {which}':<22} {'none up to the horizon' if step is None else f'{step:.4g}'}")
    loose = [f"{k} ({v:.2f})" for k, v in found["width_ratio"].items() if v >= 0.5]
    say(f"{'not determined':<22} {', '.join(loose) or 'nothing'} (width over that of the prior)")
    say(f"{'trajectories':<22} {about['trajectories']}, effective {found['effective_trajectories']:.0f}")


@contextmanager
def taken_back(*folders: Path) -> Iterator[None]:
    """Remove what was made of these folders, if empty, when a command is refused."""
    new = [folder for folder in folders if not folder.exists()]
    try:
        yield
    except InputError:
        for folder in new:
            with suppress(OSError):
                folder.rmdir()
        raise


def check_folder(path: Path) -> None:
    """Make a folder, or say that it cannot be written to."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=path).close()
    except OSError as error:
        raise InputError(f"cannot write to {str(path)!r} ({error.strerror}); choose another folder.") from error
