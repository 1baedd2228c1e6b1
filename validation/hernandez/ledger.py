"""The ledger of claims on learning from repeated data (Hernandez et al., 2022)."""

from collections.abc import Sequence

from minimodels.tasks.repeated_tokens import RepeatedTokensTask
from validation.hernandez import claims
from validation.ledger import Ledger, collect
from validation.protocols import Network, Task


def pairs() -> Sequence[tuple[Task, Network]]:
    """A small task, a third of which is repeated."""
    from validation.hernandez.network import TokenTransformer

    return [(RepeatedTokensTask(V=12, T=44, f=1 / 3, distinct=20), TokenTransformer(heads=2, width=8))]


LEDGER = Ledger("Learning from repeated data (Hernandez et al., 2022)", collect(claims), pairs)
