"""Models of a user's own, named by file or module wherever a built-in one is."""

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import minimodels as mm
from tests.minimodels.test_cli import main, minimodels

OWN = '''"""Two models."""

import minimodels as mm

print("a file may say something")
well = mm.GradientFlow(name="double_well", state={"x": 0.1}, parameters={"a": 1.0}, loss="(x**2 - a)**2/4")
_hidden = well


def chain(depth: int = 2, power: float = 2, *, kind="plain") -> "mm.GradientFlow":
    """Return a chain.

    Parameters
    ----------
    depth : int
        Number of
        weights.
    """
    names = [f"w{i}" for i in range(depth)]
    return mm.GradientFlow(
        name="chain", state=dict.fromkeys(names, 0.3), parameters={"t": 1.0}, options={"depth": depth},
        loss=f"({'*'.join(names)} - t)**{power}/2",
    )


def helper(depth):
    return depth


def needs(depth):
    return well


def all_of_them(**options):
    return well


N = 3
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(OWN)
    return tmp_path


def test_a_model_is_named_by_file_or_module(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = folder / "lab_of_mine"
    package.mkdir()
    (package / "__init__.py").write_text("from lab_of_mine.wells import well\n")
    (package / "wells.py").write_text(OWN)
    expected = mm.simulate(
        mm.GradientFlow(name="double_well", state={"x": 0.1}, parameters={"a": 2.0}, loss="(x**2 - a)**2/4"), t_end=5.0
    )
    before = list(sys.path)
    for name in ("own.py:well", f"{folder}/own.py:well", "./own.py:well", "lab_of_mine.wells:well", "lab_of_mine:well",
                 "lab_of_mine.wells.well", "lab_of_mine.well", "lab_of_mine", ):  # fmt: skip
        if name == "lab_of_mine":
            with pytest.raises(mm.InputError, match="unknown model 'lab_of_mine'"):
                mm.model(name)
            continue
        assert mm.simulate(mm.model(name, a=2.0), t_end=5.0).equals(expected), name
    assert sys.path == before
    for name in [name for name in sys.modules if name.startswith("lab_of_mine")]:
        monkeypatch.delitem(sys.modules, name)


def test_a_function_takes_options_and_the_model_values(folder: Path) -> None:
    m = mm.model("own.py:chain", depth=3, t=0.5, power=4)
    assert (m.state, m.values) == (("w0", "w1", "w2"), {"t": 0.5})
    assert m.loss == m.expression("(w0*w1*w2 - t)**4/2", "loss")
    assert "option     depth        = 3 (int). Number of weights." in mm.describe(m)
    assert mm.model("own.py:chain").state == ("w0", "w1")


def test_a_file_with_one_model_needs_no_name_and_is_read_anew(folder: Path) -> None:
    one = folder / "one.py"
    for start in (0.1, 0.2):  # of one length and second
        one.write_text(f"import minimodels as mm\nm = mm.Flow(name='m', state={{'x': {start}}}, drift={{'x': '-x'}})\n")
        assert mm.model("one.py").init == {"x": start}
    assert not (folder / "__pycache__").exists()


def test_a_file_finds_those_beside_it_but_hides_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "theory.py").write_text("raise RuntimeError('not this one')\n")
    (folder / "shared_constants_of_mine.py").write_text("START = 0.7\n")
    (folder / "inner.py").write_text(
        "from dataclasses import dataclass\nimport minimodels as mm\nimport theory\n"
        "from shared_constants_of_mine import START\n\n@dataclass\nclass Setting:\n    x: 'float' = START\n\n"
        "m = mm.Flow(name='m', state={'x': Setting().x}, drift={'x': '-x'})\n"
    )
    monkeypatch.chdir("/")
    assert mm.model(f"{folder}/inner.py:m").init == {"x": 0.7}
    monkeypatch.delitem(sys.modules, "shared_constants_of_mine")


BAD = {
    "none.py:well": r"there is no file 'none.py'; the folder has broken.py, own.py, raises.py, stops.py\.",
    "gone/none.py": "the folder 'gone' does not exist either",
    "own.py:wel": "unknown model 'wel' in 'own.py'; did you mean 'well'",
    "own.py": "'own.py' has 2 models: name one of well, chain, as in own.py:well",
    "own.py:": "must have a file or a module before its colon",
    ":well": "must have a file or a module before its colon",
    "own.py:N": "'N' of 'own.py' is neither a GradientFlow, a Flow or a Map nor a function that builds one: 3; there ",
    "own.py:mm": "is neither a GradientFlow",
    "own.py:needs": "'own.py:needs' needs a value of `depth`: give one, as depth=2 or --depth 2",
    "own.py:all_of_them": r"must take its options by name, as attend='all'; it takes '\*\*options'",
    "raises.py:m": "raises.py, line 4: unknown symbol 'q' in the loss of 'm'; known: x",
    "broken.py:m": "broken.py, line 2: SyntaxError: invalid syntax",
    "stops.py": "stops.py, line 3: SystemExit: 3",
    "raises:m": "raises, line 4: unknown symbol 'q'",
    "own/well": "the file of a model ends in .py",
    "no_such_package.wells:well": "there is no module 'no_such_package'; models in a file are given as in own.py:model",
    "no-package:well": "is neither a file that ends in .py nor a module",
    "os.path": "'os.path' has no models: state one",
    "os.path:join": r"must take its options by name, as attend='all'; it takes '\*p'",
    "math:sqrt": "must take its options by name",
    "own": "unknown model 'own'; a model of your own is given by its file: 'own.py'",
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_one_sentence(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "raises.py").write_text(
        "import minimodels as mm\n\ndef build():\n    return mm.GradientFlow(name='m', state={'x': 1.0}, loss='q')\n\n"
        "m = build()\n"
    )
    (folder / "broken.py").write_text("import minimodels as mm\nm = = 3\n")
    (folder / "stops.py").write_text("import sys\n\nsys.exit(3)\n")
    with pytest.raises(mm.InputError, match=BAD[name]):
        mm.model(name)
    capsys.readouterr()
    code, out, errors = main(capsys, "simulate", name)
    assert (code, out) == (2, "")
    assert errors.replace("a file may say something\n", "").count("\n") == 1


def test_an_option_of_a_function_is_suggested(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, sentence in (
        (("--powr", "3"), "did you mean 'power'"),
        (("--name", "3"), "unknown parameter of 'own.py:chain' or option 'name'"),
        (("--t", "x"), "must be a number"),
        (("--depth", "2.5"), "own.py:chain, line 19: TypeError: 'float' object cannot be interpreted as an integer"),
    ):
        code, _, errors = main(capsys, "simulate", "own.py:chain", *words)
        assert code == 2
        assert sentence in errors


def test_commands_take_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, errors = main(capsys, "simulate", "own.py:chain", "--depth", "3", "--t", "0.5", "--out", "run.nc")
    assert code == 0, errors
    assert errors == "a file may say something\n"
    assert out.startswith("w0 ")
    expected = mm.simulate(mm.model("own.py:chain", depth=3, t=0.5), t_end=2000.0)
    assert mm.load("run.nc").equals(expected)
    for words, seen in (
        (("models", "own.py:chain", "--depth", "3"), "option     depth        = 3 (int). Number of weights."),
        (("descend", "own.py:well", "--a", "2", "--lr", "0.1", "--steps", "900"), "1.41421 at the end"),
        (("sweep", "own.py:well", "--axis", "a=1,2", "x_0=0.1,0.2", "--t-end", "9", "--threads", "1"), "4 points"),
    ):
        code, out, errors = main(capsys, *words)
        assert code == 0, errors
        assert seen in out


def test_another_process_solves_them(folder: Path) -> None:
    m = mm.model("own.py:well")
    axes = {"a": np.linspace(0.5, 2, 40)}
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        there = mm.sweep(m, axes, t_end=5.0, executor=pool)
    assert there.equals(mm.sweep(m, axes, t_end=5.0, threads=1))


STATED = {
    "state={'x': 1.0, 'y': 1.0}", "drift={'x': '-a*x', 'y': '-2*a*y'}", "observables={'s': 'x + y'}",
    "events={'e': mm.Event('x', 0.5, -1), 'f': mm.Event('y', 0.5, -1)}",
}  # fmt: skip
CHANGED = {
    "another drift": {"drift={'x': '-a*x', 'y': '-3*a*y'}"},
    "another observable": {"observables={'s': 'x - y'}"},
    "another name of an observable": {"observables={'t': 'x + y'}"},
    "names of states exchanged": {"state={'y': 1.0, 'x': 1.0}", "drift={'y': '-a*y', 'x': '-2*a*x'}",
                                  "events={'e': mm.Event('y', 0.5, -1), 'f': mm.Event('x', 0.5, -1)}"},
    "names of events exchanged": {"events={'f': mm.Event('x', 0.5, -1), 'e': mm.Event('y', 0.5, -1)}"},
    "another level": {"events={'e': mm.Event('x', 0.4, -1), 'f': mm.Event('y', 0.5, -1)}"},
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGED)
def test_a_sweep_of_another_statement_is_not_taken_up(change: str, folder: Path) -> None:
    def write(parts: set[str]) -> mm.Flow:
        named = {part.partition("=")[0]: part for part in [*STATED, *parts]}
        text = ", ".join(named.values())
        (folder / "moving.py").write_text(
            f"import minimodels as mm\nm = mm.Flow(name='m', parameters={{'a': 1.0}}, {text})\n"
        )
        model = mm.model("moving.py")
        assert isinstance(model, mm.Flow)
        return model

    axes, options = {"a": [1.0, 2.0]}, {"t_end": 1.0, "keep": ["x", "e"], "threads": 1}
    first = mm.sweep(write(set()), axes, **options)
    assert mm.sweep(write(set()), axes, extend=first, **options).equals(first)
    with pytest.raises(mm.InputError, match="not a sweep of the same model"):
        mm.sweep(write(CHANGED[change]), axes, extend=first, **options)


def commands_of(text: str) -> list[list[str]]:
    """Return the commands that a file says to try."""
    return [line.strip().split("   ")[0].split()[1:] for line in text.splitlines() if "    minimodels " in line]


def test_new_writes_a_file_that_works_with_every_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, errors = main(capsys, "new", "toy_of_mine")
    assert (code, out) == (0, "toy_of_mine.py is written; next: minimodels simulate toy_of_mine.py\n"), errors
    text = Path("toy_of_mine.py").read_text()
    assert "NAME" not in text
    commands = {words[0]: words for words in commands_of(text)}
    assert list(commands) == ["models", "simulate", "sweep", "descend", "derive", "predict"]
    for words in [commands[name] for name in ("models", "simulate", "sweep", "descend")]:
        code, out, errors = main(capsys, *words)
        assert (code, errors) == (0, ""), words
        assert out
    assert {"run.png", "sweep.png"} <= {path.name for path in tmp_path.iterdir()}
    deep = text.partition("# def deep")[2]
    Path("deep.py").write_text(
        "import minimodels as mm\n\n" + "".join(f"{line[2:]}\n" for line in ("# def deep" + deep).splitlines())
    )
    assert mm.model("deep.py", depth=3).state == ("w_1", "w_2", "w_3")


def test_new_leaves_what_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text("mine")
    for words, sentence in (
        (("mine",), "'mine.py' exists and is left as it is"),
        (("mine.py",), "'mine.py' exists and is left as it is"),
        (("nested_logit",), "is a built-in model"),
        (("1st",), "is a Python identifier, as my_model; got '1st'"),
        (("class",), "is a Python identifier"),
        (("a/b",), "is a Python identifier"),
        ((), "is a Python identifier"),
        (("theory",), "is a module of Python"),
        (("good", "--kind", "map"), "unknown option '--kind'"),
    ):
        code, out, errors = main(capsys, "new", *words)
        assert (code, out) == (2, ""), words
        assert sentence in errors
        assert errors.count("\n") == 1
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_the_console_script_finds_modules_of_the_current_folder(folder: Path) -> None:
    done = minimodels("models", "own:well", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("double_well (gradient flow)")
    assert done.stderr == "a file may say something\n"
