"""The flows of one layer against gradient flows of its full matrices, and its losses against literal attention."""

from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import minimodels as mm
from tests.minimodels.systems import at

D, N, S, KAPPA, TAU, SIGMA = 10, 10, 1 / 12, 9 / 5, 1.0, 0.0


def layer(x: np.ndarray, y: np.ndarray, query: np.ndarray, W: np.ndarray, value: float, over: float) -> np.ndarray:
    """Return the predictions of linear self-attention with W_KQ = diag(W, 0) and -W_PV = diag(0, value)."""
    tokens = np.concatenate([x, y[..., None]], axis=2)
    asked = np.concatenate([query, np.zeros((len(query), 1))], axis=1)
    keys = np.pad(W, ((0, 1), (0, 1)))
    values = np.zeros_like(keys)
    values[-1, -1] = -value
    scores = np.einsum("tik,kq,tq->ti", tokens, keys, asked) / over
    return -(asked + np.einsum("ti,tiv,pv->tp", scores, tokens, values))[:, -1]


@pytest.mark.parametrize("weights", ["merged", "separate", "saturation", "anisotropic-merged", "anisotropic-separate"])
def test_loss_is_that_of_literal_attention(weights: str) -> None:
    rng, tasks, d, n = np.random.default_rng(5), 150_000, 3, 6
    tau, sigma, chosen = 1.4, 0.5, {"N": n, "tau": 1.4, "sigma": 0.5}
    anisotropic = weights.startswith("anisotropic")
    variances = np.array([1.2, 0.6, 0.3]) if anisotropic else np.full(d, 0.4)
    chosen |= {f"lambda_{i + 1}": v for i, v in enumerate(variances)} if anisotropic else {"s": 0.4, "norm": 2.5}
    m = mm.model("linear_attention", weights=weights, d=d, **chosen)
    state = {k: float(rng.uniform(0.4, 0.9)) for k in m.state}
    u = {
        "merged": lambda x: np.full(d, x["u"]),
        "separate": lambda x: np.full(d, x["k"] * x["q"]),
        "saturation": lambda x: np.array([x[f"m_{i}"] ** 2 for i in (1, 2, 3)]),
        "anisotropic-merged": lambda x: np.array([x[f"u_{i}"] for i in (1, 2, 3)]),
        "anisotropic-separate": lambda x: np.array([x[f"k_{i}"] * x[f"q_{i}"] for i in (1, 2, 3)]),
    }[weights](state)
    value = {"separate": lambda x: x["p"] * x["v"], "saturation": lambda x: x["p"] ** 2}
    A = value.get(weights, lambda x: x["v"])(state)
    draws = rng.normal(size=(tasks, n + 1, d)) if anisotropic else rng.uniform(-(3**0.5), 3**0.5, (tasks, n + 1, d))
    x, w = draws * variances**0.5, rng.normal(0, tau, (tasks, d))
    y = np.einsum("tid,td->ti", x, w)
    noisy = y[:, :n] + rng.normal(0, sigma, (tasks, n))
    guess = layer(x[:, :n], noisy, x[:, n], np.diag(u), A, n if anisotropic else 2.5)
    error = (y[:, n] - guess) ** 2 / 2
    found = at(m, np.array([list(state.values())]))["loss"][0]
    assert found == pytest.approx(error.mean(), abs=4 * error.std() / tasks**0.5)


BEST = 1 / (S * (N + D + KAPPA - 2))
DRIVE = TAU**2 * S**2 * N


def matrix_loss(W: np.ndarray, A: float, d: int = D) -> float:
    a = TAU**2 * S / 2
    return float(a * (d - 2 * A * N * S * np.trace(W) + A**2 * N * S / BEST * (W**2).sum()))


