"""Every clamp against the literal network with masks and values; where gradients flow, and where they do not."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from minimodels.errors import InputError  # noqa: E402
from minimodels.tasks.exemplar_label import ExemplarLabelTask  # noqa: E402
from tests.validation.singh import literal  # noqa: E402
from tests.validation.singh.test_network import trained  # noqa: E402
from validation import Adam, train  # noqa: E402
from validation.singh.applied import all_but, check_together, clamped, subcircuits  # noqa: E402
from validation.singh.clamps import (  # noqa: E402
    Clamp,
    Copy,
    ForbidPreviousToken,
    Hold,
    Induction,
    Match,
    PerfectLayer0,
    PreviousToken,
    SilenceNonLabel,
    Temperature,
    ZeroEmbedding,
    ZeroHead,
)
from validation.singh.grafts import Frozen, GraftIn, GraftOut  # noqa: E402
from validation.singh.network import Transformer  # noqa: E402
from validation.spelled import read, spell  # noqa: E402

TASK = ExemplarLabelTask(P=4, B=2, D=6, K=4, C=6, w=0.3, exemplars=None, query="another", unseen=0)
TWO = ExemplarLabelTask(D=6, C=6, unseen=0)
NET = Transformer(heads=2, width=8)
A_HEAD = [(0, 0)]

CLAMPS: dict[str, tuple[list[Clamp], literal.Clamped]] = {
    "zero one head": ([ZeroHead((1, 1))], literal.zero_head([(1, 1)])),
    "zero heads in both layers": ([ZeroHead([(0, 1), (1, 0)])], literal.zero_head([(0, 1), (1, 0)])),
    "hold A": ([Hold("A"), ZeroHead((0, 1))], literal.hold("A", [(0, 1)])),
    "hold v, zeroed after it": ([ZeroHead([(0, 1), (1, 0)]), Hold("v")], literal.hold("v", [(0, 1), (1, 0)])),
    "hold q, k": ([Hold(("q", "k")), ZeroHead((0, 0))], literal.hold("qk", [(0, 0)])),
    "hold k": ([Hold(("k",)), ZeroHead((0, 0))], literal.hold("k", [(0, 0)])),
    "no embedding": ([ZeroEmbedding(), Hold(("A", "v"))], literal.hold("Av", [], embedding=True)),
    "previous": ([PreviousToken((0, 1))], literal.previous_token([(0, 1)], 1.0)),
    "previous, weak": ([PreviousToken([(0, 0), (1, 1)], strength=0.3)], literal.previous_token([(0, 0), (1, 1)], 0.3)),
    "previous of labels": (
        [PreviousToken((0, 1), strength=0.8, rows="labels")],
        literal.previous_token([(0, 1)], 0.8, labels_only=True),
    ),
    "forbid": ([ForbidPreviousToken([(0, 1), (1, 0)])], literal.forbid([(0, 1), (1, 0)])),
    "forbid of labels": ([ForbidPreviousToken((0, 0), rows="labels")], literal.forbid([(0, 0)], labels_only=True)),
    "induction": ([Induction((1, 0))], literal.induction([(1, 0)], 1.0)),
    "induction, reversed": ([Induction([(1, 0), (1, 1)], strength=0.2)], literal.induction([(1, 0), (1, 1)], 0.2)),
    "match": ([Match((1, 1), temperature=0.1)], literal.match([(1, 1)], 0.1)),
    "match, hard": ([Match((1, 1))], literal.match([(1, 1)], 0.0)),
    "copy": ([Copy((1, 1)), all_but((1, 1), of=2)], literal.copy(1, 1)),
    "temperature": ([Temperature((1, 0), tau=0.5)], literal.temperature(1, {0: 0.5})),
    "temperatures": ([Temperature([(0, 0), (0, 1)], tau=(0.5, 3.0))], literal.temperature(0, {0: 0.5, 1: 3.0})),
    "silence": ([SilenceNonLabel((1, 1))], literal.silence(1, 1)),
    "layer 0": ([PerfectLayer0(), ZeroHead((1, 0))], literal.perfect_layer_0(None, [(1, 0)])),
    "layer 0 and copy": ([PerfectLayer0(copy=(1, 0)), ZeroHead((1, 1))], literal.perfect_layer_0(0, [])),
}


def together(task: ExemplarLabelTask, n: int = 3) -> tuple[list[Any], Any]:
    samples = [task.sample(seed, 0, n) for seed in (0, 3)]
    return samples, NET.batch(task, samples)


@pytest.mark.parametrize("task", [TWO, TASK], ids=["P = 2", "P = 4 with repeats"])
@pytest.mark.parametrize("name", list(CLAMPS))
def test_a_clamp_does_what_its_definition_says(name: str, task: ExemplarLabelTask) -> None:
    clamps, defined = CLAMPS[name]
    samples, tokens = together(task)
    parameters = trained(task, NET)
    check_together(NET, clamps)
    record, free = clamped(NET, parameters, tokens, clamps), NET.forward(parameters, tokens)
    for s, sample in enumerate(samples):
        plain = literal.Literal({k: v[s] for k, v in parameters.items()})
        for i in range(3):
            expected = defined(plain, sample.exemplars[i], sample.labels[i], sample.target[i])["logits"]
            np.testing.assert_allclose(record["logits"][s, i], expected, atol=1e-10, rtol=1e-12)
    assert not torch.allclose(record["logits"], free["logits"], atol=1e-6)


def test_a_hard_match_gives_every_copy_of_the_query_weight_one() -> None:
    task = replace(TASK, w=0.0, exemplars=1, query="same")
    tokens = NET.batch(task, [task.sample(seed, 0, 200) for seed in (0, 3)])
    attention = clamped(NET, trained(task, NET), tokens, [Match((1, 1))])["1.A"][:, :, 1, 0]
    assert torch.equal(attention[..., 1::2], (tokens.labels == tokens.target[..., None]).double())
    assert (attention.sum(-1) == 2).all()
    assert not attention[..., 0::2].any()


@pytest.mark.parametrize("name", list(CLAMPS))
def test_gradients_under_a_clamp_are_those_of_finite_differences(name: str) -> None:
    clamps, _ = CLAMPS[name]
    _, tokens = together(TASK, 2)
    tokens = type(tokens)(*(t[:1] for t in tokens))
    parameters = {k: v.requires_grad_() for k, v in trained(TASK, NET, (0,)).items()}

    def loss(*values: torch.Tensor) -> torch.Tensor:
        logits = clamped(NET, dict(zip(parameters, values, strict=True)), tokens, clamps)["logits"]
        return -torch.log_softmax(logits, -1).gather(-1, tokens.target[..., None]).mean()

    assert torch.autograd.gradcheck(loss, tuple(parameters.values()), fast_mode=True)


NOTHING = {  # parameters that a clamp leaves without any gradient
    "zero heads in both layers": [],
    "match, hard": [],
    "copy": ["V1", "O1", "norm", "shift", "U", "u"],
    "layer 0": ["norm0", "shift0", "Q0", "K0", "V0", "O0"],
    "layer 0 and copy": ["norm0", "shift0", "Q0", "K0", "V0", "O0", "labels", "V1", "O1", "norm", "shift", "U", "u"],
    "no embedding": [],  # held attention and values were computed from embeddings
    "temperature": [],
}


@pytest.mark.parametrize("name", list(NOTHING))
def test_gradients_vanish_only_where_what_is_put_in_is_a_constant_or_an_input(name: str) -> None:
    _, tokens = together(TWO, 16)
    parameters = {k: v.requires_grad_() for k, v in trained(TWO, NET).items()}
    logits = clamped(NET, parameters, tokens, CLAMPS[name][0])["logits"]
    loss = -torch.log_softmax(logits, -1).gather(-1, tokens.target[..., None]).mean()
    gradients = dict(
        zip(parameters, torch.autograd.grad(loss, list(parameters.values()), allow_unused=True), strict=True)
    )
    assert [k for k, g in gradients.items() if g is None or not g.any()] == [
        k for k in parameters if k in NOTHING[name]
    ]


@pytest.mark.parametrize("clamp", [PreviousToken((0, 1)), Induction((1, 1)), Match((1, 1), temperature=0.5)])
def test_a_clamped_pattern_teaches_its_own_queries_and_keys_nothing(clamp: Any) -> None:
    _, tokens = together(TWO, 16)
    parameters = {k: v.requires_grad_() for k, v in trained(TWO, NET).items()}
    clamped(NET, parameters, tokens, [clamp])["logits"].square().sum().backward()
    layer, head = clamp.heads[0]
    for name in "QK":
        gradient = parameters[f"{name}{layer}"].grad
        assert not gradient[:, head].any()
        assert gradient[:, 1 - head].any()
    assert parameters[f"V{layer}"].grad[:, head].any()


def test_a_zeroed_head_learns_nothing_unless_it_is_held_or_copied_from() -> None:
    _, tokens = together(TWO, 16)
    for clamps, learns in (([ZeroHead((1, 0))], ""), ([ZeroHead((1, 0)), Copy((1, 0))], "QK")):
        parameters = {k: v.requires_grad_() for k, v in trained(TWO, NET).items()}
        logits = clamped(NET, parameters, tokens, clamps)["logits"]
        torch.log_softmax(logits, -1).gather(-1, tokens.target[..., None]).sum().backward()
        for name in "QKVO":
            gradient = parameters[f"{name}1"].grad
            assert (gradient is not None and bool(gradient[:, 0].any())) == (name in learns), (name, learns)


def test_later_clamps_go_over_earlier_ones_in_whatever_order_they_are_given() -> None:
    _, tokens = together(TWO)
    parameters = trained(TWO, NET)
    one = [Hold(("A", "v")), PreviousToken((0, 0)), ZeroHead((1, 1))]
    records = [clamped(NET, parameters, tokens, clamps) for clamps in (one, one[::-1])]
    for site in records[0]:
        assert torch.equal(records[0][site], records[1][site])
    assert (records[0]["1.v"][:, :, 1] == 0).all()
    assert (records[0]["0.A"][0, 0, 0].diagonal(-1) == 1).all()
    assert torch.equal(records[0]["0.A"][:, :, 1], NET.forward(parameters, tokens)["0.A"][:, :, 1])
    # scores: a forbidden token stays forbidden at another temperature
    both = clamped(NET, parameters, tokens, [ForbidPreviousToken((0, 0)), Temperature((0, 0), tau=0.1)])
    assert (both["0.S"][:, :, 0].diagonal(-1, -2, -1) == -1e9).all()


REFUSED: list[tuple[Sequence[Clamp], str]] = [
    ([ZeroHead((1, 2))], r"ZeroHead is of head \(1, 2\), and there are 2 layers of 2 heads"),
    ([Induction((2, 0))], r"Induction is of head \(2, 0\)"),
    ([Copy((1, 5))], r"Copy is of head \(1, 5\)"),
    ([PerfectLayer0(copy=(1, 2))], r"PerfectLayer0 is of head \(1, 2\)"),
    ([PerfectLayer0(copy=(0, 1))], "PerfectLayer0 copies from a head of layer 1"),
    ([PreviousToken((1, 0)), Induction((1, 0))], r"both set the attention of head \(1, 0\)"),
    ([Match((1, 0)), Induction((1, 0))], r"both set the attention of head \(1, 0\)"),
    (
        [PreviousToken((0, 1)), PreviousToken([(0, 0), (0, 1)], strength=0.5)],
        r"both set the attention of head \(0, 1\)",
    ),
    ([ForbidPreviousToken((0, 0)), PreviousToken((0, 0), rows="labels")], "to the previous token and not attend to it"),
    ([Hold("A"), ForbidPreviousToken((0, 1))], "masks scores set before it"),
    ([Hold("A"), Temperature((0, 1))], "masks scores set before it"),
    ([SilenceNonLabel((1, 0)), Induction((1, 0))], "masks scores set before it"),
    ([Temperature((1, 1)), Induction((1, 0))], "masks scores set before it"),
    ([Temperature((1, 1)), Temperature((1, 0))], "both set all scores of layer 1"),
    ([PerfectLayer0(), Induction((1, 0))], "PerfectLayer0 goes with ZeroHead in layer 1 only"),
    ([PerfectLayer0(), ZeroHead((0, 0))], "PerfectLayer0 goes with ZeroHead in layer 1 only"),
    ([PerfectLayer0(), Copy((1, 0))], "and with its own `copy`; got Copy of"),
    ([Hold("A"), Hold("v")], "there can be one Hold only"),
    ([Copy((1, 0)), Copy((1, 1))], "there can be one Copy only"),
    ([ZeroEmbedding()], "ZeroEmbedding means something only together with Hold"),
    ([SilenceNonLabel((0, 0))], "SilenceNonLabel is of heads in the last layer, 1"),
    ([PreviousToken((1, 0), rows="labels")], "would do nothing in layer 1, the last"),
]


@pytest.mark.parametrize(("clamps", "sentence"), REFUSED, ids=range(len(REFUSED)))
def test_clamps_that_cannot_be_are_refused_before_anything_is_trained(clamps: Sequence[Clamp], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Transformer(heads=2, width=8, manipulations={"a": clamps})  # type: ignore[arg-type]
    with pytest.raises(InputError):
        Transformer(heads=2, width=8, manipulations={"a": clamps[::-1]})  # type: ignore[arg-type]


def test_perfect_layer_0_is_of_two_layers() -> None:
    with pytest.raises(InputError, match="PerfectLayer0 is of networks with two layers; got layers=3"):
        check_together(Transformer(layers=3), [PerfectLayer0()])


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Induction((1, 0), strength=1.2), "`strength` must lie between 0 and 1; got 1.2"),
        (lambda: PreviousToken((0, 0), strength=-0.1), "`strength` must lie between 0 and 1; got -0.1"),
        (lambda: PreviousToken((0, 0), rows="query"), "`rows` must be one of 'all', 'labels'"),
        (lambda: Match((1, 0), temperature=-1), "`temperature` must lie between 0 and"),
        (lambda: Temperature((1, 0), tau=0), "`tau` must lie between"),
        (lambda: Temperature([(0, 1), (1, 0)]), "a temperature is of heads of one layer"),
        (lambda: Temperature([(1, 1), (1, 0)], tau=(1.0, 2.0)), "give heads in their order"),
        (lambda: Temperature([(1, 0), (1, 1)], tau=(1.0,)), "`tau` is one number, or one for each of 2 heads; got 1"),
        (lambda: Hold("S"), "every word of `which` must be one of 'A', 'v', 'q', 'k'; got 'S'"),
        (lambda: ZeroHead([]), "`heads` is empty"),
        (lambda: ZeroHead([3]), r"a head is \(layer, head\), as \(1, 3\), both from 0; got 3"),
        (lambda: ZeroHead((0, -1)), "a head must be a whole number of at least 0; got -1"),
        (lambda: GraftIn("folder", 0), "`frozen` is a Frozen network; got 'folder'"),
        (lambda: all_but((0, 1), (1, 1)), "the heads that are left are those of one layer"),
    ],
)
def test_an_option_of_a_clamp_that_cannot_be_is_refused(make: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        make()


def test_the_named_manipulations_are_data() -> None:
    network = Transformer(manipulations=subcircuits((1, 3), [(0, 2), (0, 6)]))
    assert network.sites["manipulation"] == ("none", "step-1", "layer-0", "match", "copy", "layer-0+copy")
    assert read(spell(network)) == network
    assert hash(read(spell(network))) == hash(network)
    assert dict(network.manipulations)["none"][0].heads == tuple((1, h) for h in (0, 1, 2, 4, 5, 6, 7))


def test_grafts_join_two_networks_after_a_layer(tmp_path: Path) -> None:
    options = {"steps": 3, "seed": [4, 5], "record_every": 3, "held_out": 4, "batch": 4, "progress": False, "tests": []}
    train(TWO, NET, **options, optimiser=Adam(lr=0.05), out=tmp_path)
    frozen, (_, tokens) = Frozen(NET, str(tmp_path)), together(TWO, 5)
    parameters = {k: v.requires_grad_() for k, v in trained(TWO, NET).items()}
    donor = {k: v.double() for k, v in frozen.parameters(parameters).items()}
    mixed = {k: donor[k] if k[-1] == "0" or k in ("E", "b", "labels") else parameters[k] for k in parameters}
    grafted = clamped(NET, parameters, tokens, [GraftIn(frozen, 0)])["logits"]
    torch.testing.assert_close(grafted, NET.forward(mixed, tokens)["logits"], atol=1e-10, rtol=0)
    grafted.square().sum().backward()
    assert [k for k, v in parameters.items() if v.grad is None] == [
        k for k in parameters if k[-1] == "0" or k in ("E", "b", "labels")
    ]
    for value in parameters.values():
        value.grad = None
    mixed = {k: parameters[k] if k[-1] == "0" or k in ("E", "b", "labels") else donor[k] for k in parameters}
    grafted = clamped(NET, parameters, tokens, [GraftOut(frozen, 0)])["logits"]
    torch.testing.assert_close(grafted, NET.forward(mixed, tokens)["logits"], atol=1e-10, rtol=0)
    grafted.square().sum().backward()
    assert all(v.grad is not None and v.grad.any() for k, v in parameters.items() if k in ("E", "b", "labels", "Q0"))
    assert all(v.grad is None for k, v in parameters.items() if k in ("Q1", "O1", "U", "u", "norm"))
    own = Frozen(NET, str(tmp_path), member=1, clamps=(ZeroHead((0, 1)),))  # type: ignore[arg-type]
    one = {k: v[1:].expand(v.shape) for k, v in donor.items()}
    for graft, expected in (
        (GraftIn(own, 0), clamped(NET, one, tokens, own.clamps)["0.block"]),
        (GraftOut(own, 0), NET.forward(parameters, tokens)["0.block"]),
    ):
        found = clamped(NET, parameters, tokens, [graft])
        torch.testing.assert_close(found["0.block"], expected, atol=1e-10, rtol=0)
    kept = NET.forward(one | {k: v for k, v in parameters.items() if k[-1] == "0" or k in ("E", "b", "labels")}, tokens)
    torch.testing.assert_close(found["logits"], kept["logits"], atol=1e-10, rtol=0)  # its own clamps are dropped

    network = Transformer(heads=2, width=8, manipulations={"graft": GraftIn(own, 0)})  # type: ignore[arg-type]
    assert read(spell(network)) == network
    for clamps, sentence in (
        ([Copy((1, 0)), GraftOut(frozen, 0)], "Copy and GraftOut both give the logits"),
        ([GraftIn(frozen, 0), ZeroHead((0, 1))], "the graft masks layer 0"),
        ([GraftOut(frozen, 0), ZeroHead((1, 1))], "which no clamp reaches"),
        ([GraftIn(frozen, 0), GraftIn(own, 0)], "both set the stream after layer 0"),
        ([GraftIn(frozen, 2)], "`layer` of GraftIn must be at most 1; got 2"),
        ([PerfectLayer0(), GraftIn(frozen, 0)], "PerfectLayer0 goes with ZeroHead"),
    ):
        with pytest.raises(InputError, match=sentence):
            check_together(NET, clamps)
    with pytest.raises(InputError, match="of the same layers and width; got 2 and 8, and 2 and 64"):
        check_together(Transformer(), [GraftIn(frozen, 0)])
    with pytest.raises(InputError, match="has 2 seeds, counted from 0; got member=2"):
        Frozen(NET, str(tmp_path), member=2).parameters(parameters)
    with pytest.raises(InputError, match="has 2 seeds, not 3 or 1: give `member`"):
        frozen.parameters(trained(TWO, NET, (0, 1, 2)))
    with pytest.raises(InputError, match="holds no training run"):
        train(TWO, Transformer(heads=2, width=8, manipulations={"g": GraftIn(Frozen(NET, "nowhere"), 0)}),  # type: ignore[arg-type]
              **options, clamp={"manipulation": "g"})  # fmt: skip
    with pytest.raises(InputError, match="holds a network with E of"):
        frozen.parameters(trained(ExemplarLabelTask(D=7, C=6), NET))


def test_a_clamped_training_and_its_evaluations_are_under_the_clamp() -> None:
    network = Transformer(heads=2, width=8, manipulations={"match": (all_but((1, 0), of=2), Induction((1, 0)))})  # type: ignore[arg-type]
    options = {"steps": 4, "record_every": 2, "held_out": 8, "batch": 4, "progress": False, "optimiser": Adam(lr=0.01)}
    free = train(TWO, network, **options)
    held = train(TWO, network, **options, clamp={"manipulation": "match"})
    assert (held["induction_1.0"] == 1).all()
    assert (free["induction_1.0"] < 1).all()
    assert held["loss"][0] != free["loss"][0]
    assert (held["labels_loss"] != free["labels_loss"]).all()
