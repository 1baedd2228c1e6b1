"""What `minimodels doctor` finds out about an installation, and what is wrong with it."""

import os
import platform
import re
import sys
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from minimodels import __version__
from minimodels.engine import cache
from minimodels.errors import InputError
from minimodels.pool import available_threads

PACKAGES = {"minimodels": "model.py", "theory": "derivation.py", "validation": "ledger.py"}  # a file of each
LIBRARIES = ("numpy", "scipy", "sympy", "numba", "llvmlite", "xarray", "matplotlib", "h5netcdf", "tyro", "torch")
EXTRAS = {
    "validation": "networks that are really trained",
    "explore": "the explorer in a browser",
    "cluster": "sweeps on several machines, results beyond memory",
    "tensorboard": "forecasts from TensorBoard logs",
}
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
NEED = re.compile(r"([\w.-]+)(?:\[.*?\])?\s*\(?>=\s*([\d.]+)\)?(?:.*extra == ['\"](\w+)['\"])?")


@dataclass(frozen=True)
class Report:
    """What was found, by subject, and a sentence for everything that is wrong."""

    found: dict[str, Any]
    wrong: tuple[str, ...]


def examine() -> Report:
    """Look at packages, libraries, threads and the folder of compiled code."""
    places, shadows = packages()
    needed, lacking = libraries()
    folder, unsafe = compiled_code()
    found = {
        "minimodels": __version__,
        "python": {"version": platform.python_version(), "executable": sys.executable, "system": platform.platform()},
        "packages": places,
        "libraries": {name: version(name) for name in LIBRARIES},
        "threads": threads(),
        "blas": blas(),
        "cache": folder,
        "extras": {name: {"for": EXTRAS[name], "missing": needed.get(name, [])} for name in EXTRAS},
    }
    return Report(found, (*shadows, *lacking, *unsafe))


