"""The ledger of claims on in-context classification, induction heads and abrupt learning (Reddy, ICLR 2024).

Ids are those of the ledger, with a letter where one line makes several statements; T6.x are statements of the theory
of the nested-logit model.
"""

from collections.abc import Sequence

from minimodels.tasks.item_label import ItemLabelTask
from validation.ledger import Ledger, collect
from validation.protocols import Network, Task
from validation.reddy import claims


def pairs() -> Sequence[tuple[Task, Network]]:
    """A small task, and the network of the paper."""
    from validation.reddy.network import AttentionOnly

    return [(ItemLabelTask(N=2, L=8, K=8, D=15, N_max=2, p_C=0.5, K_c=None), AttentionOnly())]


LEDGER = Ledger(
    "In-context classification, induction heads and abrupt learning (Reddy, ICLR 2024)", collect(claims), pairs
)
