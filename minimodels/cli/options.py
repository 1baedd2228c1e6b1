"""What the commands take: their options as frozen dataclasses."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import FlagCreatePairsOff, Positional, arg

from minimodels.engine.stepper.methods import methods

Name = Positional[
    Annotated[
        str, arg(metavar="MODEL", help="A model that `minimodels models` lists, or one of your own, as own.py:model.")
    ]
]


def _listed(metavar: str, meaning: str | None = None) -> Any:
    """Return how an option is shown that takes several words."""
    return arg(metavar=metavar, help=meaning, help_behavior_hint="")


Init = Annotated[tuple[str, ...], _listed("STATE=VALUE ...", "Initial values, as alpha=0.01 xi=0.")]
Rates = Annotated[
    tuple[str, ...], _listed("STATE=RATE ...", "Rates: numbers or expressions of the parameters, as xi=1/(L-1).")
]
Clamps = Annotated[
    tuple[str, ...],
    _listed("STATE=VALUE ...", "Held states, as beta_1=5, or beta_1=5:0:100 from 0 to 100 (time or steps)."),
]
Flag = FlagCreatePairsOff[bool]
Json = FlagCreatePairsOff[Annotated[bool, arg(help="Print one JSON document, for machines, in the place of text.")]]
File = Annotated[Path | None, arg(metavar="FILE", constructor=Path, help_behavior_hint="")]
Folder = Annotated[Path, arg(metavar="FOLDER")]
Size = Annotated[float | None, arg(metavar="FLOAT", constructor=float, help_behavior_hint="")]
Count = Annotated[int | None, arg(metavar="INT", constructor=int, help_behavior_hint="")]
Cluster = Annotated[
    str | None,
    arg(
        metavar="ADDRESS",
        constructor=str,
        help="Run on a cluster: the address of its scheduler (dask.distributed), or the file that this wrote (.json).",
        help_behavior_hint="",
    ),
]
if TYPE_CHECKING:
    FlowMethod = str
    AdaptiveMethod = str
else:
    FlowMethod = Literal[tuple(name for name, method in methods().items() if not method.discrete)]
    AdaptiveMethod = Literal[tuple(name for name, method in methods().items() if method.adaptive)]


@dataclass(frozen=True)
class Output:
    """Where results go."""

    out: File = None
    """Save the result as NetCDF (.nc)."""
    plot: File = None
    """Draw a figure (.png, .pdf or .svg)."""
    overwrite: Flag = False
    """Allow existing files to be replaced."""


@dataclass(frozen=True)
class Models:
    """List the built-in models, or describe one with its options and parameters."""

    model: Positional[Annotated[str | None, arg(metavar="MODEL", help_behavior_hint="")]] = None
    """The model to describe; its options may follow, as in --attend labels."""
    json: Json = False


@dataclass(frozen=True)
class Simulate:
    """Integrate one trajectory of a model, as in: simulate nested_logit --N 8 --L 32 --plot run.png."""

    model: Name
    t_end: float = 2000.0
    """End time, in units of learning rate x steps."""
    init: Init = ()
    rates: Rates = ()
    clamp: Clamps = ()
    method: FlowMethod = "tsit5"
    """rodas4 if the flow is stiff; rk4 takes --step."""
    step: Annotated[float | None, arg(metavar="FLOAT", constructor=float, help_behavior_hint="")] = None
    """Step of a method that does not choose it itself."""
    rtol: float = 1e-6
    """Relative tolerance."""
    atol: float = 1e-9
    """Absolute tolerance."""
    json: Json = False
    output: Output = field(default_factory=Output)


@dataclass(frozen=True)
class Descend:
    """Run gradient descent on a model's loss, or iterate a map."""

    model: Name
    lr: float = 0.01
    """Learning rate."""
    steps: int = 50_000
    """Number of iterations."""
    init: Init = ()
    rates: Rates = ()
    clamp: Clamps = ()
    json: Json = False
    output: Output = field(default_factory=Output)


