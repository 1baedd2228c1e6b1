"""What duplicates cost: `repeat_costs`, its picture and dataset, and `minimodels repeats`."""

import time
from pathlib import Path

import numpy as np
import pytest

import minimodels as mm
import theory
from minimodels.errors import InputError
from tests.minimodels.test_cli import keeps_what_was_there, main, refuses_paths
from tests.minimodels.test_cli_json import read
from theory.hernandez.costs import RepeatCosts
from theory.hernandez.effective import effective_edges

T, N = 1e11, 197e6
SETTING = ("repeats", "--tokens", "1e11", "--parameters", "197e6", "--width", "640")
ONE = (*SETTING, "--fraction", ".03", "--times", "50")


def costs(r: list[float], f: list[float], **options: float) -> RepeatCosts:
    return theory.repeat_costs(r, [x * T for x in f], **({"tokens": T, "parameters": N, "width": 640} | options))


def said(made: object, word: str) -> str:
    return next((line for line in str(made).splitlines() if word in line), "")


def test_rows_in_any_order_and_number_are_one_histogram() -> None:
    rng = np.random.default_rng(0)
    r = rng.integers(1, 50, 5000).astype(float)
    tokens = rng.uniform(0, 1e6, 5000)
    one = theory.repeat_costs(r, tokens, tokens=T, parameters=N)
    order = rng.permutation(5000)
    two = theory.repeat_costs(r[order], tokens[order], tokens=T, parameters=N)
    assert two.x == pytest.approx(one.x, rel=1e-12)
    assert one.f * T == pytest.approx(tokens[r > 1].sum(), rel=1e-12)
    assert (one.distinct * one.multiplicity).sum() == pytest.approx(one.f * T, rel=1e-12)
    assert one.multiplicity.tolist() == sorted(set(r[r > 1]))


def test_many_multiplicities_are_grouped_without_losing_a_token() -> None:
    rng = np.random.default_rng(1)
    r = np.exp(rng.uniform(0, 8, 40_000))
    tokens = rng.uniform(0, 1e5, 40_000)
    made = theory.repeat_costs(r, tokens, tokens=T, parameters=N, width=640)
    assert made.multiplicity.size < 10_000
    assert made.f * T == pytest.approx(tokens.sum(), rel=1e-3)
    assert (made.distinct).sum() == pytest.approx((tokens / r).sum(), rel=1e-3)
    few = np.append(r[:5000], r.max())
    assert theory.repeat_costs(few, np.ones(5001), tokens=T, parameters=N).multiplicity.size == 5001


def test_distinct_tokens_are_counted_as_often_as_they_are_seen() -> None:
    seen = costs([50], [0.03])
    once = theory.repeat_costs([50], [0.03 * T / 50], tokens=T, parameters=N, width=640, distinct=True)
    assert once.x == pytest.approx(seen.x, rel=1e-12)


def test_damages_do_not_add_near_the_peak() -> None:
    """Two groups at the worst point are one of both, which costs more than the two alone."""
    both, one = costs([382, 383], [0.03, 0.03]), costs([382.5], [0.06])
    for k in (0, 1):  # noise and capacity
        assert both.damages[k].low == pytest.approx(one.damages[k].low, rel=1e-3)
    assert both.alone.sum() < 0.99 * one.alone[0]
    far = costs([2, 3000], [0.03, 0.03]).damages[0].low
    parts = costs([2], [0.03]).damages[0].low * costs([3000], [0.03]).damages[0].low
    assert far == pytest.approx(parts, rel=0.01)


def test_no_repeats_and_all_repeats() -> None:
    for made in (costs([50], [0.0]), costs([1], [0.5])):
        assert (made.f, made.x) == (0.0, (1.0, 1.0))
        assert "nothing to pay" in str(made)
    whole = costs([40], [1.0])
    assert [d.model for d in whole.damages if d.applies] == ["epochs"]
    assert "seen 40 times" in said(whole, "- The whole corpus")
    four = costs([4], [1.0])
    assert four.x[0] > 0.97 * 1
    assert whole.x[0] < four.x[0]


def test_where_a_model_does_not_apply_it_says_why() -> None:
    by = {d.model: d for d in costs([40], [0.5]).damages}
    assert "above f = 0.1" in by["A"].why
    assert by["C"].applies
    by = {d.model: d for d in theory.repeat_costs([2], [1e8], tokens=1e9, parameters=2e9).damages}
    assert "fewer than p" in by["A"].why
    assert "parameters" in by["published"].why
    by = {d.model: d for d in costs([2, 50], [0.03, 0.03]).damages}
    assert "one set" in by["published"].why
    by = {d.model: d for d in costs([50], [0.01]).damages}
    assert "f from 0.03" in by["published"].why


