"""The ``minimodels`` command: from its words to the function that carries it out, and its exit status.

Exit status: 0 done, 1 a claim disagrees or is not run, or a run failed, 2 bad input (one sentence on standard error),
130 interrupted.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any

from minimodels import __version__
from minimodels.cli import commands, options, upkeep
from minimodels.cli.answers import say
from minimodels.cli.stopping import INTERRUPTED, fail, stopping
from minimodels.cli.words import Choices, parse
from minimodels.errors import InputError, RunFailed

ACTIONS: dict[type, Callable[[Any, Choices], int]] = {
    options.Models: commands.do_models,
    options.Simulate: commands.do_simulate,
    options.Descend: commands.do_descend,
    options.Sweep: commands.do_sweep,
    options.Derive: commands.do_derive,
    options.Predict: commands.do_predict,
    options.Explore: commands.do_explore,
    options.Validate: commands.do_validate,
    options.Repeats: commands.do_repeats,
    options.Forecast: commands.do_forecast,
    options.New: upkeep.do_new,
    options.Completion: commands.do_completion,
    options.Doctor: upkeep.do_doctor,
    options.Cache: upkeep.do_cache,
    options.Warmup: upkeep.do_warmup,
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
