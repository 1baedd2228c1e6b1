"""The papers, one folder each: found, not listed.

A folder of `validation` with a file ``ledger``, in it a ``LEDGER``, is a paper; ``PUBLIC`` of the folder maps public
names to its files.
"""

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

import validation
from minimodels.errors import InputError, shown, unknown

if TYPE_CHECKING:
    from validation.ledger import Claim, Ledger


@cache
def papers() -> tuple[str, ...]:
    """Return the names of the papers."""
    folders = sorted(entry.name for entry in iter_modules(validation.__path__) if entry.ispkg)
    return tuple(name for name in folders if find_spec(f"validation.{name}.ledger"))


@cache
def public() -> dict[str, str]:
    """Return the module of every public name of the papers."""
    made = {paper: getattr(import_module(f"validation.{paper}"), "PUBLIC", {}) for paper in papers()}
    return {name: f"validation.{paper}.{file}" for paper, names in made.items() for name, file in names.items()}


def ledgers() -> "dict[str, Ledger]":
    """Return the ledgers by paper.

    Raises
    ------
    RuntimeError
        If two claims have one id.
    """
    found: dict[str, Ledger] = {paper: import_module(f"validation.{paper}.ledger").LEDGER for paper in papers()}
    owner: dict[str, str] = {}
    for paper, ledger in found.items():
        for claim in ledger.claims:
            if claim.id in owner:
                raise RuntimeError(f"the claim {claim.id} is in the ledgers of {owner[claim.id]} and of {paper}")
            owner[claim.id] = paper
    return found


def ledger(paper: Any) -> "Ledger":
    """Return the ledger of a paper.

    Raises
    ------
    InputError
        If there is none of this name.
    """
    known = ledgers()
    if not isinstance(paper, str):
        raise InputError(f"`ledger` is the name of one, {', '.join(known)}; got {shown(paper)}.")
    if paper not in known:
        raise unknown("ledger", paper, known)
    return known[paper]


def claims_of(paper: str) -> "dict[str, Claim]":
    """Return the claims of a paper by id."""
    return {claim.id: claim for claim in ledger(paper).claims}


def usual_network(task: Any) -> Any:
    """Return the network that tasks of this kind are trained with unless told otherwise."""
    for found in ledgers().values():
        for small, network in found.pairs():
            if type(small) is type(task):
                return network
    raise InputError(f"no paper has a network for {type(task).__name__}: give `network`.")
