"""Symmetries of a model of the user's own: permutations and sign flips of states that the flow does not notice."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import combinations, permutations, product

import numpy as np
import sympy as sp
from sympy.combinatorics import Permutation, PermutationGroup

from minimodels.model import Model
from theory.derivation import Init, Regime, Result, Step
from theory.own.motion import Motion
from theory.vocabulary import equal, label

ALL = 4  # states up to which every permutation with every choice of signs is tried
MOST = 30  # states up to which single ones are
HERE = "derived here from the model's own expressions: signed permutations of states"


@dataclass(frozen=True)
class Signed:
    """The map x_i -> sign_i x_order(i)."""

    order: tuple[int, ...]
    sign: tuple[int, ...]

    def of(self, values: tuple[sp.Expr, ...]) -> tuple[sp.Expr, ...]:
        """Return the values moved."""
        return tuple(s * values[k] for k, s in zip(self.order, self.sign, strict=True))

    def permutation(self) -> Permutation:
        """Return it as a permutation of the 2n signed states."""
        n = len(self.order)
        forward = [k if s > 0 else k + n for k, s in zip(self.order, self.sign, strict=True)]
        return Permutation([*forward, *((k + n) % (2 * n) for k in forward)])


def candidates(n: int) -> Iterator[Signed]:
    """Yield what is tried, the simple ones first."""
    plain, positive = tuple(range(n)), (1,) * n
    if n > MOST:
        return
    for k in range(n):
        yield Signed(plain, tuple(-1 if i == k else 1 for i in range(n)))
    for pair in combinations(range(n), 2):
        yield Signed(plain, tuple(-1 if i in pair else 1 for i in range(n)))
    yield Signed(plain, tuple(-1 for _ in range(n)))
    for a, b in combinations(range(n), 2):
        swapped = tuple(b if i == a else a if i == b else i for i in range(n))
        yield Signed(swapped, positive)
        yield Signed(swapped, tuple(-1 if i in (a, b) else 1 for i in range(n)))
    if n <= ALL:
        for order in permutations(range(n)):
            for sign in sorted(product((1, -1), repeat=n), reverse=True):
                yield Signed(order, sign)


def find(motion: Motion) -> list[Signed]:
    """Return generators of the symmetries found: looked for at one set of random points, then checked."""
    kept: list[Signed] = []
    states, flow = motion.states(40), motion.at(motion.f)
    slopes = flow(states)
    for one in dict.fromkeys(candidates(len(motion.x))):
        if one.permutation().is_Identity or (kept and _group(kept).contains(one.permutation())):
            continue
        order, sign = list(one.order), np.array(one.sign)
        defect = flow(sign * states[:, order]) - sign * slopes[:, order]
        finite = np.isfinite(defect).all(axis=1)
        if finite.sum() < 5 or abs(defect[finite]).max() > 1e-9 * max(abs(slopes[finite]).max(), 1e-300):
            continue
        check = motion.zeros(_defects(motion, one.of(motion.x)))
        if check is not None and check.passed:
            kept.append(one)
    return kept


def _group(generators: list[Signed]) -> PermutationGroup:
    return PermutationGroup([one.permutation() for one in generators])


def _defects(motion: Motion, moved: Iterable[sp.Expr]) -> list[sp.Expr]:
    """Return f(P x) - P f(x) of the linear map that moves the states there."""
    moved, flow = list(moved), dict(zip(motion.x, motion.f, strict=True))
    there = dict(zip(motion.x, moved, strict=True))
    return [f.xreplace(there) - p.xreplace(flow) for f, p in zip(motion.f, moved, strict=True)]


def _leaving(motion: Motion, one: Signed, equations: sp.Tuple) -> list[sp.Expr]:
    """Return, of the points with these equations, how far they are moved, and how fast the flow leads out of them."""
    where, flow = {e.lhs: e.rhs for e in equations}, dict(zip(motion.x, motion.f, strict=True))
    moved = [(s - p).xreplace(where) for s, p in zip(motion.x, one.of(motion.x), strict=True)]
    return moved + [(flow[s] - v.xreplace(flow)).xreplace(where) for s, v in where.items()]


def fixed(motion: Motion, one: Signed) -> dict[sp.Symbol, sp.Expr]:
    """Return the equations of the states that a symmetry leaves where they are: state -> value."""
    found: dict[sp.Symbol, sp.Expr] = {}
    seen: set[int] = set()
    for first in range(len(motion.x)):
        if first in seen:
            continue
        cycle, k, sign = {first: 1}, first, 1
        while True:  # x_k = sign_k x_order(k)
            sign, k = sign * one.sign[k], one.order[k]
            if k == first:
                break
            cycle[k] = sign
        seen |= cycle.keys()
        for j, s in cycle.items():
            if sign < 0:
                found[motion.x[j]] = sp.S(0)
            elif j != first:
                found[motion.x[j]] = s * motion.x[first]
    return found


def symmetries(motion: Motion) -> Result:
    """Signed permutations of states that commute with the flow, and the subspaces that they make invariant."""
    found = find(motion)
    steps: list[Step] = []
    invariant: list[dict[sp.Symbol, sp.Expr]] = []
    moves = [equal(label(f"P_{{{k}}} x"), sp.Tuple(*one.of(motion.x))) for k, one in enumerate(found, 1)]
    for one, move in zip(found, moves, strict=True):
        moved = {s: v for s, v in zip(motion.x, one.of(motion.x), strict=True) if s != v}
        text = ", ".join(rf"{sp.latex(s)}\to {sp.latex(v)}" for s, v in moved.items())
        loss = ""
        if (height := motion.loss) is not None:
            same = motion.zero(height.xreplace(moved) - height)
            loss = " and leaves the loss as it is" if same and same.passed else ""
        sentence = f"${text}$ takes solutions to solutions{loss}."
        steps += motion.step(sentence, move, lambda e: _defects(motion, e.rhs))
        where = fixed(motion, one)
        stays = motion.step(
            "A start that it does not move stays among the points that it does not move.",
            sp.Tuple(*(equal(s, v) for s, v in where.items())),
            partial(_leaving, motion, one),
        )
        invariant += [where] if stays else []
        steps += stays
    tried = "sign flips of one, two and all states, swaps of two"
    tried += ", all signed permutations" if len(motion.x) <= ALL else ""
    none = f"the search is for at most {MOST} states" if len(motion.x) > MOST else f"none was found among {tried}"

    def obstacle(model: Model, init: Init) -> str | None:
        if not found:
            return f"{none}."
        inside = any(_inside(where, init) for where in invariant)
        return None if inside else "the start lies in none of the invariant subspaces."

    def evaluate(model: Model, init: Init) -> dict[str, float]:
        return {str(s - v): 0.0 for where in invariant if _inside(where, init) for s, v in where.items()}

    return Result(
        name="symmetries",
        title="Symmetries and invariant subspaces",
        statement=sp.Tuple(*moves) if moves else equal(label("P"), sp.Symbol(r"\text{none found}")),
        steps=tuple(steps),
        regime=Regime(
            f"all starts and parameters, the model's rates; looked for among {tried}; for a start in an invariant "
            "subspace the equations that it keeps",
            obstacle,
        ),
        reference=HERE,
        evaluate=evaluate,
    )


def _inside(where: dict[sp.Symbol, sp.Expr], init: Init) -> bool:
    at = {sp.Symbol(k, real=True): v for k, v in init.items()}
    return all(init[s.name] == float(v.xreplace(at)) for s, v in where.items())
