"""How a trajectory ended, with a sentence that says what to change."""

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

SENTENCES = {
    Status.SUCCESS: "reached the end time.",
    Status.EVENT: "stopped at the event asked for.",
    Status.STEADY: "came to rest: every rate of change fell below `steady`.",
    Status.CENSORED: "reached the end time without the event asked for; raise `t_end` to see it.",
    Status.MAX_STEPS: "used up `max_steps`; raise it, loosen `rtol`, or use method='rodas4' if the flow is stiff.",
    Status.STEP_TOO_SMALL: "the step size fell to rounding level, as near a blow-up; lower `t_end` or loosen `rtol`.",
    Status.NON_FINITE: "met an infinity or nan, as beyond a blow-up or where an expression has no value; "
    "lower `t_end`, or check the initial values and the parameters.",
    Status.INTERRUPTED: "was interrupted before its end; run the same command again.",
    Status.OUT_OF_DOMAIN: "lies outside the model's domain; see the parameters' ranges in `describe(model)`.",
}
