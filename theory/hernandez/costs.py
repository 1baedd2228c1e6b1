"""What the duplicates of a corpus cost: position, damage by every model that applies, what it is worth, advice."""

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from minimodels.errors import InputError, check_between
from theory.hernandez import damage
from theory.hernandez.advice import Sentence, advice, position, short, summary
from theory.hernandez.arguments import HUGE, Array
from theory.hernandez.effective import AL, WT, effective_edges
from theory.hernandez.histogram import Histogram, add_up
from theory.hernandez.market import PER_TOKEN, check_exponent
from theory.hernandez.ridge import excess
from theory.hernandez.scaling import scaling_law, tokens_for

if TYPE_CHECKING:
    import xarray as xr

SLACK = 1 + 1e-9  # tokens of groups above T by rounding
ROWS = 12  # of the table
MOST = 1 - 1e-9  # share at which model A still has numbers
EMBEDDINGS = 2  # input and output, untied


@dataclass(frozen=True, kw_only=True)
class RepeatCosts:
    """What the duplicates cost.

    Attributes
    ----------
    tokens, parameters, directions : float
        Training tokens T, non-embedding parameters N, and p = N + 2 x vocabulary x width.
    f : float
        Share of the training tokens in groups that are seen more than once.
    multiplicity, shares, distinct, y, alone : ndarray, (groups,)
        Of the repeated groups: times seen, share f_k of the training tokens, distinct tokens n_k, y_k = r_k p/T, and
        the excess V(y_k, f_k) that model A gives each group alone.
    damages : tuple of Damage
        By each model: effective over actual parameters, from and to, or why it does not apply.
    x : tuple of two float
        Least and largest of those that apply.
    parameters_worth, tokens_worth : tuple of two float
        Parameters and tokens of clean runs with the same loss.
    sentences : tuple of Sentence
        What it means and what to do, each with how sure it is.
    """

    tokens: float
    parameters: float
    directions: float
    f: float
    multiplicity: Array = field(repr=False)
    shares: Array = field(repr=False)
    distinct: Array = field(repr=False)
    y: Array = field(repr=False)
    alone: Array = field(repr=False)
    damages: tuple[damage.Damage, ...]
    x: tuple[float, float]
    parameters_worth: tuple[float, float]
    tokens_worth: tuple[float, float]
    al: float
    wt: float
    per_token: float
    sentences: tuple[Sentence, ...]

    @property
    def worst_r(self) -> float:
        """The worst number of repeats by model A, T/p."""
        return self.tokens / self.directions

    @property
    def band(self) -> tuple[float, float]:
        """Numbers of repeats between which ln x of model A is beyond half of its worst."""
        low, high = self._edges
        return low * self.worst_r, high * self.worst_r

    @property
    def _edges(self) -> tuple[float, float]:
        return effective_edges(min(self.f, MOST), self.wt)

    @property
    def hurting(self) -> slice:
        """The groups of one doubling of r that model A gives the largest damage together."""
        doubling = np.floor(np.log2(self.multiplicity)).astype(int)
        most = int(np.argmax(np.bincount(doubling, weights=self.alone)))
        first, last = np.searchsorted(doubling, [most, most + 1])
        return slice(int(first), int(last))

    def dataset(self) -> "xr.Dataset":
        """Return groups and totals as a dataset that ``mm.load`` reads again."""
        import xarray as xr

        from minimodels.results import FORMAT, versions

        columns = {"tokens": self.shares * self.tokens, "distinct_tokens": self.distinct, "share": self.shares}
        columns |= {"y": self.y, "excess_alone": self.alone}
        pairs = {"x": self.x, "parameters_worth": self.parameters_worth, "tokens_worth": self.tokens_worth}
        pairs |= {f"x_{made.model}": (made.low, made.high) for made in self.damages if made.applies}
        attrs: dict[str, Any] = {"format": FORMAT, "title": "repeats", "source": damage.SOURCE, "versions": versions()}
        attrs |= {"T": self.tokens, "N": self.parameters, "p": self.directions, "f": self.f, "worst_r": self.worst_r}
        attrs |= {"sentences": "\n".join(f"{s.text} [{s.sure}]" for s in self.sentences)}
        return xr.Dataset(
            {k: ("group", v) for k, v in columns.items()} | {k: ("bound", np.array(v)) for k, v in pairs.items()},
            coords={"multiplicity": ("group", self.multiplicity), "bound": ["low", "high"]},
            attrs=attrs,
        )

    def document(self) -> dict[str, Any]:
        """Return totals, what every model says, and the advice as plain values, for machines."""
        totals = {"tokens": self.tokens, "parameters": self.parameters, "directions": self.directions, "f": self.f}
        return {
            **totals,
            "worst_r": self.worst_r,
            "band": list(self.band),
            "x": list(self.x),
            "parameters_worth": list(self.parameters_worth),
            "tokens_worth": list(self.tokens_worth),
            "damages": [{**vars(made), "applies": made.applies} for made in self.damages],
            "sentences": [vars(sentence) for sentence in self.sentences],
        }

    def __str__(self) -> str:
        lines = [
            f"T = {short(self.tokens)} tokens, N = {short(self.parameters)} parameters, "
            f"p = {short(self.directions)} directions, f = {self.f:.3g}",
            "",
            "      times seen    tokens  distinct   share f     y = rp/T  position        V alone",
        ]
        for part in self._parts():
            r, f, n = self.multiplicity[part], self.shares[part], self.distinct[part].sum()
            mean = float(f.sum() * self.tokens / n)
            seen = f"{r[0]:.6g}" if r.size == 1 else f"{r[0]:.4g}-{r[-1]:.4g}"
            y = mean / self.worst_r
            lines.append(
                f"{seen:>16}  {short(float(f.sum()) * self.tokens):>8}  {short(float(n)):>8}  {f.sum():>8.3g}  "
                f"{y:>11.3g}  {position(y, *self._edges):<14}  {self.alone[part].sum():.3g}"
            )
        lines += ["", "effective over actual parameters, x"]
        for made in self.damages:
            lines.append(f"  {made.title:<42} {made.words()}")
        return "\n".join([*lines, "", *(f"- {s.text} [{s.sure}]" for s in self.sentences)])

    def _parts(self) -> list[slice]:
        """Return the rows of the table: every group, or groups of like multiplicity."""
        size = self.multiplicity.size
        if size <= ROWS:
            return [slice(k, k + 1) for k in range(size)]
        edges = np.geomspace(self.multiplicity[0], self.multiplicity[-1], ROWS + 1)[1:-1]
        cuts = np.unique([0, *np.searchsorted(self.multiplicity, edges, side="right"), size]).tolist()
        return [slice(a, b) for a, b in pairwise(cuts)]


