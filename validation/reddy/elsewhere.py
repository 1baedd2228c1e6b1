"""Lines of the ledger that need parts which do not exist yet; each says which."""

from validation.ledger import Claim

_FREQUENCIES = "K = 1024, B = 1, zipf = 0 to 1.5, unique_labels off"

CLAIMS = (
    Claim("R23", "The gain xi depends on the label frequencies", "model",
          {"quick": _FREQUENCIES, "full": _FREQUENCIES}, missing="needs one gain per label in the recorded measures"),
)  # fmt: skip
