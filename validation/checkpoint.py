"""A training run on disk: `state-<step>.safetensors` and `checkpoint.json`, which names it and is written last.

The JSON file is replaced by an atomic rename once the tensors are safely written, so that a folder always holds one
whole checkpoint, whenever the process was killed.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from minimodels.errors import InputError

FORMAT = "minimodels training run 1"


class Folder:
    """The folder of one run with the given `settings` (plain JSON values); other settings are refused."""

    def __init__(self, path: str | os.PathLike[str], settings: dict[str, Any]) -> None:
        self.path = Path(path)
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
        try:
            head = json.loads(self.json.read_text(encoding="utf-8"))
            if head["format"] != FORMAT:
                raise ValueError
            step, settings, name, digest = int(head["step"]), dict(head["settings"]), head["state"], head["sha256"]
            data = (self.path / Path(name).name).read_bytes()
            if hashlib.sha256(data).hexdigest() != digest:
                raise ValueError
            tensors = load(data)
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise InputError(
                f"the checkpoint in {str(self.path)!r} is damaged or not one of a training run: "
                "move it away or choose another folder."
            ) from error
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
        write_atomic(self.path / name, data)
        head = {
            "format": FORMAT,
            "step": step,
            "state": name,
            "sha256": hashlib.sha256(data).hexdigest(),
            "settings": self.settings,
        }
        write_atomic(self.json, (json.dumps(head, indent=1) + "\n").encode())
        for old in self.path.glob("state-*.safetensors"):
            if old.name != name:
                old.unlink()


def write_atomic(path: Path, data: bytes) -> None:
    """Write a whole file or nothing: a temporary name, fsync, rename."""
    temporary = path.with_name(path.name + ".tmp")
    with open(temporary, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
