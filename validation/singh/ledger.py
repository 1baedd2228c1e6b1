"""The ledger of claims on induction heads under clamps and competing strategies (Singh et al., 2024 and 2025)."""

from collections.abc import Sequence

from minimodels.tasks.exemplar_label import ExemplarLabelTask
from validation.ledger import Ledger, collect
from validation.protocols import Network, Task
from validation.singh import claims


def pairs() -> Sequence[tuple[Task, Network]]:
    """Small tasks: labels anew in every sequence, with clamps that leave parts to be learnt, and labels of classes."""
    from validation.singh.applied import subcircuits
    from validation.singh.network import Transformer

    parts = ("layer-0", "match", "copy", "layer-0+copy")
    clamped = tuple((name, subcircuits((1, 1), (0, 0), heads=2)[name]) for name in parts)
    return [
        (ExemplarLabelTask(D=8, C=6, w=0.2, unseen=4), Transformer(heads=2, width=8, manipulations=clamped)),
        (
            ExemplarLabelTask(labels="fixed", K=8, C=8, D=8, w=0.2, exemplars=20, query="another"),
            Transformer(heads=2, width=8, positions="table"),
        ),
    ]


LEDGER = Ledger("What must go right for an induction head (Singh et al., 2024, 2025)", collect(claims), pairs)
