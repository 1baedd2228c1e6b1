"""The derivations of the wing that belong to no model: noise, weighted samples, capacity, kinetics."""

from collections.abc import Callable
from functools import lru_cache

from minimodels.errors import check_choice
from theory.derivation import Derivation, Result
from theory.hernandez import capacity, driven, noise, samples
from theory.hernandez.setting import HERE

ABOUT: dict[str, Callable[[], list[Result]]] = {
    "fresh_ridge": noise.results,
    "weighted_risk": samples.results,
    "capacity_market": capacity.results,
    "memorisation_kinetics": driven.results,
}


def derive_repeats(about: str = "fresh_ridge") -> Derivation:
    """Derive what a function of this wing computes, step by step.

    Parameters
    ----------
    about : {"fresh_ridge", "weighted_risk", "capacity_market", "memorisation_kinetics"}
        The function.

    Returns
    -------
    Derivation
        Results with checked steps, each with its regime and what is uncertain of it.

    Examples
    --------
    >>> derivation = derive_repeats("fresh_ridge")
    >>> derivation.verified, derivation["worst"].title
    (True, 'The worst number of repeats is T/p, whatever their share')
    """
    return _derived(check_choice(about, "`about`", ABOUT))


@lru_cache
def _derived(about: str) -> Derivation:
    return Derivation.stating(about, {}, ABOUT[about](), reference=HERE)
