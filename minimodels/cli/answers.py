"""What a command answers: lines on standard output, files where they were asked for."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from minimodels.cli import documents
from minimodels.cli.options import Descend, Output, Simulate, Sweep
from minimodels.errors import InputError

if TYPE_CHECKING:
    import xarray as xr

DRAWN = 500  # values of an axis that a picture of a large sweep shows


Computed = Simulate | Descend | Sweep


def say(text: str) -> None:
    """Write a line of a command's answer to standard output."""
    sys.stdout.write(text + "\n")


def targets(output: Output, *, folders: bool = False) -> None:
    """Refuse an output that cannot be written, before any work; ``folders``: also a .zarr."""
    from minimodels.plot import check_figure
    from minimodels.results import check_target

    if output.out is not None:
        check_target(output.out, overwrite=output.overwrite, folders=folders)
    if output.plot is not None and check_figure(output.plot).exists() and not output.overwrite:
        raise InputError(f"{str(output.plot)!r} exists and is left as it is; choose another name or add --overwrite.")


def deliver(command: Computed, result: "xr.Dataset", draw: Callable[["xr.Dataset"], Any], *, saved: bool) -> None:
    """Save and draw a result, then say what it holds."""
    from minimodels.plot import write_figure
    from minimodels.results import save

    output = command.output
    if output.out is not None and not saved:
        save(result, output.out, overwrite=output.overwrite)
    if output.plot is not None:
        write_figure(draw(result), output.plot)
    if command.json:
        documents.write(type(command).__name__.lower(), documents.results(result))
    else:
        show(result)


def show(result: "xr.Dataset") -> None:
    """Say what a result holds."""
    import xarray as xr

    from minimodels.engine.stepper.status import REMEDIES, WHAT, Status

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


def deliver_folder(command: Sweep, result: "xr.Dataset", folder: Path, draw: Callable[["xr.Dataset"], Any]) -> None:
    """Draw what a folder .zarr holds, of a long axis every so many values, and say what there is, shard by shard."""
    from minimodels.plot import write_figure
    from minimodels.reductions import extremes

    if command.output.plot is not None:
        thin = {axis: slice(None, None, -(-size // DRAWN)) for axis, size in result["status"].sizes.items()}
        write_figure(draw(result.isel(thin).load()), command.output.plot)
    names = [str(name) for name in result.data_vars if name != "status" and not str(name).endswith("_censored")]
    found = {name: extremes(folder, name, threads=command.threads) for name in names}
    if command.json:
        ranges = {
            name: {"least": low, "greatest": high, "points": counts} for name, (low, high, counts) in found.items()
        }
        documents.write("sweep", {"dims": dict(result.sizes), "folder": str(folder), "data_vars": ranges})
        return
    for name, (low, high, counts) in found.items():
        numbers = f"{low:.6g} to {high:.6g}, " if counts["number"] else ""
        say(f"{name:<22} {numbers}{', '.join(f'{k}: {v}' for k, v in counts.items() if v)}")


def say_forecast(result: "xr.Dataset") -> None:
    """Say what a forecast holds, in lines."""
    about, now = result.attrs, float(result.attrs["now"])

    def step(value: float, censored: bool) -> str:
        return "beyond the horizon" if censored else f"{value:.4g}"

    say(f"{about['verdict']}: {about['reason']}")
    if about["verdict"] == "forecast":
        every = zip(
            result["quantile"].values, result["drop_step"].values, result["drop_step_censored"].values, strict=True
        )
        say(f"{'step of the drop':<22} {', '.join(f'{q:.0%} {step(v, c)}' for q, v, c in every)}")
        ahead = [at for at in (1.25 * now, 1.5 * now, 2 * now, 3 * now, 5 * now) if at <= about["horizon"]]
        none = (f"{at:.4g}: {float(result['none_before'].interp(step=at)):.2f}" for at in ahead)
        say(f"{'none up to, with probability':<22} {', '.join(none)}")
    for which, value, censored in zip(
        result["which"].values, result["baseline_step"].values, result["baseline_step_censored"].values, strict=True
    ):
        say(f"{f'baseline, {which}':<22} {step(value, censored)}")
    ratio = result["width_ratio"]
    loose = [f"{k} ({v:.2f})" for k, v in zip(ratio["parameter"].values, ratio.values, strict=True) if v >= 0.5]
    say(f"{'not determined':<22} {', '.join(loose) or 'nothing'} (width over that of the prior)")
    say(f"{'trajectories':<22} {about['trajectories']}, effective {float(result['ess']):.0f}")


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
