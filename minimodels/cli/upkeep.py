"""Commands that look after an installation and a user's files."""

import keyword
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minimodels.cli import documents
from minimodels.cli.answers import say
from minimodels.cli.options import Cache, Doctor, New, Warmup
from minimodels.cli.starter import STARTER
from minimodels.cli.words import Choices
from minimodels.errors import InputError, shown
from minimodels.files import write_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from minimodels.model import Model


STEPPER = 40  # parts of the work of a model, which is what makes the time that is left about right


def do_new(command: New, chosen: Choices) -> int:
    """Write a model to start from."""
    from minimodels.models import models
    from minimodels.naming import LONGEST

    name = command.name.removesuffix(".py")
    if not name.isidentifier() or not name.isascii() or keyword.iskeyword(name) or len(name) > LONGEST:
        raise InputError(f"a model's name is a Python identifier, as my_model; got {shown(command.name)}.")
    path = Path(f"{name}.py")
    if name in models():
        raise InputError(f"{name!r} is a built-in model; choose another name.")
    if path.exists() or path.is_symlink():
        raise InputError(f"{str(path)!r} exists and is left as it is; choose another name.")
    if find_spec(name) is not None:
        raise InputError(f"{name!r} is a module of Python, which a file of this name would hide; choose another name.")
    write_file(path, STARTER.replace("NAME", name).encode())
    say(f"{path} is written; next: minimodels simulate {path}")
    return 0


def do_doctor(command: Doctor, chosen: Choices) -> int:
    """Look at the installation."""
    from minimodels.cli import doctor

    report = doctor.examine()
    if command.json:
        documents.write("doctor", {**report.found, "wrong": report.wrong})
    else:
        say(doctor.text(report))
    return 1 if report.wrong else 0


def do_cache(command: Cache, chosen: Choices) -> int:
    """Say what compiled code there is, or remove it."""
    from minimodels.cli import doctor
    from minimodels.engine import cache

    if not command.clear:
        about, _ = doctor.compiled_code()
        if command.json:
            documents.write("cache", about)
        else:
            say(f"{about['path']}: {doctor.size(about)}")
        return 0
    files, size, left = cache.clear()
    if command.json:
        documents.write("cache", {"path": str(cache.place()), "removed": files, "bytes": size, "left": left})
        return 0
    say(f"{cache.place()}: removed {files} files, {size / 1e6:.2f} MB")
    if left:
        say(f"left, not ours: {', '.join(left)}")
    return 0


def do_warmup(command: Warmup, chosen: Choices) -> int:
    """Compile the steppers, and the kernels of the built-in models and of the induction head."""
    from minimodels.engine import steppers
    from minimodels.engine.stepper.methods import methods
    from minimodels.induction_head.train import train_head
    from minimodels.models import variants
    from minimodels.notices import bar, unsaid
    from minimodels.tasks.item_label import ItemLabelTask

    def head() -> None:
        task = ItemLabelTask(N=2, L=4, K=4, D=4, N_max=2, K_c=None)
        for optimiser in ("sgd", "adam"):
            train_head(task, optimiser=optimiser, steps=1, held_out=1, tests=(), progress=False)

    work: list[tuple[str, int, Callable[[], Any]]] = [("what evaluates programs", 1, steppers.points)]
    work += [(f"the stepper {method}", STEPPER, partial(steppers.driver, method)) for method in methods()]
    work += [(model.name, 1, partial(compile_model, model)) for model in variants()]
    work.append(("the induction head", STEPPER, head))
    with unsaid(), bar(sum(parts for _, parts, _ in work), "parts", None, leave=True) as under_way:
        for what, parts, compile_it in work:
            under_way.set_description(what)
            compile_it()
            under_way.update(parts)
    return 0


def compile_model(model: "Model") -> None:
    """Compile every kernel of a model."""
    from minimodels.compiled import compiled
    from minimodels.model import Map

    kernels = compiled(model)
    events = [event.expr for event in model.events.values()]
    kernels.flow(events, discrete=True)
    for implicit in () if isinstance(model, Map) else (False, True):
        kernels.flow(events, implicit=implicit)
    kernels.observe()
    kernels.linearise()
