"""The ledger of claims on in-context classification, induction heads and abrupt learning (Reddy, ICLR 2024).

Ids are those of the ledger, with a letter where one line makes several statements; S6.x are statements of the theory
of the nested-logit model.
"""

import re

from validation.ledger import Claim
from validation.reddy import course, data, experiments, head, interventions, model, network


def _key(claim: Claim) -> tuple[str, float, str]:
    letter, number, rest = re.fullmatch(r"([RS])([0-9.]+)(\w*)", claim.id).groups()  # type: ignore[union-attr]
    return letter, float(number), rest


CLAIMS: tuple[Claim, ...] = tuple(
    sorted(
        (
            *model.CLAIMS,
            *experiments.CLAIMS,
            *head.CLAIMS,
            *data.CLAIMS,
            *course.CLAIMS,
            *network.CLAIMS,
            *interventions.CLAIMS,
        ),
        key=_key,
    )
)
