"""The ``minimodels`` command: from its words to the function that carries it out, and its exit status.

Exit status: 0 done, 1 a claim disagrees or is not run, or a run failed, 2 bad input (one sentence on standard error),
130 interrupted.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any

from minimodels import __version__
from minimodels.cli.answers import say
from minimodels.cli.commands import (
    do_derive,
    do_descend,
    do_forecast,
    do_models,
    do_predict,
    do_repeats,
    do_simulate,
    do_sweep,
    do_validate,
)
from minimodels.cli.options import (
    Derive,
    Descend,
    Forecast,
    Models,
    New,
    Predict,
    Repeats,
    Simulate,
    Sweep,
    Validate,
    Warmup,
)
from minimodels.cli.stopping import INTERRUPTED, fail, stopping
from minimodels.cli.upkeep import do_new, do_warmup
from minimodels.cli.words import Choices, parse
from minimodels.errors import InputError, RunFailed

ACTIONS: dict[type, Callable[[Any, Choices], int]] = {
    Models: do_models,
    Simulate: do_simulate,
    Descend: do_descend,
    Sweep: do_sweep,
    Derive: do_derive,
    Predict: do_predict,
    Validate: do_validate,
    Repeats: do_repeats,
    Forecast: do_forecast,
    New: do_new,
    Warmup: do_warmup,
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    try:
        with stopping():
            status = run(sys.argv[1:] if argv is None else list(argv))
    except InputError as error:
        status = fail(str(error), 2)
    except (RunFailed, ModuleNotFoundError) as error:
        status = fail(str(error), 1)
    except KeyboardInterrupt:
        status = fail(INTERRUPTED, 130)
    except BrokenPipeError:
        status = 0
    except OSError as error:
        status = fail(f"{error.strerror or error}: {error.filename or 'no file named'}; nothing more was written.", 1)
    sys.exit(status)


def run(argv: list[str]) -> int:
    """Carry out a command."""
    if argv == ["--version"]:
        say(f"minimodels {__version__}")
        return 0
    command, chosen = parse(argv or ["--help"])
    return ACTIONS[type(command)](command, chosen)
