"""Resume, stop conditions, clamps, optimisers, and what is refused: the loop, with a toy network."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

torch = pytest.importorskip("torch")

import validation  # noqa: E402
from minimodels.errors import InputError, RunFailed  # noqa: E402
from tests.validation.toy import Product, Slope  # noqa: E402
from validation import SGD, Adam, train  # noqa: E402
from validation.loop import Loop  # noqa: E402
from validation.training import clamps  # noqa: E402

TOY = Slope(), Product()
ROOT = Path(__file__).parents[2]
QUICK = {"steps": 24, "record_every": 4, "held_out": 64, "batch": 16, "progress": False, "checkpoint_every": 8}


@pytest.mark.parametrize("optimiser", [SGD(lr=0.1), Adam()])
def test_a_resumed_run_is_bitwise_equal_to_an_uninterrupted_one(tmp_path: Path, optimiser: SGD | Adam) -> None:
    options = {**QUICK, "optimiser": optimiser, "seed": [1, 2]}
    whole = train(*TOY, **options, out=tmp_path / "whole")
    train(*TOY, **{**options, "steps": 12}, out=tmp_path / "parts")
    parts = train(*TOY, **options, out=tmp_path / "parts")
    xr.testing.assert_identical(whole, parts)
    states = [next((tmp_path / name).glob("state-*")).read_bytes() for name in ("whole", "parts")]
    assert states[0] == states[1]
    assert len(list((tmp_path / "parts").glob("state-*"))) == 1
    with xr.open_dataset(tmp_path / "parts" / "run.nc", engine="h5netcdf") as saved:
        xr.testing.assert_identical(saved.load().drop_attrs(deep=False).assign_attrs(whole.attrs), whole)
    assert (tmp_path / "parts" / "run.csv").read_text().count("\n") == 1 + 2 * 7


def test_a_run_killed_after_a_checkpoint_goes_on_from_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train(*TOY, **QUICK, seed=3)
    update, done = Loop.update, []

    def killed(self: Loop, parameters: list) -> None:
        if len(done) == 18:
            raise KeyboardInterrupt
        done.append(self.step)
        update(self, parameters)

    monkeypatch.setattr(Loop, "update", killed)
    kept = train(*TOY, **QUICK, seed=3, out=tmp_path)
    assert kept.attrs["status"] == "INTERRUPTED"
    assert kept.step.values.tolist() == [0, 4, 8, 12, 16]
    monkeypatch.setattr(Loop, "update", update)
    again = train(*TOY, **QUICK, seed=3, out=tmp_path)
    xr.testing.assert_identical(again, whole)


def test_a_process_killed_without_warning_leaves_a_checkpoint_to_resume_from(tmp_path: Path) -> None:
    code = (
        "import sys; from validation import train; from tests.validation.toy import Product, Slope; "
        "train(Slope(), Product(), steps=100000, record_every=5, held_out=64, batch=16, checkpoint_every=5, "
        "seed=3, out=sys.argv[1], progress=False)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT)
    head, deadline = tmp_path / "checkpoint.json", time.monotonic() + 100
    while not (head.exists() and json.loads(head.read_text())["step"] >= 20) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    step = json.loads(head.read_text())["step"]
    assert step >= 20
    options = {"record_every": 5, "held_out": 64, "batch": 16, "seed": 3, "progress": False, "steps": step + 10}
    xr.testing.assert_identical(train(*TOY, **options, out=tmp_path), train(*TOY, **options))


def test_a_finished_run_is_returned_without_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = train(*TOY, **QUICK, out=tmp_path)
    monkeypatch.setattr(Loop, "update", None)
    xr.testing.assert_identical(train(*TOY, **QUICK, out=tmp_path), first)


def test_seeds_side_by_side_are_those_trained_alone() -> None:
    both = train(*TOY, **QUICK, seed=[0, 7])
    alone = train(*TOY, **QUICK, seed=7)
    assert both.loss.dims == ("seed", "step")
    assert alone.loss.dims == ("step",)
    xr.testing.assert_allclose(both.sel(seed=7, drop=True), alone.drop_vars("seed"), atol=1e-4)
    assert not np.allclose(both.loss[0], both.loss[1], atol=1e-3)


def damaged(folder: Path, how: str) -> None:
    head = json.loads((folder / "checkpoint.json").read_text())
    if how == "json":
        (folder / "checkpoint.json").write_text("{")
    elif how == "foreign":
        (folder / "checkpoint.json").write_text('{"epoch": 3}')
    elif how == "truncated":
        state = folder / head["state"]
        state.write_bytes(state.read_bytes()[:100])
    elif how == "missing":
        (folder / head["state"]).unlink()


@pytest.mark.parametrize("how", ["json", "foreign", "truncated", "missing"])
def test_a_damaged_or_foreign_checkpoint_is_refused_and_left_as_it_is(tmp_path: Path, how: str) -> None:
    train(*TOY, **QUICK, out=tmp_path)
    damaged(tmp_path, how)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(InputError, match="is damaged or not one of a training run: move it away") as caught:
        train(*TOY, **{**QUICK, "steps": 30}, out=tmp_path)
    assert "\n" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_with_another_run_or_other_files_is_refused(tmp_path: Path) -> None:
    train(*TOY, **QUICK, out=tmp_path / "run")
    with pytest.raises(InputError, match=r"holds a run with lr=0\.01, not 0\.5: choose another folder"):
        train(*TOY, **QUICK, optimiser=SGD(lr=0.5), out=tmp_path / "run")
    with pytest.raises(InputError, match="already has 24 steps; got steps=8: ask for 24 or more"):
        train(*TOY, **{**QUICK, "steps": 8}, out=tmp_path / "run")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("work")
    with pytest.raises(InputError, match=r"holds 'thesis.tex' but no checkpoint: choose an empty or new folder"):
        train(*TOY, **QUICK, out=tmp_path / "mine")
    with pytest.raises(InputError, match="cannot write to"):
        train(*TOY, **QUICK, out=tmp_path / "mine" / "thesis.tex")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"steps": 0}, "`steps` must be a whole number of at least 1; got 0"),
        ({"batch": 1.5}, "`batch` must be a whole number of at least 1; got 1.5"),
        ({"seed": []}, "`seed` is empty: give one seed or more"),
        ({"seed": -1}, "`seed` must be a whole number of at least 0; got -1"),
        ({"device": "abacus"}, "no device 'abacus' here: use 'cpu'"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        train(*TOY, **{**QUICK, **options})


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: SGD(lr=0), "`lr` must be finite and positive; got 0"),
        (lambda: SGD(decay=-1), "`decay` must be finite and not negative; got -1"),
        (lambda: Adam(beta1=1), "`beta1` must be at least 0 and below 1; got 1"),
    ],
)
def test_optimiser_options(build, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        build()


def test_divergence_of_every_seed_is_a_failed_run() -> None:
    with pytest.raises(RunFailed, match="the loss of every seed is not finite at step"):
        train(*TOY, **{**QUICK, "steps": 200}, optimiser=SGD(lr=1e6))


def test_importing_the_package_loads_no_torch() -> None:
    code = "import sys, validation; dir(validation); assert 'torch' not in sys.modules and 'xarray' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert {"train", "SGD", "Adam", "claims", "compare"} <= set(validation.__all__) <= set(dir(validation))


def test_a_training_stops_where_every_seed_has_passed_every_level() -> None:
    options = {**QUICK, "steps": 400, "record_every": 10, "seed": [0, 1, 2], "optimiser": SGD(lr=0.1)}
    whole = train(*TOY, **options)
    for levels in (
        {"stop_above": 0.5},
        {"stop_below": {"loss": 0.1}},
        {"stop_above": {"share": 0.9}, "stop_below": 0.1},
    ):
        run = train(*TOY, **options, **levels)
        assert run.attrs["status"] == "STOPPED"
        passed = np.ones(whole.sizes["step"], bool)
        for what, given in levels.items():
            named = given if isinstance(given, dict) else {{"stop_above": "share", "stop_below": "loss"}[what]: given}
            for name, level in named.items():
                beyond = whole[name] > level if what == "stop_above" else whole[name] < level
                passed &= beyond.all("seed").values
        assert run.step[-1] == whole.step[passed.argmax()]
        xr.testing.assert_equal(run["loss"], whole["loss"].sel(step=run.step))


def test_the_escape_is_where_its_measure_crosses_one_half_or_censored() -> None:
    run = train(*TOY, **{**QUICK, "steps": 60}, seed=[0, 1], optimiser=SGD(lr=0.1))
    for i in (0, 1):
        share, step = run["share"][i].values, float(run["escape_step"][i])
        assert np.interp(step, run.step, share) == pytest.approx(0.5)
        assert (share[run.step.values < step] < 0.5).all()
    assert not run["escape_step_censored"].any()
    short = train(*TOY, **{**QUICK, "steps": 4}, optimiser=SGD(lr=0.1))
    assert np.isnan(short["escape_step"])
    assert short["escape_step_censored"]


def test_several_windows_of_a_clamp_hold_one_after_the_other() -> None:
    held = clamps(Product(), {"u": [("one", 2, 4), ("one", 8, 9)]})
    assert held == {"u": (("one", 2.0, 4.0), ("one", 8.0, 9.0))}
    with pytest.raises(InputError, match=r"two windows of clamp\['u'\] overlap"):
        clamps(Product(), {"u": [("one", 2, 4), ("one", 3, 9)]})


def test_a_folder_with_a_run_under_another_clamp_is_refused(tmp_path: Path) -> None:
    train(*TOY, **QUICK, clamp={"u": ("one", 2, 4)}, out=tmp_path)
    for other in ({"u": ("one", 2, 5)}, {"u": "one"}, {}):
        with pytest.raises(InputError, match="holds a run with"):
            train(*TOY, **QUICK, clamp=other, out=tmp_path)
