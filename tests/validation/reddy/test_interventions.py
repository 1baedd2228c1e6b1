"""Clamped patterns, patches, curricula and snapshots, each against the network as its equations stand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

torch = pytest.importorskip("torch")

from minimodels.clamp import active  # noqa: E402
from minimodels.errors import InputError  # noqa: E402
from minimodels.tasks.item_label import ItemLabelTask, Sequences  # noqa: E402
from tests.validation.reddy import plain  # noqa: E402
from validation import SGD, Adam, AttentionOnly, attention_maps, evaluate, load_parameters, train  # noqa: E402
from validation.loop import Loop, Plan  # noqa: E402
from validation.reddy.batch import Batch  # noqa: E402
from validation.reddy.patterns import PATTERNS, fixed_patterns  # noqa: E402
from validation.training import clamps  # noqa: E402

MIXED = ItemLabelTask(N=4, L=8, K=16, B=2, D=15, N_max=5, p_B=0.5, unique_labels=False)  # targets present and absent
TASK = ItemLabelTask(N=2, L=8, K=8, D=15, N_max=4, p_C=1.0, K_c=None)
QUICK = {"steps": 12, "record_every": 4, "held_out": 32, "batch": 16, "progress": False, "checkpoint_every": 4}
HEADS = [(head, pattern) for head, patterns in PATTERNS.items() for pattern in patterns]


def pattern(name: str, drawn: Sequences) -> torch.Tensor:
    """Attention (n, T, T) token by token, from the definition."""
    n, length = drawn.content.shape[:2]
    out = torch.zeros(n, length, length, dtype=torch.float64)
    for s in range(n):
        for i in range(length):
            visible = list(range(i + 1))
            if name == "previous":
                to = [max(i - 1, 0)]
            elif name == "labels":
                to = [j for j in visible if j % 2 == 1]
            elif name == "match":
                to = [2 * k + 1 for k in range(drawn.labels.shape[1]) if drawn.matches[s, k]]
            else:
                to = []
            for j in to or visible:
                out[s, i, j] = 0.0 if name == "zero" else 1 / len(to or visible)
    return out


def network(seed: int, task: ItemLabelTask = MIXED) -> dict[str, torch.Tensor]:
    return {name: 2 * t.double() for name, t in AttentionOnly().stacked(task, (seed,)).items()}


def alone(parameters: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: t.detach()[0].double() for name, t in parameters.items()}


@pytest.mark.parametrize(("head", "name"), [*HEADS, ("both", "")])
def test_a_clamped_pattern_gives_the_loss_and_gradients_of_the_plain_network_with_it(head: str, name: str) -> None:
    names = {"p1": "previous", "p2": "match"} if head == "both" else {head: name}
    drawn = MIXED.sample(0, 0, 24)
    assert 0 < drawn.matches.any(1).sum() < 24
    batch = Batch.of(MIXED, [drawn])
    u, parameters = batch.tokens.double(), {k: t.requires_grad_() for k, t in network(3).items()}
    expected = {k: t.detach()[0].clone().requires_grad_() for k, t in parameters.items()}
    fixed = fixed_patterns(names, replace(batch, tokens=u))
    loss = AttentionOnly().losses(parameters, replace(batch, tokens=u), names)["loss"][0]
    logits, used = plain.intervened(expected, u[0], **{k: pattern(n, drawn) for k, n in names.items()})
    theirs = torch.nn.functional.cross_entropy(logits, batch.target[0])
    assert abs(loss.item() - theirs.item()) < 1e-10
    keys = sorted(parameters)
    ours = torch.autograd.grad(loss, [parameters[k] for k in keys], materialize_grads=True)
    wanted = torch.autograd.grad(theirs, [expected[k] for k in keys], materialize_grads=True)
    for key, a, b in zip(keys, ours, wanted, strict=True):
        torch.testing.assert_close(a[0], b, rtol=1e-9, atol=1e-10, msg=key)
        assert not (a.any() and key in [f"{matrix}{k[1]}" for matrix in "QK" for k in names]), key
    found = AttentionOnly().attend(parameters, u, fixed)
    torch.testing.assert_close(found.p1[0], used["p1"])
    torch.testing.assert_close(found.p2[0], used["p2"][:, -1])


@pytest.mark.parametrize("places", [("p1",), ("p2",), ("head1",), ("head2",), ("p1", "p2"), ("head1", "p2")])
def test_a_patch_takes_activations_of_the_other_networks_run(places: tuple[str, ...]) -> None:
    before, after = network(1), network(2)
    drawn = MIXED.sample(0, 0, 48)
    u = torch.from_numpy(drawn.tokens(MIXED.positions)).double()
    theirs = plain.intervened(alone(after), u)[1]
    logits, used = plain.intervened(alone(before), u, **{place: theirs[place] for place in places})
    log_p = torch.log_softmax(logits, -1)[torch.arange(48), torch.from_numpy(drawn.target)]
    single = {name: t.float() for name, t in before.items()}
    found = evaluate(AttentionOnly(), single, MIXED, drawn, patch=dict.fromkeys(places, _float(after)))
    assert found["loss"] == pytest.approx(-log_p.mean().item(), rel=1e-4)
    assert found["accuracy"] == pytest.approx((logits.argmax(-1).numpy() == drawn.target).mean(), abs=1e-6)
    p2 = used["p2"] if "head2" not in places else theirs["p2"]
    assert found["TLA2"] == pytest.approx(p2[:, -1, 1::2].sum(-1).mean().item(), rel=1e-4)
    assert found["loss"] != pytest.approx(evaluate(AttentionOnly(), single, MIXED, drawn)["loss"], rel=1e-3)


def _float(parameters: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: t.float() for name, t in parameters.items()}


def test_a_patch_from_itself_changes_nothing_and_seeds_stay_apart() -> None:
    both = AttentionOnly().stacked(MIXED, (1, 2))
    drawn = [MIXED.sample(seed, 0, 32) for seed in (1, 2)]
    plainly = evaluate(AttentionOnly(), both, MIXED, drawn, clamp={"p1": "previous"})
    for seed in (0, 1):
        one = {name: t[seed : seed + 1] for name, t in both.items()}
        for name, value in evaluate(AttentionOnly(), one, MIXED, drawn[seed], clamp={"p1": "previous"}).items():
            assert value == pytest.approx(plainly[name][seed], rel=1e-4, abs=1e-6), name
    intact = evaluate(AttentionOnly(), both, MIXED, drawn)
    for places in (("p1", "p2"), ("head1", "head2")):
        same = evaluate(AttentionOnly(), both, MIXED, drawn, patch=dict.fromkeys(places, both))
        for name in intact:
            np.testing.assert_allclose(same[name], intact[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"clamp": {"p3": "uniform"}}, "unknown site 'p3' in clamp; did you mean 'p"),
        ({"clamp": {"p1": "match"}}, r"unknown word for clamp\['p1'\] 'match'; known: uniform, zero, previous"),
        ({"clamp": {"p1": ("uniform", 0, 5)}}, r"clamp\['p1'\] must be a pattern here, there are no steps"),
        ({"patch": {"head3": {}}}, "unknown place to patch 'head3'"),
        ({"clamp": {"p1": "zero"}, "patch": {"head1": {}}}, "'head1' and 'p1' set the same head: give one of them"),
        ({"sequences": [1, 2]}, "the parameters are of 1 seed; got sequences of 2: give one `Sequences` for each seed"),
    ],
)
def test_interventions_that_cannot_be_are_refused(options: dict, sentence: str) -> None:
    sequences = options.pop("sequences", MIXED.sample(0, 0, 8))
    with pytest.raises(InputError, match=sentence):
        evaluate(AttentionOnly(), AttentionOnly().stacked(MIXED, (0,)), MIXED, sequences, **options)


@pytest.mark.parametrize("window", [("uniform", 5, 5), ("uniform", 3), ("uniform", "a", "b")])
def test_windows_of_clamps(window: object) -> None:
    with pytest.raises(InputError, match=r"clamp\['p1'\] must be a value or \(value, start, end\) with start < end"):
        clamps(AttentionOnly(), {"p1": window})
    held = clamps(AttentionOnly(), {"p1": [("zero", 2, 5), ("uniform", 7, 8)], "p2": "labels"})
    assert [active(held, step).get("p1") for step in (0, 2, 4, 5, 7)] == [None, "zero", "zero", None, "uniform"]
    assert active(held, 10**6) == {"p2": "labels"}


def test_measures_of_an_ideal_head() -> None:
    """Attention only to labels of matching items: 1/B to each; at uniform attention B/(2N+1) to the matching items."""
    task = replace(MIXED, p_B=1.0, unique_labels=True)
    batch = Batch.of(task, [task.sample(0, 0, 64)])
    parameters = AttentionOnly().stacked(task, (0,))
    fixed = fixed_patterns({"p1": "previous", "p2": "match"}, batch)
    found = {name: t.item() for name, t in AttentionOnly().measured(parameters, batch, fixed).items()}
    assert found["ILA1"] == found["TILA2"] == found["TLA2"] == pytest.approx(1)
    assert found["induction_strength"] == pytest.approx(1 / 2)
    assert found["match_attention"] == pytest.approx(0)
    fixed = fixed_patterns({"p2": "uniform"}, batch)
    found = {name: t.item() for name, t in AttentionOnly().measured(parameters, batch, fixed).items()}
    assert found["match_attention"] == pytest.approx(2 / 9)
    assert found["induction_strength"] == pytest.approx(0, abs=1e-6)
    logits = AttentionOnly().forward(parameters, batch.tokens, fixed)[0][0].argmax(-1)
    shown = [int(guess) in row for guess, row in zip(logits, batch.labels[0].tolist(), strict=True)]
    assert found["CLA_argmax"] == pytest.approx(np.mean(shown))
    batch = Batch.of(MIXED, [MIXED.sample(0, 0, 64)])  # labels of other classes may be the target's
    found = AttentionOnly().measured(parameters, batch, fixed_patterns({"p2": "uniform"}, batch))
    assert found["match_attention"].item() == pytest.approx(batch.matches.sum().item() / 64 / 9)


def test_stages_and_windows_begin_and_end_at_their_steps() -> None:
    """Four steps by hand: tasks change at step 2, p1 is held in steps 1 and 2."""
    early, late = replace(TASK, N=3), replace(TASK, N=4, B=2)
    held = clamps(AttentionOnly(), {"p1": ("zero", 1, 3)})
    run = Loop(Plan(stages=[(0, early), (2, late)], network=AttentionOnly(), optimiser=SGD(lr=0.1), seeds=(5,),
                    data_seeds=(5,), batch=16, held_out=32, held=held))  # fmt: skip
    theirs = {name: t[0].clone() for name, t in run.parameters.items()}
    ours = [t.requires_grad_() for t in run.parameters.values()]
    for step, (task, clamped) in enumerate([(early, False), (early, True), (late, True), (late, False)]):
        drawn = task.sample(5, 16 * step, 16)
        u = torch.from_numpy(drawn.tokens(task.positions))
        leaves = {name: t.detach().requires_grad_() for name, t in theirs.items()}
        given = {"p1": torch.zeros(16, task.length, task.length)} if clamped else {}
        logits = plain.intervened(leaves, u, **given)[0]
        loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(drawn.target))
        gradients = torch.autograd.grad(loss, list(leaves.values()), materialize_grads=True)
        theirs = {k: (1 - 1e-6) * t.detach() - 0.1 * g for (k, t), g in zip(leaves.items(), gradients, strict=True)}
        run.update(ours)
    for name, tensor in theirs.items():
        torch.testing.assert_close(run.parameters[name][0], tensor, rtol=1e-4, atol=2e-5, msg=name)


def test_embeddings_stay_through_a_curriculum() -> None:
    end = ItemLabelTask(N=4, L=16, K=32, D=15, N_max=4)
    for early in (replace(end, N=2), replace(end, K=16), replace(end, L=8, K=8, p_C=1.0)):
        first, last = early.embeddings(3), end.embeddings(3)
        assert np.array_equal(first.labels, last.labels[: early.L])
        if early.L == end.L:
            assert np.array_equal(first.means, last.means[: early.K])


@pytest.mark.parametrize(
    ("stages", "sentence"),
    [
        ([], "begin at step 0 and at rising steps"),
        ([(1, TASK)], "begin at step 0 and at rising steps; got \\[1\\]"),
        ([(0, TASK), (0, TASK)], "begin at step 0 and at rising steps"),
        (
            [(0, replace(TASK, D=7)), (5, TASK)],
            "`D` must be the same in all stages.*got 7 and, at last, 15 .the stage from step 0",
        ),
        ([(0, replace(TASK, L=16, K=16)), (5, TASK)], "`L` may only be smaller .* got L=16, p_C=1.0 and, at last, L=8"),
        ([(0, replace(TASK, L=4, p_C=0.5)), (5, TASK)], "only with p_C=1 .* got L=4, p_C=0.5 and, at last, L=8"),
    ],
)
def test_stages_that_cannot_be_are_refused(stages: list, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        train(stages, **QUICK)


STUDY = {
    **QUICK,
    "seed": [1, 2],
    "clamp": {"p1": "previous", "p2": ("uniform", 0, 7)},
    "snapshots": [0, 3, 4, 9, 99],
}


def test_a_study_resumed_is_bitwise_the_uninterrupted_one_with_its_snapshots(tmp_path: Path) -> None:
    stages = [(0, replace(TASK, L=4)), (6, TASK)]
    whole = train(stages, optimiser=Adam(), **STUDY, out=tmp_path / "whole")
    for steps in (4, 8):
        train(stages, optimiser=Adam(), **{**STUDY, "steps": steps}, out=tmp_path / "parts")
    early = (tmp_path / "parts" / "snapshot-000000003.safetensors").stat()
    xr.testing.assert_identical(train(stages, optimiser=Adam(), **STUDY, out=tmp_path / "parts"), whole)
    assert (tmp_path / "parts" / "snapshot-000000003.safetensors").stat() == early
    for step in (0, 3, 4, 9, 12, None):
        kept, other = (load_parameters(tmp_path / name, step) for name in ("whole", "parts"))
        assert set(kept) == set(AttentionOnly().initial(TASK, 0))
        for name in kept:
            assert torch.equal(kept[name], other[name]), (step, name)
    train(stages, optimiser=Adam(), **{**STUDY, "steps": 3}, out=tmp_path / "short")
    for name, tensor in load_parameters(tmp_path / "short").items():
        assert torch.equal(tensor, load_parameters(tmp_path / "whole", 3)[name]), name
    assert torch.equal(load_parameters(tmp_path / "whole", 0)["V1"], AttentionOnly().stacked(TASK, (1, 2))["V1"])


def test_snapshots_that_are_missing_or_damaged_are_told_apart(tmp_path: Path) -> None:
    train(TASK, **QUICK, snapshots=[3, 5], out=tmp_path)
    with pytest.raises(InputError, match="holds no parameters of step 4: it has those of 3, 5, 12"):
        load_parameters(tmp_path, 4)
    with pytest.raises(InputError, match="holds no training run: give the folder that `out` of `train` named"):
        load_parameters(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="is at step 12 and kept no snapshot at 7: ask for later ones"):
        train(TASK, **QUICK, snapshots=[3, 7], out=tmp_path)
    with pytest.raises(InputError, match="`snapshots` are kept in the folder `out`: give one"):
        train(TASK, **QUICK, snapshots=[3])
    path = tmp_path / "snapshot-000000003.safetensors"
    whole = path.read_bytes()
    for damage in (whole[:-4], whole[:-4] + b"abcd", b""):
        path.write_bytes(damage)
        with pytest.raises(InputError, match=r"the snapshot 'snapshot-000000003.safetensors' in .* is damaged: remove"):
            load_parameters(tmp_path, 3)
    (tmp_path / "checkpoint.json").write_text("{")
    assert load_parameters(tmp_path, 5)["S"].shape == (1, 8, TASK.width)
    with pytest.raises(InputError, match=r"the checkpoint in .* is damaged"):
        load_parameters(tmp_path)


def test_another_clamp_or_curriculum_is_another_run(tmp_path: Path) -> None:
    train(TASK, **QUICK, clamp={"p1": "uniform"}, out=tmp_path)
    with pytest.raises(InputError, match=r"holds a run with p1="):
        train(TASK, **QUICK, out=tmp_path)
    with pytest.raises(InputError, match="holds a run with stages="):
        train([(0, replace(TASK, N=3)), (5, TASK)], **QUICK, clamp={"p1": "uniform"}, out=tmp_path)


def test_every_test_set_is_recorded_and_can_be_chosen() -> None:
    task = ItemLabelTask(N=4, L=8, K=16, B=2, D=15, N_max=5, p_B=0.5, p_C=0.5, K_c=8)
    names = ("IC", "IC2", "IW", "IW_absent")
    run = train(task, **QUICK, tests=names, seed=3)
    fresh = AttentionOnly().stacked(task, (3,))
    for name in names:
        expected = evaluate(AttentionOnly(), fresh, task, task.test_set(name, 3, 32))
        for what in ("correct", "accuracy"):
            assert run[f"{name}_{what}"][0].item() == pytest.approx(expected[what][0], abs=1e-6), (name, what)
    fewer = train(task, **QUICK, tests=("IW",), seed=3)
    assert [str(v) for v in fewer if str(v).startswith("I") and "accuracy" in str(v)] == ["IW_accuracy"]
    xr.testing.assert_identical(fewer.drop_attrs(), run[list(fewer)].drop_attrs())
    with pytest.raises(InputError, match="unknown test set 'IW2'; did you mean 'I"):
        train(task, **QUICK, tests=("IW2",))


def test_scale_multiplies_the_attention_matrices_only() -> None:
    usual, larger = AttentionOnly().initial(TASK, 0), AttentionOnly(scale=3.0).initial(TASK, 0)
    for name, value in usual.items():
        factor = 3 if name[0] in "QKV" else 1
        np.testing.assert_allclose(larger[name], factor * value, rtol=1e-6)
    with pytest.raises(InputError, match="`scale` must be finite and positive; got 0"):
        AttentionOnly(scale=0)


def test_both_heads_are_needed_by_a_trained_network(tmp_path: Path) -> None:
    """Chance among the context labels is 1/N; at uniform p1 the causal mask alone leaves some of the match."""
    task = ItemLabelTask(N=4, L=8, K=8, D=31, N_max=4, p_C=1.0, K_c=None)
    run = train(
        task, optimiser=Adam(lr=2e-3), steps=1500, record_every=50, held_out=256, stop_above=0.9, progress=False,
        seed=1, out=tmp_path, snapshots=[200],
    )  # fmt: skip
    assert run.attrs["status"] == "STOPPED"
    drawn = task.sample(1, 10**6, 1000)
    after, before = load_parameters(tmp_path), load_parameters(tmp_path, 200)

    def accuracy(parameters: dict = after, **options: dict) -> float:
        return float(evaluate(AttentionOnly(), parameters, task, drawn, **options)["accuracy"][0])

    assert accuracy() > 0.9
    for clamp in ({"p1": "zero"}, {"p2": "zero"}, {"p2": "uniform"}, {"p2": "labels"}):
        assert accuracy(clamp=clamp) < 1 / 4 + 0.06, clamp
    assert accuracy(clamp={"p1": "uniform"}) < 0.65
    assert accuracy(clamp={"p2": "match"}) > 0.95
    assert accuracy(before) < 0.45
    maps = attention_maps(AttentionOnly(), after, task, drawn)
    line = [maps.p2_by_slot[0].sel(slot=k, key=f"l{k}").item() for k in range(1, 5)]
    assert min(line) > 0.5
    assert accuracy(before, patch={"p1": after}) < 0.45
    assert accuracy(before, patch={"p2": after}) > 0.65  # the pattern of layer 2 holds what layer 1 has done
