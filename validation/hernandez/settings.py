"""The trainings behind the claims on repeated tokens: cells by share, number of repeats and size of the network."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from minimodels.tasks.repeated_tokens import RepeatedTokensTask
from validation.trainings import NetworkTraining

WIDTH, LAYERS = 64, 2  # of the main scan; narrower networks do not learn to copy within its tokens
SIZES = (4, 8, 16, 24, 32, 48, WIDTH)  # of the controls
BATCH = 16
SEQUENCES: dict[bool, int] = {False: 20_480, True: 81_920}  # of a training, quick and full; 64 tokens each
QUICK_WIDTH = 32
SEEDS: dict[bool, tuple[int, ...]] = {False: (0, 1, 2), True: (0, 1, 2, 3)}
SHARES = (0.1, 0.5)
REPEATS: dict[bool, tuple[int, ...]] = {
    False: (4, 64, 256, 1024, 2048),
    True: (1, 4, 16, 32, 64, 128, 256, 1024, 4096),
}
MOST = 0.9  # the share at which the course in time is followed
MOST_REPEATS: dict[bool, tuple[int, ...]] = {False: (64, 256), True: (16, 64, 128, 256, 1024)}
COARSE = (0, 4, 16, 64, 256, 1024)  # of scans of scans
WORST = (0.5, 64)  # share and repeats from which recovery starts
SHALLOW_REPEATS: dict[bool, tuple[int, ...]] = {  # of one layer
    False: (4, 64, 256, 1024, 2048),
    True: (1, 16, 64, 128, 256, 1024, 4096),
}


def width(full: bool) -> int:
    """Of the networks of a scan."""
    return WIDTH if full else QUICK_WIDTH


def cell(
    full: bool, f: float, r: int, *, d: int | None = None, layers: int = LAYERS, tokens: int = 1,
    source: Mapping[str, Any] | None = None, **options: Any,
) -> NetworkTraining:  # fmt: skip
    """A training on a share f of tokens seen r times each; at r = 0, of the share 1 - f of fresh tokens alone.

    `tokens` is how many times as long it is, `source` other options of its task.
    """
    from validation.hernandez.analyses import evaluated
    from validation.hernandez.network import TokenTransformer

    total, source = tokens * SEQUENCES[full], dict(source or {})
    repeats = round(f * total)
    if r and repeats % r:
        raise ValueError(f"{repeats} repeated sequences are no multiple of {r}")
    steps = (total if r else total - repeats) // BATCH
    if f and r:
        source |= {"f": f, "distinct": repeats // r}
    d = d or width(full)
    marks = [f"f{f:g}", f"r{r}", f"d{d}", f"layers{layers}", *([f"tokens{tokens}"] if tokens > 1 else [])]
    marks += [f"{name}{value:g}" for name, value in source.items() if name not in ("f", "distinct")]
    given: dict[str, Any] = {
        "name": "-".join(["full" if full else "quick", *marks]), "seeds": SEEDS[full], "held_out": 256 if full else 128,
        "record_every": 256 if full else 320, "tests": None if full else (), "analyses": (evaluated,),
        "optimiser": adam(steps), "steps": steps, **options,
    }  # fmt: skip
    return NetworkTraining(
        task=RepeatedTokensTask(**source), network=TokenTransformer(layers=layers, width=d), batch=BATCH, **given
    )


def adam(*stages: int) -> Any:
    """Adam with a warm-up over a twentieth and a decay to a tenth; after the first stage at half of its rate."""
    from validation.optimisers import Adam

    points: list[tuple[int, float]] = []
    begin = 0
    for i, steps in enumerate(stages):
        top = 0.5 if i else 1.0
        points += [(begin + (1 if i else 0), 0.0), (begin + steps // 20, top), (begin + steps, top / 10)]
        begin += steps
    return Adam(lr=5e-3, schedule=tuple(points))


def scan(full: bool, f: float) -> dict[int, NetworkTraining]:
    """The main scan at one share, by the number of repeats."""
    return {r: cell(full, f, r) for r in REPEATS[full]}


def most(full: bool) -> dict[int, NetworkTraining]:
    """The scan at a share of nine tenths, with a finer course in time."""
    return {r: cell(full, MOST, r, record_every=128 if full else 32) for r in MOST_REPEATS[full]}


def shallow(full: bool) -> dict[int, NetworkTraining]:
    """One layer, at half of the tokens, by the number of repeats."""
    return {r: cell(full, 0.5, r, layers=1) for r in SHALLOW_REPEATS[full]}


def controls(full: bool) -> dict[int, NetworkTraining]:
    """Without repeats, by the width of the network."""
    return {d: cell(full, 0.0, 0, d=d) for d in (SIZES if full else (4, 8, 16, QUICK_WIDTH))}


def dropped(full: bool, f: float) -> NetworkTraining:
    """The fresh tokens alone: what is left if the repeated ones are dropped."""
    return cell(full, f, 0)


def recoveries(full: bool) -> dict[str, NetworkTraining]:
    """A quarter of the tokens from another chain, without repeats: after a bad training, a clean one, and none."""
    other, first, later = {"source": 1}, SEQUENCES[full] // BATCH, SEQUENCES[full] // BATCH // 4
    found = {"scratch": cell(full, 0.0, 0, source=other, name="recovery-scratch", steps=later, optimiser=adam(later))}
    for name, before in (("clean", cell(full, 0.0, 0)), ("worst", cell(full, *WORST))):
        found[name] = replace(
            before, name=f"recovery-{name}", later=((first, RepeatedTokensTask(**other)),), steps=first + later,
            optimiser=adam(first, later),
        )  # fmt: skip
    return {name: replace(one, name=f"{'full' if full else 'quick'}-{one.name}") for name, one in found.items()}


def over_sizes(full: bool) -> dict[int, dict[int, NetworkTraining]]:
    """Scans at half of the tokens, by width and number of repeats; 0: without repeats."""
    return {d: {r: cell(full, 0.5 if r else 0.0, r, d=d) for r in COARSE} for d in (16, 32, 64, 96)}


def over_tokens(full: bool) -> dict[int, dict[int, NetworkTraining]]:
    """The same, by how many times as long a training is."""
    return {n: {r: cell(full, 0.5 if r else 0.0, r, tokens=n) for r in COARSE} for n in (1, 2, 4)}


def over_vocabularies(full: bool) -> dict[int, dict[int, NetworkTraining]]:
    """The same, by size of the vocabulary, of equal entropy per token."""
    each = {64: {}, 256: {"V": 256, "alpha": 0.1}}
    return {V: {r: cell(full, 0.5 if r else 0.0, r, source=more) for r in COARSE} for V, more in each.items()}


def second_source(full: bool) -> dict[int, NetworkTraining]:
    """The same on another chain, of less entropy."""
    return {r: cell(full, 0.5 if r else 0.0, r, source={"source": 2, "alpha": 0.1}) for r in COARSE}
