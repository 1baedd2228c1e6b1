"""What the cost of repeats means, in sentences, each with how sure it is."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from theory.hernandez.damage import SHALLOW, SMALLEST, WHOLE, Case
from theory.hernandez.effective import (
    SOURCE,
    T_PUBLISHED,
    effective_size,
    published_band,
    published_depth,
)
from theory.hernandez.market import capacity_market
from theory.hernandez.ridge import worst

if TYPE_CHECKING:
    from theory.hernandez.costs import RepeatCosts

ARITHMETIC = "sure: arithmetic"
PLACE = "within a factor 2 to 3; which p a network has is open"
SEEN = f"empirical: {SOURCE}"
MODEL = "derived for linear models; untested for networks"
COPYING = (0.03, 0.2)  # f between which copying was hit harder than the loss (ibid.)


@dataclass(frozen=True)
class Sentence:
    """A sentence and how sure it is."""

    text: str
    sure: str


def short(value: float) -> str:
    """Return a number of tokens or parameters as people write it."""
    for unit, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= 0.9995 * unit:
            return f"{value / unit:.3g}{letter}" if value < 9.995e14 else f"{value:.2e}"
    return f"{value:.3g}"


def times(value: float) -> str:
    """Return how often something is seen, to three digits."""
    return f"{value:.3g}" if value < 1000 else f"{float(f'{value:.3g}'):,.0f}"


def position(y: float, low: float, high: float) -> str:
    """Return where a group lies relative to the band."""
    return "left of it" if y < low else "right of it" if y > high else "inside"


@dataclass(frozen=True)
class Leading:
    """The groups that hurt most, as one: times seen, y, directions over distinct tokens, and their words."""

    r: float
    y: float
    c: float
    words: str


def leading(made: "RepeatCosts") -> Leading:
    """Return the groups within a doubling of r to which model A gives the largest damage."""
    r, n = made.multiplicity[made.hurting], float(made.distinct[made.hurting].sum())
    mean = float(made.shares[made.hurting].sum()) * made.tokens / n
    one = f"The group seen {r[0]:.4g} times hurts"
    words = one if r.size == 1 else f"Tokens seen {r[0]:.4g} to {r[-1]:.4g} times hurt"
    return Leading(mean, mean / made.worst_r, made.directions / n, words)


def summary(made: "RepeatCosts", case: Case) -> list[Sentence]:
    """Return where the repeats lie and what they cost."""
    if made.f == 0:
        return [Sentence("No token is seen twice: there is nothing to pay.", ARITHMETIC)]
    n = float(made.distinct.sum())
    said = [
        Sentence(
            f"{short(made.f * made.tokens)} of the {short(made.tokens)} training tokens (f = {made.f:.3g}) are "
            f"{short(n)} distinct tokens, each seen {made.f * made.tokens / n:.4g} times on average.",
            ARITHMETIC,
        )
    ]
    if made.f < WHOLE:
        most = leading(made)
        low, high = made.band
        where = position(most.r, low, high).replace("of it", "of the band").replace("inside", "inside the band")
        said.append(
            Sentence(
                f"{most.words} most, y = rp/T = {most.y:.3g}: {where}, which is r = {times(low)} "
                f"to {times(high)} around the worst, r* = T/p = {times(made.worst_r)} (model A).",
                PLACE,
            )
        )
        if 0.5 <= made.tokens / T_PUBLISHED <= 2:
            band = published_band(made.parameters)
            there = position(most.r, band.low, band.high)
            said.append(
                Sentence(
                    f"The published band for this size is r = {times(band.low)} to {times(band.high)}: r is {there}.",
                    SEEN,
                )
            )
        said.append(_worst(made))
    applied = [d.model for d in made.damages if d.applies]
    depth = "a factor 2 in ln x at f <= 0.1" if made.f <= 0.1 else "more than a factor 2 in ln x"
    (x, top), (least, large), (few, many) = made.x, made.parameters_worth, made.tokens_worth
    said.append(
        Sentence(
            f"The loss is that of a clean model of {_range(x, top)} times the parameters, "
            f"{_range(least, large, short)}, or of a clean run on {_range(few, many, short)} tokens "
            f"({', '.join(applied)}).",
            f"{depth}; tokens by a fitted scaling law; the mechanism is open",
        )
    )
    return said


def _worst(made: "RepeatCosts") -> Sentence:
    """What a set of this share costs where it costs most."""
    market = capacity_market(made.f, made.al)
    at = made.per_token * made.f * made.tokens / (market.u_c * made.parameters)
    by = [f"{market.x_min:.2g} at r = {times(at)} (C)"]
    if made.f <= SHALLOW:
        deepest = effective_size(worst(made.f), al=made.al, wt=made.wt)
        by.insert(0, f"{deepest:.2g} at r = {times(made.worst_r)} (A)")
    if SMALLEST * 0.999 <= made.f <= 0.9:
        by.append(f"{published_depth(made.f):.2g} (published, any size)")
    return Sentence(
        f"One set of this share, all of it repeated equally often, would cost at worst x = {', '.join(by)}.",
        "a factor 2 in ln x at f <= 0.1, more above",
    )


def _range(low: float, high: float, form: object = None) -> str:
    write = short if form is short else lambda v: f"{v:.2g}"
    first, last = write(low), write(high)
    return first if first == last else f"{first} to {last}"


def advice(made: "RepeatCosts", case: Case) -> list[Sentence]:
    """Return what to do."""
    if made.f == 0:
        return []
    if made.f >= WHOLE:
        epochs = made.tokens / case.unique
        return [
            Sentence(
                f"The whole corpus is seen {epochs:.3g} times: about 4 epochs are nearly free, 40 add nothing.",
                "empirical: Muennighoff et al. 2023 (arXiv 2305.16264), fitted without runs whose loss rose",
            )
        ]
    said = [_drop(made, case), _longer(made), _more(made)]
    low, high = made.band
    near = low <= leading(made).r <= high
    if COPYING[0] * 0.999 <= made.f <= COPYING[1] and near:
        said.append(
            Sentence(
                "Copying and in-context learning are hit harder than the loss shows: at f = 0.03 by 3 times in size "
                "where the loss says 1.15.",
                f"{SEEN}; no capacity model predicts it",
            )
        )
    if near:
        said.append(
            Sentence(
                "Fine-tuning on other data undoes most of it, after several billion tokens; extreme cases keep a "
                "factor 1.6 in size.",
                SEEN,
            )
        )
    return said


def _drop(made: "RepeatCosts", case: Case) -> Sentence:
    """Repeats against a clean run on the tokens that are seen once."""
    rest, (few, many) = case.once, made.tokens_worth
    beside = (
        f"with them the run is worth {_range(few, many, short)} clean tokens, and {short(rest)} are left without them"
    )
    saved = f"seeing each token once saves {1 - case.unique / case.tokens:.2g} of the compute"
    if few > rest:
        return Sentence(f"Repeat: {beside}; still, {saved}.", f"all models that apply agree; {PLACE}")
    if many < rest:
        return Sentence(f"Drop the repeats: {beside}; {saved}.", f"all models that apply agree; {PLACE}")
    return Sentence(f"Drop or repeat is open: {beside}; {saved}.", "the models that apply disagree")


def _longer(made: "RepeatCosts") -> Sentence:
    """Whether more steps on the same mixture help."""
    most = leading(made)
    if most.y > 1:
        return Sentence(
            "Training longer on the same mixture helps: past the peak the loss comes down again.", f"{SEEN}; model A"
        )
    if most.c <= 1:
        return Sentence(
            "Training longer on the same mixture does not help: y stays as it is, and with more distinct repeats than "
            "directions the damage stays.",
            MODEL,
        )
    return Sentence("Training longer on the same mixture changes little: y stays as it is, left of the peak.", MODEL)


def _more(made: "RepeatCosts") -> Sentence:
    """How often the repeats may be seen, and what more fresh tokens do."""
    low, high = made.band
    r = leading(made).r
    if r < low:
        text = (
            f"Up to r = {times(low)} less than half of the worst happens; twice the tokens double that, twice the "
            "model halves it."
        )
    elif r > high:
        text = f"More repeats than r = {times(high)} hurt little again, and the set is memorised word for word."
    else:
        text = (
            f"Fewer repeats than r = {times(low)}, or more fresh tokens (T above {short(made.tokens * r / low)} with "
            "the repeated set as it is), leave the band."
        )
    return Sentence(text, PLACE)
