"""Grafts: a network as a training left it, whose layers stand before or after those of the one that is trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from torch import Tensor

from minimodels.errors import InputError, check_whole, shown
from validation.checkpoint import check_folder, load_parameters, load_settings
from validation.protocols import Parameters
from validation.singh.clamps import Clamp, Given, Replaced, check_clamps
from validation.singh.record import Record, Value, put
from validation.spelled import read


@dataclass(frozen=True)
class Frozen:
    """A trained network that does not change.

    Attributes
    ----------
    network : Transformer
        Its options.
    folder, step
        The folder of its training, and the step; None: the last.
    member : int, optional
        The place, from 0, of one of its seeds, for all seeds it is grafted into; None: each goes with each.
    clamps : tuple
        Its own clamps.
    """

    network: Any
    folder: str
    step: int | None = None
    member: int | None = None
    clamps: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        from validation.singh.applied import check_together
        from validation.singh.network import Transformer

        if not isinstance(self.network, Transformer):
            raise InputError(f"`network` is a Transformer; got {shown(self.network)}.")
        object.__setattr__(self, "folder", str(check_folder(self.folder, "`folder`")))
        for name in ("step", "member"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, check_whole(getattr(self, name), f"`{name}`", 0))
        object.__setattr__(self, "clamps", check_clamps(self.clamps))
        check_together(self.network, self.clamps)

    def record(self, beside: Parameters, tokens: Any, hooks: Mapping[str, Sequence[Any]] | None = None) -> Record:
        """What it computes for tokens: with its clamps, or with `hooks` in their place.

        Raises
        ------
        InputError
            If its sizes are not those of the parameters it stands beside.
        """
        from validation.singh.applied import clamped

        parameters = self.parameters(beside)
        if hooks is not None:
            found: Record = self.network.forward(parameters, tokens, hooks)
            return found
        return clamped(self.network, parameters, tokens, self.clamps)

    def parameters(self, beside: Parameters) -> Parameters:
        """Its parameters, of as many seeds as the others, in their precision and where they are."""
        head = Path(self.folder) / "checkpoint.json"
        found = _loaded(self.folder, self.step, self.network, head.stat().st_mtime_ns if head.exists() else 0)
        seeds, there = len(beside["E"]), len(found["E"])
        if self.member is not None and self.member >= there:
            raise InputError(f"{self.folder!r} has {there} seeds, counted from 0; got member={self.member}.")
        if self.member is None and there not in (1, seeds):
            raise InputError(f"{self.folder!r} has {there} seeds, not {seeds} or 1: give `member`.")
        for name in ("E", "U"):
            if found[name].shape[1:] != beside[name].shape[1:]:
                raise InputError(
                    f"{self.folder!r} holds a network with {name} of {tuple(found[name].shape[1:])}, "
                    f"not {tuple(beside[name].shape[1:])}: graft one that learnt the same kind of task."
                )
        place = slice(None) if self.member is None else slice(self.member, self.member + 1)
        return {n: t[place].to(beside["E"]).expand(seeds, *t.shape[1:]).contiguous() for n, t in found.items()}


@dataclass(frozen=True)
class Graft(Clamp):
    """A clamp that puts layers of a frozen network in the place of those up to `layer`, or after it."""

    frozen: Frozen
    layer: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "layer", check_whole(self.layer, "`layer`", 0))
        if not isinstance(self.frozen, Frozen):
            raise InputError(f"`frozen` is a Frozen network; got {shown(self.frozen)}.")


@dataclass(frozen=True)
class GraftIn(Graft):
    """The stream after `layer` is that of a frozen network, which may have clamps of its own, on the same sequence."""

    def hooks(self, given: Given) -> Replaced:
        """The other's stream."""
        site = f"{self.layer}.block"
        return [(site, put(self.frozen.record(given.parameters, given.tokens)[site]))]


@dataclass(frozen=True)
class GraftOut(Graft):
    """The stream after `layer` goes through the later layers and the read-out of a frozen network, without clamps."""

    def hooks(self, given: Given) -> Replaced:
        """The other's logits."""
        site = f"{self.layer}.block"

        def logits(_: Value, found: Record) -> Tensor:
            return self.frozen.record(given.parameters, given.tokens, {site: [put(found[site])]})["logits"]

        return [("logits", logits)]


@lru_cache(maxsize=8)
def _loaded(folder: str, step: int | None, network: Any, written: int) -> Parameters:
    trained = read(load_settings(folder)["network"])
    for field in fields(network):
        there, here = getattr(trained, field.name, None), getattr(network, field.name)
        if there != here and field.name != "manipulations":
            raise InputError(
                f"{folder!r} holds a network with {field.name}={there!r}, not {here!r}: give the one that was trained."
            )
    return load_parameters(folder, step)
