"""How a trajectory ended, in words, and what to do about it."""

from enum import IntEnum


class Status(IntEnum):
    """Outcome of one trajectory."""

    SUCCESS = 0
    EVENT = 1
    STEADY = 2
    CENSORED = 3
    MAX_STEPS = 4
    STEP_TOO_SMALL = 5
    NON_FINITE = 6
    INTERRUPTED = 7
    OUT_OF_DOMAIN = 8

    @property
    def failed(self) -> bool:
        """Whether the trajectory did not get as far as was asked."""
        return self >= Status.MAX_STEPS


PENDING = -1

WHAT = {
    Status.SUCCESS: "reached the end time",
    Status.EVENT: "stopped at the event asked for",
    Status.STEADY: "came to rest, every rate of change below `steady`",
    Status.CENSORED: "reached the end time without the event asked for",
    Status.MAX_STEPS: "used up `max_steps`",
    Status.STEP_TOO_SMALL: "needed steps at the level of rounding",
    Status.NON_FINITE: "met an infinity or nan",
    Status.INTERRUPTED: "was interrupted",
    Status.OUT_OF_DOMAIN: "lies outside the model's domain",
}
REMEDIES = {
    Status.CENSORED: "a later end may show it",
    Status.MAX_STEPS: "raise it, loosen `rtol`, or use method='rodas4' if the flow is stiff",
    Status.STEP_TOO_SMALL: "loosen `rtol`, or end before what may be a blow-up",
    Status.NON_FINITE: "end before what may be a blow-up, or check initial values and parameters",
    Status.INTERRUPTED: "the same call again computes it",
    Status.OUT_OF_DOMAIN: "see the ranges of its parameters and the bounds of its states in `describe(model)`",
}