def test_the_position_and_the_advice_follow_the_band() -> None:
    left, inside, right = (costs([r], [0.05]) for r in (10, 400, 40_000))
    low, high = inside.band
    assert (low, high) == tuple(x * T / inside.directions for x in effective_edges(0.05))
    assert "left of the band" in said(left, "hurts most")
    assert "inside the band" in said(inside, "hurts most")
    assert "right of the band" in said(right, "hurts most")
    assert "Drop the repeats" in str(inside)
    assert "Repeat:" in str(costs([2], [0.05]))
    assert "hit harder" in str(inside)
    assert "hit harder" not in str(left)
    assert "does not help" in str(costs([10], [0.09]))
    assert "changes little" in str(costs([100], [0.05]))
    assert "helps: past the peak" in str(right)
    assert "word for word" in str(right)
    for made in (left, inside, right):
        assert all(len(s.sure) > 5 for s in made.sentences)


def test_the_groups_near_the_worst_point_hurt_most_not_the_most_repeated() -> None:
    made = costs([2, 300, 30_000], [0.03, 0.005, 0.005])
    assert made.multiplicity[made.hurting].tolist() == [300]
    assert "The group seen 300 times" in str(made)
    assert "x, p" not in str(made)


def test_what_it_is_worth_comes_back_as_a_loss() -> None:
    made = costs([400], [0.05])
    for x, tokens in zip(made.x, made.tokens_worth, strict=True):
        loss = theory.chinchilla_loss(N, tokens) / theory.chinchilla_loss(N, T)
        assert loss == pytest.approx(x**-0.1, rel=1e-9)
    assert made.parameters_worth == (made.x[0] * N, made.x[1] * N)


def test_more_than_the_training_is_refused() -> None:
    with pytest.raises(InputError, match=r"the groups hold 1.1e\+11 tokens and the training has 1e\+11"):
        costs([2, 3], [0.6, 0.5])
    assert costs([2, 3], [0.6, 0.4]).f == pytest.approx(1)


@pytest.mark.parametrize("count", [1, 3, 200])
def test_the_picture_shows_every_group(count: int) -> None:
    r = np.geomspace(2, 5000, count).tolist()
    made = costs(r, [0.05 / count] * count)
    top, bottom = theory.plot_repeats(made).axes
    drawn = next(line for line in top.lines if len(line.get_xdata()) == count)
    assert list(drawn.get_xdata()) == pytest.approx(made.multiplicity.tolist())
    assert list(drawn.get_ydata()) == pytest.approx(made.shares.tolist())
    labels = [text.get_text() for text in bottom.get_legend().get_texts()]
    assert any(text.startswith("A, noise") for text in labels)
    low, high = bottom.get_xlim()
    assert low <= r[0]
    assert r[-1] <= high
    with pytest.raises(InputError, match="nothing to draw"):
        theory.plot_repeats(costs([1], [0.1]))


def test_the_command_says_and_writes_what_the_library_computes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, errors = main(capsys, *ONE, "--out", str(tmp_path / "r.nc"), "--plot", str(tmp_path / "r.svg"))
    assert (code, errors) == (0, "")
    made = costs([50], [0.03])
    assert out == str(made) + "\n"
    assert mm.load(tmp_path / "r.nc").equals(made.dataset())
    assert "<text" in (tmp_path / "r.svg").read_text()
    code, _, errors = main(capsys, *ONE, "--out", str(tmp_path / "r.nc"))
    assert code == 2
    assert "exists and is left as it is" in errors


def test_a_histogram_in_any_order_of_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "counts.csv"
    path.write_text('\ufeff"Tokens", multiplicity\r\n5e9,2\r\n1e9,300\r\n1e9,300\r\n')
    code, out, errors = main(capsys, *SETTING, "--histogram", str(path))
    assert (code, errors) == (0, "")
    assert out == str(costs([2, 300], [0.05, 0.02])) + "\n"
    path.write_text("multiplicity,tokens\n50,6e7\n")
    assert main(capsys, *SETTING, "--histogram", str(path), "--distinct")[1] == str(costs([50], [0.03])) + "\n"


