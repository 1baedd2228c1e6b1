"""Lines of the ledger that need parts which do not exist yet; each says which."""

from validation.ledger import Claim, Level

_IWL = "needs the in-weights metrics (IW, IC2) and the sweep over K"
_HEAD = "needs the two-parameter induction head"

_LINES: tuple[tuple[str, str, Level, str, str], ...] = (
    ("R2", "Small K favours in-weights learning, large K in-context learning", "network",
     "K = 128, 256, 512, 2048 by B = 0, 1, 2, 4", _IWL),
    ("R3", "Burstiness favours in-context learning; B = 0 gives in-weights learning only", "network", "as R2", _IWL),
    ("R4", "Within-class variation favours in-context learning", "network", "K = 1024, B = 1, eps = 0..6.4", _IWL),
    ("R5", "Skewed class frequencies allow both kinds of learning", "network", "K = 1024, B = 1, zipf = 0..1.75",
     "needs class frequencies that follow a power law"),
    ("R6", "p_B < 1 with p_C = 0 yields an in-weights solution", "network", "p_B = .5", _IWL),
    ("R7", "p_C > 0 with p_B = 1 always gives in-context learning", "network", "p_C = .8", _IWL),
    ("R8", "0 < p_B, p_C < 1: both kinds are learned and kept", "network", "p_B, p_C = .25, .5, .75", _IWL),
    ("R9", "The jump coincides with an induction head", "network", "K = 256, B = 1, p_C = .8",
     "needs attention maps at checkpoints before and after the jump"),
    ("R16", "In-context learning is not transient here", "network", "three times the jump time",
     "needs long runs of R7, R8"),
    ("R17", "Both kinds of learning are acquired independently", "network", "R2", _IWL),
    ("R18", "Knocking out either head abolishes in-context learning", "network", "p1 or p2 uniform after training",
     "needs clamps of the network's attention"),
    ("R19", "Another optimiser or larger initial Q, K, V may rescue L = N", "network", "R15 variants",
     "needs an option for the initial scale"),
    ("R20", "A curriculum can speed up the transition", "network", "vary L, N or B during training",
     "needs schedules of the data"),
    ("R21", "Patching both attention layers, and only both, restores in-context learning", "network", "R9 network",
     "needs clamps of the network's attention"),
    ("R22", "The minimal model explains the dependences on B, eps, K, zipf", "model", "R2 to R5", _HEAD),
    ("R23", "The gain xi depends on the label frequencies", "model", "R5", "needs one gain per label"),
    ("R26", "Fewer classifier layers break in-weights learning at large K", "network", "1, 2, 3 layers", _IWL),
)  # fmt: skip

CLAIMS = tuple(
    Claim(id, statement, level, {"quick": setting, "full": setting}, missing=missing)
    for id, statement, level, setting, missing in _LINES
)