@dataclass(frozen=True)
class Sweep:
    """Integrate a model over a grid; with --out it resumes after an interruption.

    Beyond memory, --out takes a folder that ends in .zarr.
    """

    model: Name
    axis: Annotated[tuple[str, ...], _listed("NAME=VALUES ...")] = ()
    """Axes, as N=4,8,16 or N=2:16:100 (100 points) or L=log:8:512:100."""
    t_end: Annotated[float | None, arg(metavar="FLOAT", help_behavior_hint="")] = None
    """End time, in units of learning rate x steps; 2000 unless given."""
    steps: Count = None
    """Descend this many steps, or iterate a map, instead of integrating to an end time."""
    lr: float = 1.0
    """Learning rate of the descent; it may be an axis."""
    keep: Annotated[tuple[str, ...], _listed("RESULT ...")] = ()
    """Results to keep; the loss and the events unless given."""
    init: Init = ()
    rates: Rates = ()
    clamp: Clamps = ()
    method: AdaptiveMethod = "tsit5"
    """rodas4 if the flow is stiff."""
    rtol: float = 1e-6
    """Relative tolerance."""
    atol: float = 1e-9
    """Absolute tolerance."""
    threads: Count = None
    """Threads; all processors unless given."""
    cluster: Cluster = None
    json: Json = False
    output: Output = field(default_factory=Output)


@dataclass(frozen=True)
class Derive:
    """Print the derivations for a model, each step checked."""

    model: Name
    format: Literal["markdown", "latex"] = "markdown"
    """Text to print."""
    out: File = None
    """Write the text to a file instead."""
    overwrite: Flag = False
    """Allow an existing file to be replaced."""
    json: Json = False


@dataclass(frozen=True)
class Predict:
    """Print what theory predicts for a model at given parameters."""

    model: Name
    rates: Rates = ()
    json: Json = False


@dataclass(frozen=True)
class Explore:
    """Open a page of sliders, curves and a phase diagram, as in: explore nested_logit --N 8. Ctrl-C ends it."""

    model: Name
    port: int = 0
    """Port on this machine; any that is free unless given."""
    no_browser: Flag = False
    """Print the address, and open no browser."""
    rates: Rates = ()


@dataclass(frozen=True)
class Validate:
    """Check the claims of a paper against models, theory and trained networks; write a report."""

    paper: Positional[Annotated[str, arg(metavar="PAPER", help_behavior_hint="")]] = ""
    """Paper whose claims to check; the headline claims of every paper unless given."""
    all: Flag = False
    """Check every claim of every paper."""
    only: Annotated[tuple[str, ...], _listed("ID ...")] = ()
    """Check these claims only, as R1a R1m."""
    full: Flag = False
    """The papers' settings (days on a CPU, resumable) instead of the quick ones (minutes)."""
    out: Folder = Path("report")
    """Folder of the reports, one for each paper; older reports there are replaced."""
    trainings: Annotated[Path | None, arg(metavar="FOLDER", constructor=Path, help_behavior_hint="")] = None
    """Folder that keeps the trainings: the same command again goes on from there."""
    workers: Count = None
    """Trainings side by side; one a processor unless given."""
    cluster: Annotated[
        str | None,
        arg(
            metavar="ADDRESS",
            constructor=str,
            help="Train on a cluster, by the address of its scheduler or its file; --trainings: a shared folder.",
            help_behavior_hint="",
        ),
    ] = None
    device: str = "cpu"
    """Torch device of the trainings."""
    record: Flag = False
    """Keep what a full run finds in the package: quick runs then show it beside what they measure."""
    list: Flag = False
    """List the claims with their statements, and run none."""
    json: Json = False


