"""Lines of the ledger that need parts which do not exist yet; each says which."""

from validation.ledger import Claim, Level

_IWL = "needs the in-weights metrics (IW, IC2) and the sweep over K"
_HEAD = "needs the two-parameter induction head"

_LINES: tuple[tuple[str, str, Level, str, str], ...] = (
    ("R23", "The gain xi depends on the label frequencies", "model", "R5", "needs one gain per label"),
)  # fmt: skip

CLAIMS = tuple(
    Claim(id, statement, level, {"quick": setting, "full": setting}, missing=missing)
    for id, statement, level, setting, missing in _LINES
)
