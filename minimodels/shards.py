"""Finished parts of a sweep, kept on disk until the whole is there."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minimodels.errors import InputError
from minimodels.files import write_atomic


@dataclass(frozen=True)
class Shards:
    """Finished parts of a sweep, one file each, in a folder beside the result."""

    folder: Path

    @classmethod
    def open(cls, target: Path, description: str) -> "Shards":
        """Make the folder, or take up the one that the same sweep left."""
        folder = target.with_name(target.name + ".shards")
        stated = folder / "sweep.json"
        if folder.exists():
            try:
                same = stated.read_text(encoding="utf-8") == description
            except OSError:
                same = False
            if not same:
                raise InputError(
                    f"{str(folder)!r} holds parts of another sweep; remove that folder or choose another `out`."
                )
        else:
            try:
                temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{folder.name}."))
                try:
                    write_atomic(temporary / "sweep.json", description.encode())
                    os.replace(temporary, folder)
                finally:
                    shutil.rmtree(temporary, ignore_errors=True)
            except OSError as error:
                if folder.exists():  # the same sweep began elsewhere at the same moment: its folder serves both
                    return cls.open(target, description)
                raise InputError(f"cannot write in {str(target.parent)!r} ({error.strerror}); make room.") from error
        return cls(folder)

    def path(self, part: slice) -> Path:
        """Return the file of a part."""
        return self.folder / f"{part.start:012d}.npz"

    def write(self, part: slice, values: Mapping[str, NDArray[Any]]) -> None:
        """Write a part to disk for good, unless the same sweep has finished elsewhere and taken the folder away."""
        buffer = BytesIO()
        arrays: dict[str, Any] = dict(values)
        np.savez(buffer, **arrays)
        try:
            write_atomic(self.path(part), buffer.getvalue())
        except FileNotFoundError:
            if self.folder.exists():
                raise
        except OSError as error:
            reason = f"cannot write in {str(self.folder)!r} ({error.strerror})"
            raise InputError(f"{reason}; make room, and the same sweep goes on from what is there.") from error

    def read(self, part: slice) -> dict[str, NDArray[Any]] | None:
        """Read a part back, None if it is not there; a damaged one is an InputError."""
        path = self.path(part)
        try:
            with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                values = {name: file[name] for name in file.files}
            if any(len(v) != part.stop - part.start for v in values.values()):
                raise ValueError("wrong length")
        except FileNotFoundError:
            return None
        except Exception as error:
            raise InputError(f"the shard {str(path)!r} is damaged; delete that file and run again.") from error
        return values

    def remove(self) -> None:
        """Delete the folder, once the result is saved."""
        shutil.rmtree(self.folder, ignore_errors=True)
