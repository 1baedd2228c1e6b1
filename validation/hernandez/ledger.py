"""The ledger of claims on learning from repeated data (Hernandez et al., 2022)."""

from validation.hernandez import claims
from validation.ledger import Ledger, collect

LEDGER = Ledger("Learning from repeated data (Hernandez et al., 2022)", collect(claims))
