r"""A transformer whose loss has the squares of some of its weights added, :math:`\mathcal L + \lambda \sum w^2`."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from minimodels.errors import InputError, check_choice, check_number
from validation.protocols import Held, Parameters
from validation.singh.network import Tokens, Transformer


@dataclass(frozen=True)
class Regularised(Transformer):
    """Options of the network, and L2 regularisation of its weights; biases and LayerNorm are left alone.

    ======  =======================================================================
    l2      factor of the sum of squares
    of      "all" weights, those of "attention" (Q, K, V, O), or of the "mlp" (M, N)
    ======  =======================================================================
    """

    l2: float = 0.0
    of: Literal["all", "attention", "mlp"] = "all"

    def __post_init__(self) -> None:
        super().__post_init__()
        if check_number(self.l2, "`l2`") < 0:
            raise InputError(f"`l2` must not be negative; got {self.l2}.")
        check_choice(self.of, "`of`", ("all", "attention", "mlp"))

    def losses(self, parameters: Parameters, batch: Tokens, held: Held | None = None) -> dict[str, Tensor]:
        """The loss that is minimised, and the part of it that the data give, for each seed."""
        data = super().losses(parameters, batch, held)["loss"]
        return {"loss": data + self.l2 * self.squares(parameters), "data_loss": data}

    def squares(self, parameters: Parameters) -> Tensor:
        """The sum of squares of the weights that are regularised, for each seed."""
        kinds = {"attention": "QKVO", "mlp": "MN", "all": "QKVOMNEU"}[self.of]
        squares = [p.square().flatten(1).sum(1) for name, p in parameters.items() if name[0] in kinds]
        return sum(squares, start=parameters["u"].new_zeros(len(parameters["u"])))