BAD_FILES = [
    ("a,b\n1,2\n", "needs the columns multiplicity, tokens"),
    ("multiplicity\n1\n", "needs the columns"),
    ("multiplicity,tokens,more\n1,2,3\n", "needs the columns"),
    ("1,2\n3,4\n", "needs the columns"),
    ("", "is empty"),
    ("multiplicity,tokens\n", "has no rows"),
    ("multiplicity,tokens\n3,5\n2,-5\n", "line 3 has -5 tokens"),
    ("multiplicity,tokens\n3,5\n0,5\n", "line 3 has the multiplicity 0"),
    ("multiplicity,tokens\n3,5\n-2,5\n", "line 3 has the multiplicity -2"),
    ("multiplicity,tokens\n3,2e11\n", "the training has 1e+11"),
    ("multiplicity,tokens\n3,5\n4,many\n", "line 3 of"),
    ("multiplicity,tokens\n3,5\n4\n", "line 3 of"),
    ("multiplicity,tokens\n3,5,6\n", "line 2 of"),
    ("multiplicity,tokens\n3,nan\n", "finite"),
]


@pytest.mark.parametrize(("text", "sentence"), BAD_FILES, ids=[sentence for _, sentence in BAD_FILES])
def test_a_bad_histogram_is_one_sentence(
    text: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "counts.csv"
    path.write_text(text)
    code, out, errors = main(capsys, *SETTING, "--histogram", str(path), "--plot", str(tmp_path / "p.png"))
    assert (code, out, errors.count("\n")) == (2, "", 1)
    assert sentence in errors
    assert [p.name for p in tmp_path.iterdir()] == ["counts.csv"]


BAD = [
    ("", "give --histogram FILE, or --fraction and --times together"),
    ("--fraction .1", "together"),
    ("--times 5", "together"),
    ("--fraction .1 --times 5 --histogram x.csv", "together"),
    ("--histogram x.csv", "there is no file 'x.csv'"),
    ("--fraction 1.5 --times 5", "--fraction is a share"),
    ("--fraction .1 --times 0", "multiplicity 0"),
    ("--fraction .1 --times 5 --distinct", "--distinct is for --histogram"),
    ("--fraction .1 --times five", "--times"),
    ("--fraction .1 --times 5 --vocabulary -1", "`vocabulary` must lie"),
    ("--fraction .1 --times 5 now", "did not expect 'now'"),
    ("--fracton .1", "did you mean '--fraction'"),
    ("--fraction .1 --times 5 --out x.csv", "ends in .nc"),
]


@pytest.mark.parametrize(("words", "sentence"), BAD, ids=[words for words, _ in BAD])
def test_a_bad_word_is_one_sentence(
    words: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, errors = main(capsys, *SETTING, *words.split())
    assert (code, out, errors.count("\n")) == (2, "", 1)
    assert sentence in errors
    assert not list(tmp_path.iterdir())


def test_sizes_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    for words, name in ((("--parameters", "1e8"), "tokens"), (("--tokens", "1e11"), "parameters")):
        code, _, errors = main(capsys, "repeats", *words, "--fraction", ".1", "--times", "5")
        assert code == 2
        assert f"--{name} is missing" in errors


def test_paths_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refuses_paths((*ONE, "--overwrite"), ("--out", "--plot"), tmp_path, capsys)


def test_a_full_disk_keeps_what_was_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    keeps_what_was_there((*ONE, "--plot", "mine.svg"), 0, tmp_path, capsys)


def test_a_million_rows_are_read_in_a_few_seconds(tmp_path: Path) -> None:
    """Ten million take 5 s; the bound is for slow machines."""
    rng = np.random.default_rng(2)
    rows = np.column_stack([rng.zipf(1.6, 1_000_000).clip(1, 10**6), rng.integers(1, 2000, 1_000_000)])
    path = tmp_path / "counts.csv"
    path.write_bytes(b"multiplicity,tokens\n" + b"\n".join(b"%d,%d" % (r, t) for r, t in rows.tolist()) + b"\n")
    begun = time.process_time()
    found = theory.read_histogram(path)
    assert time.process_time() - begun < 5
    assert found.tokens.sum() == rows[:, 1].sum()


def test_a_document_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    found = read(capsys, *ONE, "--json")
    made = costs([50], [0.03])
    assert (found["f"], found["worst_r"], found["x"]) == (made.f, made.worst_r, list(made.x))
    assert found["data_vars"]["share"]["data"] == made.shares.tolist()
    refused = next(row for row in found["damages"] if not row["applies"])
    assert (refused["low"], refused["low_status"]) == (None, "nan")
    assert refused["why"]
    assert found["sentences"][0] == {"text": made.sentences[0].text, "sure": made.sentences[0].sure}
