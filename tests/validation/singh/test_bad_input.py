"""Clamps that cannot be, through the public door: one sentence, nothing is trained and no folder is left."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from minimodels.errors import InputError  # noqa: E402
from minimodels.tasks.exemplar_label import ExemplarLabelTask  # noqa: E402
from validation import Adam, train  # noqa: E402
from validation.singh.applied import all_but, clamped, subcircuits  # noqa: E402
from validation.singh.clamps import (  # noqa: E402
    Clamp,
    Induction,
    Match,
    OfHeads,
    PreviousToken,
    Temperature,
    ZeroHead,
    check_heads,
)
from validation.singh.grafts import Frozen, GraftIn, GraftOut  # noqa: E402
from validation.singh.network import Transformer  # noqa: E402

TASK = ExemplarLabelTask(D=6, C=6, unseen=0)
OPTIONS: dict[str, Any] = {
    "steps": 2, "record_every": 1, "held_out": 4, "batch": 4, "progress": False, "optimiser": Adam(), "tests": [],
}  # fmt: skip
LEFT = ZeroHead((1, 0))


def network(*clamps: Clamp, **options: Any) -> Transformer:
    return Transformer(heads=2, width=8, manipulations={"a": clamps}, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def donors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("donors")
    for name, options in {
        "same": {},
        "wide": {"width": 12},
        "table": {"positions": "table"},
        "mlp": {"mlp": 1},
    }.items():
        train(TASK, Transformer(**{"heads": 2, "width": 8, **options}), **OPTIONS, out=folder / name)
    train(ExemplarLabelTask(D=7, C=6, unseen=0), network(), **OPTIONS, out=folder / "other")
    return folder


def grafted(folder: Path, **options: Any) -> Transformer:
    return network(GraftIn(Frozen(Transformer(**{"heads": 2, "width": 8, **options}), str(folder)), 0))


MADE: dict[str, tuple[Callable[[], Transformer], str]] = {
    "head": (lambda: network(ZeroHead((1, 2))), r"ZeroHead is of head \(1, 2\), and there are 2 layers of 2 heads"),
    "layer": (lambda: network(PreviousToken((2, 0))), r"PreviousToken is of head \(2, 0\), and there are 2 layers"),
    "strength above one": (lambda: network(Induction((1, 0), strength=1.5)), "between 0 and 1; got 1.5"),
    "strength below zero": (lambda: network(PreviousToken((0, 0), strength=-0.5)), "between 0 and 1; got -0.5"),
    "strength nan": (lambda: network(Induction((1, 0), strength=np.nan)), "`strength` must be finite; got nan"),
    "strength a truth value": (lambda: network(Induction((1, 0), strength=True)), "must be a number; got True"),
    "contradiction": (lambda: network(Match((1, 0)), Induction((1, 0))), "do not go together: both set the attention"),
    "a truth value for a head": (lambda: network(ZeroHead((1, True))), "a head must be a whole number of at least 0"),
    "half a head": (lambda: network(ZeroHead((1, 0.5))), "a head must be a whole number of at least 0; got 0.5"),  # type: ignore[arg-type]
    "no clamp of ours": (lambda: network(OfHeads(((1, 0),))), "a clamp is one of Hold, Temperature, .*; got OfHeads"),
    "manipulations": (lambda: Transformer(manipulations=5), "are lists of clamps by name, .*; got 5"),  # type: ignore[arg-type]
    "no name": (lambda: Transformer(manipulations={"": [LEFT]}), "every manipulation has a name of its own"),  # type: ignore[arg-type]
    "one name twice": (
        lambda: Transformer(manipulations=(("a", (LEFT,)), ("a", (ZeroHead((1, 1)),)))),  # type: ignore[arg-type]
        r"every manipulation has a name of its own; got \['a', 'a'\]",
    ),
    "active head": (lambda: Transformer(manipulations=subcircuits((1, 9), (0, 2))), r"some of 8 heads, .*\(1, 9\)"),  # type: ignore[arg-type]
    "active layer": (lambda: Transformer(manipulations=subcircuits((0, 3), (0, 2))), "`active` is a head of layer 1"),  # type: ignore[arg-type]
    "previous layer": (lambda: Transformer(manipulations=subcircuits((1, 3), (1, 2))), "`previous` are of layer 0"),  # type: ignore[arg-type]
    "nothing to zero": (lambda: network(all_but((1, 0), (1, 1), of=2)), "some of 2 heads, .* are left, and others"),
    "number of heads": (lambda: network(all_but((1, 0), of="8")), "`of` must be a whole number of at least 1"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", list(MADE))
def test_a_network_whose_clamps_cannot_be_is_not_made(name: str, tmp_path: Path) -> None:
    make, sentence = MADE[name]
    with pytest.raises(InputError, match=sentence) as error:
        train(TASK, make(), **OPTIONS, clamp={"manipulation": "a"}, out=tmp_path / "run")
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("clamp", "sentence"),
    [
        ({"manipulation": "b"}, r"unknown word for clamp\['manipulation'\] 'b'; known: a"),
        ({"manipulations": "a"}, "unknown site 'manipulations' in clamp; did you mean 'manipulation'"),
        ({"manipulation": LEFT}, r"clamp\['manipulation'\] is a word, or \(word, start, end\); got ZeroHead"),
        ({"manipulation": ("a", -1, 2)}, r"\(value, start, end\) with start < end, or several; got \('a', -1, 2\)"),
        ({"manipulation": ("a", 2, 1)}, "with start < end"),
        ({"manipulation": ("a", 0, float("nan"))}, "with start < end"),
        ({"manipulation": ("a", "0", "2")}, "with start < end"),
        ({"manipulation": ("a", False, True)}, "with start < end"),
        ({"manipulation": [("a", 0, 2), ("a", 1, 3)]}, r"two windows of clamp\['manipulation'\] overlap"),
        ("a", "`clamp` is a dictionary with names as keys"),
    ],
)
def test_a_manipulation_that_cannot_be_held_is_not_trained(clamp: Any, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=sentence):
        train(TASK, network(LEFT), **OPTIONS, clamp=clamp, out=tmp_path / "run")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("folder", "options", "sentence"),
    [
        ("wide", {}, "holds a network with width=12, not 8: give the one that was trained"),
        ("same", {"heads": 4}, "holds a network with heads=2, not 4"),
        ("same", {"positions": "table"}, "holds a network with positions='rotary', not 'table'"),
        ("same", {"positions": "sinusoidal"}, "holds a network with positions='rotary', not 'sinusoidal'"),
        ("table", {}, "holds a network with positions='table', not 'rotary'"),
        ("mlp", {}, "holds a network with mlp=1, not 0"),
        ("other", {}, r"holds a network with E of \(7, 8\), not \(6, 8\): graft one that learnt the same kind of task"),
        ("none", {}, "holds no training run"),
    ],
)
def test_a_graft_of_another_network_is_not_trained(
    folder: str, options: dict[str, Any], sentence: str, donors: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=sentence):
        train(TASK, grafted(donors / folder, **options), **OPTIONS, clamp={"manipulation": "a"}, out=tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_a_graft_is_of_a_network_with_the_same_stream(donors: Path) -> None:
    wide = Frozen(Transformer(heads=2, width=12), str(donors / "wide"))
    for graft in (GraftIn(wide, 0), GraftOut(wide, 0)):
        with pytest.raises(InputError, match="of the same layers and width; got 2 and 12, and 2 and 8"):
            network(graft)
    for other in ("net", Transformer):
        with pytest.raises(InputError, match="`network` is a Transformer; got"):
            Frozen(other, "folder")
    with pytest.raises(InputError, match=r"ZeroHead is of head \(1, 7\), and there are 2 layers of 2 heads"):
        Frozen(Transformer(heads=2, width=8), "folder", clamps=(ZeroHead((1, 7)),))


def test_a_donor_may_have_been_trained_under_a_manipulation(tmp_path: Path) -> None:
    train(TASK, network(LEFT), **OPTIONS, clamp={"manipulation": "a"}, out=tmp_path / "donor")
    run = train(TASK, grafted(tmp_path / "donor"), **OPTIONS, clamp={"manipulation": "a"})
    assert np.isfinite(run["loss"]).all()


def test_heads_are_taken_from_arrays() -> None:
    expected = ((0, 2), (1, 3))
    for given in (np.array([[1, 3], [0, 2]]), [np.array([1, 3]), (np.int64(0), np.int32(2))], [[0, 2], [1, 3]]):
        found = check_heads(given)
        assert found == expected
        assert all(type(number) is int for head in found for number in head)
    for one in (np.array([1, 3]), (np.int64(1), np.int64(3)), [1, 3]):
        assert check_heads(one) == ((1, 3),)
    heads: Any = np.array([[1, 0], [1, 1]])
    assert Temperature(heads, tau=np.array([0.5, 2.0])) == Temperature(((1, 0), (1, 1)), tau=(0.5, 2.0))  # type: ignore[arg-type]
    assert Temperature(heads, tau=np.float32(0.5)).tau == 0.5


def test_a_clamp_of_another_kind_has_no_place_among_the_others() -> None:
    net = network(LEFT)
    with pytest.raises(InputError, match="a clamp is one of Hold"):
        clamped(net, {}, None, [Clamp()])
    with pytest.raises(InputError, match="unknown manipulation 'right'; known: a"):
        net.clamps({"manipulation": "right"})
    with pytest.raises(InputError, match="unknown site 'head'; known: manipulation"):
        net.clamps({"head": "a"})