def full_flow(K: np.ndarray, Q: np.ndarray, p: np.ndarray, v: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, Any]:
    """Integrate the population gradient of all driven matrices; return the losses and the last matrices."""
    shapes = [x.shape for x in (K, Q, p, v)]
    cuts = np.cumsum([x.size for x in (K, Q, p)])

    def parts(y: np.ndarray) -> list[np.ndarray]:
        return [x.reshape(shape) for x, shape in zip(np.split(y, cuts), shapes, strict=True)]

    def flow(t: float, y: np.ndarray) -> np.ndarray:
        K, Q, p, v = parts(y)
        W, A = K.T @ Q, float(p @ v)
        of_W = DRIVE * (A * np.eye(len(W)) - A**2 * W / BEST)
        of_A = DRIVE * (np.trace(W) - A * (W**2).sum() / BEST)
        return np.concatenate([x.ravel() for x in (Q @ of_W.T, K @ of_W, v * of_A, p * of_A)])

    start = np.concatenate([x.ravel() for x in (K, Q, p, v)])
    run = solve_ivp(flow, (0, times[-1]), start, t_eval=times, rtol=1e-9, atol=1e-12, method="DOP853")
    every = [parts(y) for y in run.y.T]
    return np.array([matrix_loss(K.T @ Q, float(p @ v), K.shape[1]) for K, Q, p, v in every]), every


def test_the_matrix_loss_is_that_of_inputs() -> None:
    """For any W, on sampled inputs: W is not a multiple of the identity."""
    rng = np.random.default_rng(0)
    W, A, x = rng.normal(size=(4, 4)), 0.6, rng.uniform(-0.5, 0.5, (200_000, 4, N))
    H = x @ x.transpose(0, 2, 1)
    error = S / 2 * ((np.eye(4) - A * H @ W) ** 2).sum(axis=(1, 2))
    best = 1 / (S * (N + 4 + KAPPA - 2))
    found = S / 2 * (4 - 2 * A * N * S * np.trace(W) + A**2 * N * S / best * (W**2).sum())
    assert found == pytest.approx(error.mean(), abs=4 * error.std() / len(error) ** 0.5)


@pytest.mark.parametrize("weights", ["merged", "separate"])
def test_scaled_identities_follow_the_full_matrices(weights: str) -> None:
    """Of matrices, which move at rate 1 in every entry; merged weights as K with Q held at the identity."""
    times, e = np.linspace(0, 400, 41), np.eye(D + 1)[0]
    if weights == "separate":
        k, q, p, v = 0.06, 0.05, 0.15, 0.17
        run = mm.simulate(
            mm.model("linear_attention", weights=weights), t_end=400.0, init={"k": k, "q": q, "p": p, "v": v},
            save=times, rtol=1e-10, atol=1e-13,
        )  # fmt: skip
        losses, _ = full_flow(k * np.eye(D), q * np.eye(D), p * e, v * e, times)
        assert run.loss.values == pytest.approx(losses, abs=1e-8)
        return
    m = mm.model("linear_attention", weights=weights)
    run = mm.simulate(m, t_end=400.0, save=times, rtol=1e-10, atol=1e-13)

    def flow(t: float, y: np.ndarray) -> np.ndarray:  # attention divided by N
        U, v = y[:-1].reshape(D, D) / N, y[-1]
        slope = DRIVE * (v * np.eye(D) - v**2 * U / BEST) / N
        return np.append(slope.ravel(), DRIVE * (np.trace(U) - v * (U**2).sum() / BEST))

    found = solve_ivp(
        flow, (0, 400), np.append(1e-3 * np.eye(D).ravel(), 1e-3 * D**0.5), t_eval=times, rtol=1e-10, atol=1e-13
    )
    losses = np.array([matrix_loss(y[:-1].reshape(D, D) / N, y[-1]) for y in found.y.T])
    assert run.loss.values == pytest.approx(losses, abs=1e-8)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_random_start_of_the_size_of_the_authors(seed: int) -> None:
    """The four variables say when, the eigenvalues how the loss of all 242 driven parameters falls."""
    rng, width = np.random.default_rng(seed), D + 1
    K, Q = rng.normal(0, 0.0135, (2, width, D))
    p, v = rng.normal(0, 0.0135, (2, width))
    W = K.T @ Q
    if (p @ v) * np.trace(W) < 0:
        p = -p
    if p @ v < 0:
        p, K = -p, -K
    start = {"A": p @ v, "B": np.trace(K.T @ Q), "S1": p @ p + v @ v, "S2": (K**2).sum() + (Q**2).sum()}
    predicted = mm.simulate(mm.model("linear_attention", weights="onset"), t_end=1e5, init=start, stop_at="escape_time")
    escape = float(predicted.escape_time)
    times = np.linspace(0, escape * 1.15, 4001)
    losses, every = full_flow(K, Q, p, v, times)
    zero, best = losses[0], S * D / 2 * (1 - BEST * N * S)
    half = times[np.argmax(losses < (zero + best) / 2)]
    assert half == pytest.approx(escape, rel=4e-3)

    begin = int(np.argmax(losses < zero - 0.02 * (zero - best)))
    K, Q, p, v = every[begin]
    mean = (K + Q) / 2
    sizes = np.sqrt(np.linalg.eigvalsh(mean.T @ mean))[::-1]
    reduced = mm.simulate(
        mm.model("linear_attention", weights="saturation"), t_end=times[-1] - times[begin],
        init={"p": (p @ v) ** 0.5} | {f"m_{i + 1}": x for i, x in enumerate(sizes)},
        save=times[begin:] - times[begin], rtol=1e-9,
    )  # fmt: skip
    assert np.abs(reduced.loss.values - losses[begin:]).max() < 5e-4