def repeat_costs(
    multiplicities: Any,
    token_counts: Any,
    *,
    tokens: float,
    parameters: float,
    width: float = 0,
    vocabulary: float = 50304,
    distinct: bool = False,
    al: float = AL,
    wt: float = WT,
    per_token: float = PER_TOKEN,
    law: str = "besiroglu",
) -> RepeatCosts:
    r"""Return what the duplicates of a corpus cost, and what to do about them.

    .. math:: f_k=\frac{T_k}T, \qquad y_k=\frac{r_kp}T, \qquad p=N+2\,\text{vocabulary}\cdot\text{width}, \qquad
              x=N_\mathrm{eff}/N

    Parameters
    ----------
    multiplicities : array_like, (rows,)
        :math:`r_k \ge 1`, times that each token of a row is seen over the whole training. Rows of one multiplicity are
        added up.
    token_counts : array_like, (rows,)
        Training tokens of a row, every time that they are seen counted; the rest of ``tokens`` is seen once.
    tokens : float
        T, tokens of the whole training.
    parameters : float
        N, without embeddings.
    width, vocabulary : float
        Size of the untied embeddings, which add 2 x vocabulary x width to p; ``width=0`` leaves them out.
    distinct : bool
        Whether ``token_counts`` counts each token once.
    al, wt, per_token : float
        Local exponent -d ln L/d ln N, relative loss for a unit of V (model A), parameters for a memorised token (C).
    law : {"hoffmann", "besiroglu", "muennighoff"}
        Constants that turn a loss into tokens.

    Returns
    -------
    RepeatCosts
        ``print`` shows it in full.

    Raises
    ------
    InputError
        For a multiplicity below 1, a negative count, or more tokens than T.

    Notes
    -----
    Location is known within a factor 2 to 3, depth within a factor 2 for f <= 0.1 and less above, the mechanism not.
    Several groups go through `weighted_risk`: their damages do not add near the peak.

    Examples
    --------
    >>> made = repeat_costs([50], [3e9], tokens=1e11, parameters=197e6, width=640)
    >>> round(float(made.y[0]), 2), [round(d.low, 2) for d in made.damages if d.applies]
    (0.13, [0.93, 1.0, 0.96])
    >>> round(made.worst_r)
    383
    """
    total, size = check_between(tokens, "`tokens`", 1.0, HUGE), check_between(parameters, "`parameters`", 1.0, HUGE)
    wide, words = check_between(width, "`width`", 0.0, 1e9), check_between(vocabulary, "`vocabulary`", 0.0, 1e9)
    slope, weight = check_exponent(al), check_between(wt, "`wt`", 1e-6, 1e6)
    price = check_between(per_token, "`per_token`", 1e-6, 1e6)
    constants = scaling_law(law)
    given = add_up(multiplicities, token_counts, distinct=distinct)
    seen = float(given.tokens.sum())
    if seen > total * SLACK:
        raise InputError(
            f"the groups hold {seen:.4g} tokens and the training has {total:.4g}: count tokens of this training only, "
            "every time that they are seen."
        )
    again = given.multiplicity > 1
    r, shares = given.multiplicity[again], np.minimum(given.tokens[again] / total, 1.0)
    f, p = min(1.0, float(shares.sum())), size + EMBEDDINGS * words * wide
    y, n = r * p / total, shares * total / r
    once = max(0.0, total - float(shares.sum()) * total)
    case = damage.Case(total, size, p, f, once, Histogram(r, shares * total), slope, weight, price)
    damages = damage.every(case)
    bounds = [made for made in damages if made.applies]
    x = min(made.low for made in bounds), max(made.high for made in bounds)
    with np.errstate(divide="ignore"):
        worth = tokens_for(np.array(x) ** -slope, size, total, constants)
    alone = excess(y, np.minimum(shares, MOST)) if r.size else np.zeros(0)
    made = RepeatCosts(
        tokens=total, parameters=size, directions=p, f=f, multiplicity=r, shares=shares, distinct=n, y=y, alone=alone,
        damages=damages, x=x, parameters_worth=(x[0] * size, x[1] * size),
        tokens_worth=(float(worth[0]), float(worth[1])), al=slope, wt=weight, per_token=price, sentences=(),
    )  # fmt: skip
    return _said(made, case)


def _said(made: RepeatCosts, case: damage.Case) -> RepeatCosts:
    return replace(made, sentences=(*summary(made, case), *advice(made, case)))