def version(name: str) -> str | None:
    """Return the version of an installed library, without loading it."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def packages() -> tuple[dict[str, str | None], list[str]]:
    """Return where the three packages are imported from, and what is wrong with that."""
    found: dict[str, Path | None] = {}
    for name in PACKAGES:
        spec = find_spec(name)
        found[name] = Path(spec.origin).parent if spec is not None and spec.origin else None
    wrong = []
    home = Path(__file__).parent.parent.parent
    for name, folder in found.items():
        if folder is None:
            wrong.append(f"the package {name} is not found as one of ours: install minimodels anew.")
        elif not (folder / PACKAGES[name]).is_file():
            wrong.append(f"{folder} hides the package {name} of minimodels: rename it, or take it off the path.")
        elif folder.parent.resolve() != home.resolve():
            wrong.append(
                f"{name} is imported from {folder}, minimodels from {home / 'minimodels'}: take one off the path."
            )
    return {name: None if folder is None else str(folder) for name, folder in found.items()}, wrong


def libraries() -> tuple[dict[str, list[str]], list[str]]:
    """Return what every extra lacks, and what of the libraries that are always needed is missing or too old."""
    missing: dict[str, list[str]] = {}
    try:
        stated = metadata.requires("minimodels") or []
    except metadata.PackageNotFoundError:
        return {}, ["minimodels is not installed, only found on the path: which libraries it needs is not known here."]
    for text in stated:
        match = NEED.match(text)
        if match and not enough(version(match[1]), match[2]):
            missing.setdefault(match[3] or "", []).append(f"{match[1]}>={match[2]}")
    lacking = missing.pop("", [])
    return missing, [f"missing or too old: {', '.join(lacking)}; run pip install -U minimodels."] if lacking else []


def enough(there: str | None, least: str) -> bool:
    """Whether a version is at least another, by their leading numbers."""
    if there is None:
        return False
    numbers = [[int(n) for n in re.findall(r"\d+", re.split(r"[+a-z]", text)[0])] for text in (there, least)]
    return numbers[0] >= numbers[1]


def threads() -> dict[str, Any]:
    """Return processors, those that this process may use, the share that a container grants, and what is set."""
    return {
        "processors": os.cpu_count(),
        "available": available_threads(),
        "granted": granted(),
        **{name: os.environ.get(name) for name in THREADS},
    }


def granted(root: Path = Path("/sys/fs/cgroup")) -> float | None:
    """Return the processors that the control group of this process grants, None where it sets no limit."""
    try:
        if (root / "cpu.max").is_file():
            quota, period = (root / "cpu.max").read_text().split()
        else:
            quota, period = ((root / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return None if quota.strip() in ("max", "-1") else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def blas() -> list[dict[str, Any]]:
    """Return the libraries of linear algebra that are loaded, with their kernels and threads."""
    import scipy.linalg  # noqa: F401  # it brings one of its own
    from threadpoolctl import threadpool_info

    names = ("internal_api", "version", "architecture", "num_threads", "filepath")
    return [{name: library.get(name) for name in names} for library in threadpool_info()]


def compiled_code() -> tuple[dict[str, Any], list[str]]:
    """Return what is known of the folder of compiled code, and what is wrong with it."""
    path = cache.place()
    files = cache.kept()
    found: dict[str, Any] = {
        "path": str(path),
        "files": len(files),
        "bytes": sum(file.stat().st_size for file in files),
        "kernels": sum(file.suffix == ".o" for file in files),
        "owner": None,
        "mode": None,
    }
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    wrong = []
    if there == path:
        found |= {"owner": owner(path), "mode": f"{path.stat().st_mode & 0o7777:04o}"}
        try:
            cache.private(path, "the kernel folder")
        except InputError as error:
            wrong.append(str(error))
    if not wrong and not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        wrong.append(f"cannot write in {there}; set MINIMODELS_CACHE_DIR to a folder of your own.")
    return found, wrong


def owner(path: Path) -> str:
    """Return the name of the owner of a folder, or the number where there is no name."""
    try:
        return path.owner()
    except (KeyError, NotImplementedError):
        return str(path.stat().st_uid)


def text(report: Report) -> str:
    """Return a report as people read it."""
    found = report.found
    lines = [f"minimodels {found['minimodels']}, Python {found['python']['version']} ({found['python']['executable']})"]
    lines += [
        "",
        "imported from",
        *(f"  {name:<12} {place or 'not found'}" for name, place in found["packages"].items()),
    ]
    lines += ["", "libraries", *(f"  {name:<12} {there or 'not there'}" for name, there in found["libraries"].items())]
    cores = found["threads"]
    share = "" if cores["granted"] is None else f", {cores['granted']:g} granted by the container"
    lines += ["", "threads", f"  {cores['available']} of {cores['processors']} processors{share}"]
    lines += [f"  {name} = {cores[name]}" for name in THREADS if cores[name] is not None]
    for library in found["blas"]:
        kernels = f", kernels {library['architecture']}" if library["architecture"] else ""
        lines.append(f"  {library['internal_api']} {library['version']}{kernels}, {library['num_threads']} threads")
    about = found["cache"]
    lines += ["", "compiled code", f"  {about['path']}", f"  {size(about)}"]
    if about["owner"] is not None:
        lines[-1] += f", of {about['owner']}, mode {about['mode']}"
    lines += ["", "extras"]
    for name, extra in found["extras"].items():
        lacks = f"missing: pip install 'minimodels[{name}]'" if extra["missing"] else "there"
        lines.append(f"  {name:<12} {lacks} ({extra['for']})")
    lines += ["", *(f"wrong: {sentence}" for sentence in report.wrong or ())]
    return "\n".join(lines if report.wrong else [*lines, "nothing is wrong."])


def size(about: dict[str, Any]) -> str:
    """Return how much compiled code there is, in words."""
    return f"{about['files']} files, {about['bytes'] / 1e6:.2f} MB, {about['kernels']} kernels of models"
