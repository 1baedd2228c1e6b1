"""The ledger of claims on linear self-attention as gradient descent (von Oswald et al., ICML 2023)."""

from collections.abc import Sequence

from minimodels.tasks.linear_regression import LinearRegressionTask
from minimodels.tasks.sine_regression import SineRegressionTask
from validation.ledger import Ledger, collect
from validation.oswald import claims
from validation.protocols import Network, Task


def pairs() -> Sequence[tuple[Task, Network]]:
    """Small tasks, and networks of one and of two layers, and behind an embedding."""
    from validation.oswald.embedded import EmbeddedAttention
    from validation.oswald.network import SelfAttention

    small = LinearRegressionTask(N=4, d=3)
    return [
        (small, SelfAttention(scale=0.3)),
        (small, SelfAttention(layers=2, softmax="first", pairs="split", heads=2, scale=0.3)),
        (SineRegressionTask(N=4), EmbeddedAttention(width=6, hidden=8, scale=0.3)),
    ]


LEDGER = Ledger("In-context learning by gradient descent (von Oswald et al., ICML 2023)", collect(claims), pairs)
