"""A training run on disk: `state-<step>.safetensors` and `checkpoint.json`, which names it and is written last.

The JSON file is replaced by an atomic rename once the tensors are safely written, so that a folder always holds one
whole checkpoint, whenever the process was killed. Beside it are snapshots, the parameters after some of the steps:
`snapshot-<step>.safetensors`, each with a digest of its tensors.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor

from minimodels.errors import InputError, check_whole, shown
from minimodels.files import write_file

FORMAT = "minimodels training run 2"


class Folder:
    """The folder of one run with the given `settings` (plain JSON values); other settings are refused."""

    def __init__(self, path: str | os.PathLike[str], settings: dict[str, Any]) -> None:
        self.path = check_folder(path, "`out`")
        self.settings = json.loads(json.dumps(settings))
        self.json = self.path / "checkpoint.json"

    def open(self) -> tuple[int, dict[str, Tensor]] | None:
        """Step and tensors of the checkpoint, or None in a new folder (which is made)."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot write to {str(self.path)!r}: choose another folder for `out`.") from error
        if not os.access(self.path, os.W_OK):
            raise InputError(f"cannot write to {str(self.path)!r}: choose another folder for `out`.")
        if not self.json.exists():
            for item in self.path.iterdir():
                if not (item.name.startswith("state-") or item.suffix == ".tmp"):
                    raise InputError(
                        f"{str(self.path)!r} holds {item.name!r} but no checkpoint: choose an empty or new folder."
                    )
            return None
        step, settings, tensors = _read_checkpoint(self.path)
        self._compare(settings)
        return step, tensors

    def _compare(self, there: dict[str, Any]) -> None:
        for key in sorted(self.settings.keys() | there.keys()):
            here_value, there_value = self.settings.get(key), there.get(key)
            if isinstance(here_value, dict) and isinstance(there_value, dict):
                names = [k for k in {**here_value, **there_value} if here_value.get(k) != there_value.get(k)]
                if names:
                    key, here_value, there_value = names[0], here_value.get(names[0]), there_value.get(names[0])
            if here_value != there_value:
                raise InputError(
                    f"{str(self.path)!r} holds a run with {key}={there_value!r}, not {here_value!r}: "
                    "choose another folder, or the same settings to resume."
                )

    def write(self, step: int, tensors: dict[str, Tensor]) -> None:
        """Put this checkpoint in the place of the former one."""
        data = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
        name = f"state-{step:09d}.safetensors"
        write_file(self.path / name, data)
        head = {
            "format": FORMAT,
            "step": step,
            "state": name,
            "sha256": hashlib.sha256(data).hexdigest(),
            "settings": self.settings,
        }
        write_file(self.json, (json.dumps(head, indent=1) + "\n").encode())
        for old in self.path.glob("state-*.safetensors"):
            if old.name != name:
                old.unlink()

    def write_snapshot(self, step: int, parameters: dict[str, Tensor]) -> None:
        """Keep the parameters after `step` steps."""
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in parameters.items()}
        write_file(_snapshot(self.path, step), save(tensors, {"sha256": _digest(tensors)}))


def snapshot_steps(folder: Path) -> list[int]:
    """Return the steps that a folder has snapshots of."""
    names = (path.name.removeprefix("snapshot-").removesuffix(".safetensors") for path in folder.glob("snapshot-*"))
    return sorted(int(name) for name in names if name.isdecimal())


def load_parameters(folder: str | os.PathLike[str], step: int | None = None) -> dict[str, Tensor]:
    """Read the parameters that `train` left in its folder `out`.

    Parameters
    ----------
    folder : path
        The folder.
    step : int, optional
        Number of updates made: that of a snapshot (option `snapshots` of `train`) or of the checkpoint, which is the
        default.

    Returns
    -------
    dict of str to Tensor
        By name, on the CPU, those of every seed side by side along the first axis.

    Raises
    ------
    InputError
        If there are none of this step, or the file is damaged.
    """
    path = check_folder(folder, "`folder`")
    if step is not None:
        step = check_whole(step, "`step`", low=0)
    known = snapshot_steps(path) if path.is_dir() else []
    if step is not None and step in known:
        return _read_snapshot(_snapshot(path, step))
    if not (path / "checkpoint.json").exists():
        raise InputError(f"{str(path)!r} holds no training run: give the folder that `out` of `train` named.")
    there, _, tensors = _read_checkpoint(path)
    if step is not None and step != there:
        steps = ", ".join(map(str, sorted({*known, there})))
        raise InputError(f"{str(path)!r} holds no parameters of step {step!r}: it has those of {steps}.")
    return {name.removeprefix("parameter."): t for name, t in tensors.items() if name.startswith("parameter.")}


def load_settings(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what `train` was given for the training in a folder: task, network, optimiser and others, as JSON values."""
    path = check_folder(folder, "`folder`")
    if not (path / "checkpoint.json").exists():
        raise InputError(f"{str(path)!r} holds no training run: give the folder that `out` of `train` named.")
    return _read_checkpoint(path)[1]


def check_folder(value: Any, what: str) -> Path:
    """Return a folder's path, or say what it should be."""
    if not isinstance(value, str | os.PathLike) or not str(value) or "\0" in str(value):
        raise InputError(f"{what} is the path of a folder, as 'runs/first'; got {shown(value)}.")
    return Path(value)


def _snapshot(folder: Path, step: int) -> Path:
    return folder / f"snapshot-{step:09d}.safetensors"


def _read_snapshot(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, not a dict
            if (file.metadata() or {}).get("sha256") != _digest(tensors):
                raise ValueError
    except (OSError, ValueError, SafetensorError) as error:
        raise InputError(
            f"the snapshot {path.name!r} in {str(path.parent)!r} is damaged: remove it and train again, or use another."
        ) from error
    return tensors


def _digest(tensors: dict[str, Tensor]) -> str:
    total = hashlib.sha256()
    for name in sorted(tensors):
        total.update(name.encode() + tensors[name].numpy().tobytes())
    return total.hexdigest()


def _read_checkpoint(folder: Path) -> tuple[int, dict[str, Any], dict[str, Tensor]]:
    """Return step, settings and tensors."""
    try:
        head = json.loads((folder / "checkpoint.json").read_text(encoding="utf-8"))
        if head["format"] != FORMAT:
            raise ValueError
        step, settings, name, digest = int(head["step"]), dict(head["settings"]), head["state"], head["sha256"]
        data = (folder / Path(name).name).read_bytes()
        if hashlib.sha256(data).hexdigest() != digest:
            raise ValueError
        return step, settings, load(data)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise InputError(
            f"the checkpoint in {str(folder)!r} is damaged or not one of a training run: "
            "move it away or choose another folder."
        ) from error
