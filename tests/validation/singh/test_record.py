"""What is not asked for is not computed, and what was computed goes with its record."""

import gc
import weakref
from collections.abc import Sequence

import pytest

torch = pytest.importorskip("torch")

from tests.validation.singh.test_clamps import CLAMPS, NET, TWO, together  # noqa: E402
from tests.validation.singh.test_network import trained  # noqa: E402
from validation.singh.applied import clamped  # noqa: E402
from validation.singh.clamps import Clamp, Copy, Given, Hold, PerfectLayer0  # noqa: E402
from validation.singh.record import Record, put  # noqa: E402


class Counted:
    """The network, which tells the sites that were computed, of all passes."""

    layers = NET.layers

    def __init__(self) -> None:
        self.computed: list[str] = []

    def forward(self, parameters, tokens, hooks=None):  # type: ignore[no-untyped-def]
        sites = list(NET.forward(parameters, tokens))

        def counting(site):  # type: ignore[no-untyped-def]
            def hook(value, found):  # type: ignore[no-untyped-def]
                self.computed.append(site)
                return value()

            return hook

        return NET.forward(parameters, tokens, {site: [counting(site), *(hooks or {}).get(site, ())] for site in sites})


EMBEDDED = ["exemplars", "labels", "tokens", "embedding"]
SCORED = ["0.normed", "0.q", "0.k", "0.v", "0.S", "0.A", "0.z", "0.written", "0.block", "1.normed", "1.q", "1.k", "1.S"]


@pytest.mark.parametrize(
    ("clamps", "computed"),
    [
        ([Copy((1, 0))], [*EMBEDDED, *SCORED]),
        ([PerfectLayer0(copy=(1, 0))], [*EMBEDDED, "1.normed", "1.q", "1.k", "1.S"]),
        ([PerfectLayer0()], [*EMBEDDED * 2, *["1.normed"] * 2, "1.q", "1.k", "1.S", "1.A", "1.v", "1.z", "1.written",
                             "1.block", "norm", "logits"]),
        ([Hold(("A",))], [*EMBEDDED * 2, *SCORED, "1.A", "0.normed", "0.v", "0.z", "0.written", "0.block", "1.normed",
                          "1.v", "1.z", "1.written", "1.block", "norm", "logits"]),
    ],
    ids=["copy", "layer 0 and copy", "layer 0", "hold A"],
)  # fmt: skip
def test_only_what_the_logits_need_is_computed(clamps: Sequence[Clamp], computed: list[str]) -> None:
    _, tokens = together(TWO)
    network = Counted()
    clamped(network, trained(TWO, NET), tokens, clamps)["logits"]
    assert sorted(network.computed) == sorted(computed)


@pytest.mark.parametrize("name", ["zero one head", "layer 0", "temperature", "no embedding"])
def test_what_was_computed_goes_with_its_record(name: str) -> None:
    _, tokens = together(TWO)
    gc.disable()
    try:
        record = clamped(NET, {k: v.requires_grad_() for k, v in trained(TWO, NET).items()}, tokens, CLAMPS[name][0])
        kept = [weakref.ref(record[site]) for site in ("embedding", "0.block", "1.A", "logits")]
        record["logits"].sum().backward()
        del record
        assert [ref() for ref in kept] == [None] * 4
    finally:
        gc.enable()


def test_hooks_are_given_what_comes_before_them() -> None:
    record = Record({"b": [lambda value, found: 10 * value() + found["a"], put(torch.tensor(5.0)),
                           lambda value, _: value() + 1]})  # fmt: skip
    a = record.state("a", lambda: torch.tensor(1.0))
    record.state("b", lambda: 2 * a())
    assert list(record) == ["a", "b"]
    assert len(record) == 2
    assert float(record["b"]) == 6
    with pytest.raises(KeyError):
        record["c"]


def test_a_plain_pass_is_made_once() -> None:
    _, tokens = together(TWO)
    given = Given(NET, trained(TWO, NET), tokens)
    assert given.plain["1.S"] is given.plain["1.S"]
    assert set(given.plain) == set(NET.forward(given.parameters, tokens))