@pytest.mark.parametrize("weights", ["anisotropic-merged", "anisotropic-separate"])
def test_directions_follow_full_matrices_in_a_turned_basis(weights: str) -> None:
    rng, n, start = np.random.default_rng(1), 20, 0.05
    variances = np.array([1.0, 0.5, 0.25])
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    cov = turn @ np.diag(variances) @ turn.T
    second = cov @ ((1 + 1 / n) * cov + np.trace(cov) / n * np.eye(3))  # E of the squared mean of xx'
    apart, times = weights.endswith("separate"), np.linspace(0, 120, 61)

    def slopes(U: np.ndarray, v: float) -> tuple[np.ndarray, float]:
        of_U = v * cov @ cov - v**2 * second @ U @ cov
        return of_U, float(np.trace(cov @ U @ cov) - v * np.trace(U.T @ second @ U @ cov))

    def flow(t: float, y: np.ndarray) -> np.ndarray:
        K, Q, v = y[:9].reshape(3, 3), y[9:18].reshape(3, 3), y[-1]
        of_U, of_v = slopes(K.T @ Q if apart else K, v)
        return np.concatenate([(Q @ of_U.T if apart else of_U).ravel(), (K @ of_U if apart else 0 * Q).ravel(), [of_v]])

    y = np.concatenate([start * np.eye(3).ravel(), start * np.eye(3).ravel(), [start * 3**0.5]])
    full = solve_ivp(flow, (0, 120), y, t_eval=times, rtol=1e-10, atol=1e-13).y.T
    found = [
        (K.T @ Q if apart else K, v) for K, Q, v in ((y[:9].reshape(3, 3), y[9:18].reshape(3, 3), y[-1]) for y in full)
    ]
    losses = [np.trace(cov - 2 * v * cov @ U @ cov + v**2 * second @ U @ cov @ U.T) / 2 for U, v in found]
    m = mm.model("linear_attention", weights=weights, N=n)
    init = dict.fromkeys(m.state, start) | {"v": start * 3**0.5}
    run = mm.simulate(m, t_end=120.0, init=init, save=times, rtol=1e-10, atol=1e-13)
    assert run.loss.values == pytest.approx(np.array(losses), abs=1e-8)


@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        ({"weights": "merge"}, "one of 'merged'"),
        ({"weights": "saturation", "d": 1.5}, "whole number"),
        ({"weights": "anisotropic-merged", "d": 65}, "at most 64"),
        ({"weights": "anisotropic-merged", "lambda_2": 0}, "`lambda_2` must lie in"),
        ({"weights": "anisotropic-merged", "lambda_4": 1}, "did you mean 'lambda_"),
        ({"kappa": 0.5}, "`kappa` must lie in"),
        ({"d": -3}, "`d` must lie between"),
    ],
)
def test_choices_that_cannot_be_are_refused(choices: dict[str, Any], sentence: str) -> None:
    with pytest.raises(mm.InputError, match=sentence):
        mm.model("linear_attention", **choices)