@dataclass(frozen=True)
class Repeats:
    """Say what repeats cost, as in: repeats --tokens 1e11 --parameters 197e6 --width 640 --fraction .03 --times 50."""

    tokens: Size = None
    """Training tokens T, all of them."""
    parameters: Size = None
    """Parameters N without embeddings."""
    width: float = 0.0
    """Width of the model: untied embeddings add 2 x vocabulary x width parameters; 0 leaves them out."""
    vocabulary: float = 50304.0
    """Entries of the vocabulary."""
    histogram: File = None
    """A CSV file with the columns multiplicity and tokens: how often each of so many training tokens is seen."""
    fraction: Size = None
    """Share of the training tokens that are repeats, in the place of a histogram."""
    times: Size = None
    """Times that each of them is seen."""
    distinct: Flag = False
    """The histogram counts each token once, not all times that it is seen."""
    json: Json = False
    output: Output = field(default_factory=Output)


@dataclass(frozen=True)
class Forecast:
    """Say when the drop of a training comes, as in: forecast log.csv --model nested_logit --N 8 --L 32 --loss loss."""

    log: Positional[Annotated[Path, arg(metavar="LOG", constructor=Path)]]
    """A CSV file, JSON lines, or a folder of TensorBoard events, up to now."""
    model: Annotated[str, arg(metavar="MODEL")] = "nested_logit"
    """A model that `minimodels models` lists, or one of your own, as own.py:model."""
    step: str = "step"
    """Column of the step; TensorBoard has its own."""
    loss: str = "loss"
    """Column of the loss; none if the log has none that the model states."""
    observe: Annotated[tuple[str, ...], _listed("OBSERVABLE=COLUMN ...")] = ()
    """Columns of other measures, by what the model calls them, as correct=test_accuracy ILA1=induction."""
    lr: Size = None
    """Learning rate, if the model's time is learning rate x steps; the clock is unknown unless given."""
    rates: Rates = ()
    init: Init = ()
    prior: Annotated[tuple[str, ...], _listed("UNKNOWN=BELIEF ...")] = ()
    """What is believed of an unknown, as rate_xi=lognormal:1:0.5 growth_xi=0; help(minimodels.fit) lists them."""
    free: Annotated[tuple[str, ...], _listed("UNKNOWN ...")] = ()
    """The only unknowns, as clock delay; the others are held."""
    event: str = ""
    """What the drop is: an event of the model, or as 'loss<0.5'; the model's first event unless given."""
    horizon: float = 10.0
    """How far to look, in multiples of the last step."""
    samples: int = 100_000
    """Trajectories at most."""
    seed: int = 0
    """Seed of the draws."""
    json: Json = False
    output: Output = field(default_factory=Output)


@dataclass(frozen=True)
class New:
    """Write a model of your own to start from, NAME.py in the current folder."""

    name: Positional[Annotated[str, arg(metavar="NAME", help_behavior_hint="")]] = ""
    """Name of the model, as my_model."""


@dataclass(frozen=True)
class Completion:
    """Print the script that completes commands, options and models in a shell.

    As in: minimodels completion bash > ~/.local/share/bash-completion/completions/minimodels, or in a start file of
    bash or zsh: source <(minimodels completion zsh); for fish: > ~/.config/fish/completions/minimodels.fish.
    """

    shell: Positional[Literal["bash", "zsh", "fish"]]
    """The shell."""


@dataclass(frozen=True)
class Doctor:
    """Say what this installation is made of, and what is wrong with it: status 1 if something is."""

    json: Json = False


@dataclass(frozen=True)
class Cache:
    """Say where compiled code is kept and how much there is, or remove it."""

    clear: Flag = False
    """Remove the compiled code; it is compiled anew when it is needed."""
    json: Json = False


@dataclass(frozen=True)
class Warmup:
    """Compile the kernels of all built-in models, once."""


Command = (
    Models
    | Simulate
    | Descend
    | Sweep
    | Derive
    | Predict
    | Explore
    | Validate
    | Repeats
    | Forecast
    | New
    | Completion
    | Doctor
    | Cache
    | Warmup
)
