"""Claims on losses, steps and spectra: theory against its tabulated numbers, and against sampled tasks."""

from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from scipy.special import softmax

import theory
from minimodels.tasks.linear_regression import LinearRegressionTask
from validation.checks import Check, between, near, ordered
from validation.ledger import Context, Finding, claim
from validation.oswald import figures, metrics
from validation.oswald.metrics import descent

of_theory = partial(claim, level="theory")
N = d = 10
TASK = LinearRegressionTask()
A = 1 / (TASK.s * (N + d - 0.2))  # the best single step
SAMPLED, SPECTRA, LOGITS, ALIGNED = 40_000, 100_000, 60_000, 10_000  # tasks of each of six draws


def _sampled(what: str, predictor: metrics.Predictor, task: LinearRegressionTask, expected: float, rel: float) -> Check:
    """The loss over six draws of the tests."""
    each = [metrics.loss(predictor, task, tasks=SAMPLED, seed=seed)[0] for seed in range(6)]
    return near(f"{what}, sampled", each, expected, rel=rel)


@of_theory("O1", "The zero predictor loses s d tau^2/2", setting="N = d = 10")
def zero(context: Context) -> Finding:
    """O1."""
    return Finding(
        [
            near("loss of zero", theory.gd_optimum(N, d).zero_loss, 0.416667, rel=2e-6),
            _sampled("loss of zero", lambda x, y, query: np.zeros(len(y)), TASK, 0.416667, 0.02),
        ]
    )


@of_theory("O2", "The best step is a* = 1/(s D), eta* = a* N", headline=True, setting="N = d = 10")
def best_step(context: Context) -> Finding:
    """O2; over sampled tasks the best step is the regression of labels on the predictions of a unit step."""
    found = []
    for seed in range(6):
        tasks = TASK.test_set("train", seed, 10_000)
        unit = descent(1.0)(tasks.x, tasks.y, tasks.query)
        found.append(float((unit * tasks.target).sum() / (unit**2).sum()))
    return Finding(
        [
            near("a*", theory.gd_optimum(N, d).a[0], 0.606061, rel=2e-6),
            near("eta*", N * theory.gd_optimum(N, d).a[0], 6.06061, rel=2e-6),
            between("a*, sampled", found, 0.606061 - 0.02, 0.606061 + 0.02, 0.606061),
        ]
    )


@of_theory("O3", "One step loses s d tau^2/2 (d + kappa - 2)/D at best", headline=True, setting="N = d = 10")
def one_step(context: Context) -> Finding:
    """O3."""
    return Finding(
        [
            near("L*", theory.gd_optimum(N, d).loss, 0.206229, rel=3e-6),
            _sampled("L*", descent(A), TASK, 0.206229, 0.03),
        ]
    )


@of_theory("O5", "The same formula holds for any N and d", setting="N = 50, d = 10; three others")
def any_size(context: Context) -> Finding:
    """O5."""
    checks = [near("L* at N = 50", theory.gd_optimum(50, d).loss, 0.0682832, rel=1e-6)]
    for n, k in ((5, 3), (20, 10), (8, 20)):
        best = theory.gd_optimum(n, k)
        task = LinearRegressionTask(N=n, d=k)
        checks.append(_sampled(f"L* at N = {n}, d = {k}", descent(best.a), task, best.loss, 0.03))
    return Finding(checks)


def _exact_and_sampled(what: str, exact: float, expected: float, task: LinearRegressionTask, rel: float) -> list[Check]:
    digits = 5e-5 if expected < 1 else 5e-6
    return [near(what, exact, expected, rel=digits), _sampled(what, descent(A), task, expected, rel)]


@of_theory("O9", "Inputs scaled by alpha: L = s d tau^2/2 alpha^2 (1 - 2 rho alpha^2 + rho alpha^4)",
           setting="N = d = 10, one step trained at alpha = 1")  # fmt: skip
def scaled_inputs(context: Context) -> Finding:
    """O9."""
    checks = []
    for alpha, expected, rel in ((0.5, 0.08115, 0.03), (2.0, 8.4007, 0.05)):
        exact = theory.gd_loss(A, N=N, d=d, x_scale=alpha)
        checks += _exact_and_sampled(f"loss at alpha = {alpha:g}", exact, expected,
                                     LinearRegressionTask(x_scale=alpha), rel)  # fmt: skip
    return Finding(checks)


@of_theory("O10", "Tasks scaled by alpha lose alpha^2 L*", setting="N = d = 10")
def scaled_tasks(context: Context) -> Finding:
    """O10."""
    return Finding(
        [near(f"loss at alpha = {alpha:g} / alpha^2", theory.gd_loss(A, N=N, d=d, w_scale=alpha) / alpha**2, 0.206229,
              rel=3e-6) for alpha in (0.5, 2.0, 5.0)]
    )  # fmt: skip


@of_theory("O11", "k corrupted labels lose as the closed form says", setting="N = d = 10, k = 2, 8")
def corrupted(context: Context) -> Finding:
    """O11."""
    checks = []
    for k, expected in ((2, 0.25682), (8, 0.45960)):
        exact = theory.gd_loss(A, N=N, d=d, corrupted=k)
        checks += _exact_and_sampled(
            f"loss with {k} corrupted", exact, expected, LinearRegressionTask(corrupted=k), 0.03
        )
    return Finding(checks)


@of_theory("O30", "Trained at N = 10, tested with M points the loss is least at M = 15 and grows without bound beyond",
           setting="N = d = 10, M = 5, 20, 40")  # fmt: skip
def other_lengths(context: Context) -> Finding:
    """O30."""
    checks = []
    for M, expected in ((5, 0.28488), (20, 0.20835), (40, 0.85030)):
        exact = theory.gd_loss(A, N=N, d=d, test_N=M)
        checks += _exact_and_sampled(f"loss at M = {M}", exact, expected, LinearRegressionTask(N=M), 0.04)
    least = min(range(1, 41), key=lambda M: theory.gd_loss(A, N=N, d=d, test_N=M))
    return Finding([*checks, between("M of the least loss", least, 15, 15, "D - (d + kappa - 2)/2 = 14.9")])


@of_theory("O31", "Gaussian inputs divided by the context's Frobenius norm", setting="alpha = 1, 3")
def on_the_sphere(context: Context) -> Finding:
    """O31."""
    checks = []
    for alpha, expected in ((1.0, 0.04522), (3.0, 0.23953)):
        exact = theory.gd_loss(A, N=N, d=d, law="gaussian", frobenius=alpha)
        task = LinearRegressionTask(law="gaussian", frobenius=True, x_scale=alpha)
        checks += _exact_and_sampled(f"loss at alpha = {alpha:g}", exact, expected, task, 0.04)
    return Finding(checks)


GD_PLUS_PLUS = {10: (1.34957, 0.175985, 0.110495, 0.156615), 50: (0.396328, 0.0560495, 0.00254789, 0.0213521)}


@of_theory("O12", "The best tied two-layer GD++ has gamma = .176 at N = 10 and .056 at N = 50, as the paper's nets",
           headline=True, setting="d = 10; the paper's trained networks: .179, .099, .056, .029",
           figure=figures.spectrum)  # fmt: skip
def transforms(context: Context) -> Finding:
    """O12."""
    checks = []
    for n, (a, gamma, _, _) in GD_PLUS_PLUS.items():
        best = theory.gd_optimum(n, d, K=2, kind="gd++")
        checks += [
            near(f"a at N = {n}", best.a[0], a, rel=5e-6),
            near(f"gamma at N = {n}", best.gamma[0], gamma, rel=5e-6),
        ]
    for n, paper in ((10, 0.179), (25, 0.099), (50, 0.056), (100, 0.029)):
        found = theory.gd_optimum(n, d, K=2, kind="gd++").gamma[0]
        checks.append(near(f"gamma at N = {n} against the paper's network", found, paper, rel=0.03))
    return Finding(checks, _transformed({n: theory.gd_optimum(n, d, K=2, kind="gd++").gamma[0] for n in GD_PLUS_PLUS}))


def _transformed(gammas: dict[int, float]) -> xr.Dataset:
    """Eigenvalues of 10 000 tasks before and after the transform: their densities, and median condition numbers."""
    rows: dict[str, list[Any]] = {"largest": [], "density": [], "condition": []}
    for n, gamma in gammas.items():
        before = _spectra(0, n)
        each = (before, before * (1 - gamma * before) ** 2)
        edges = np.linspace(0, before.max(), 101)
        rows["largest"].append(before.max())
        rows["density"].append([np.histogram(values, edges, density=True)[0] for values in each])
        rows["condition"].append([np.median(values.max(1) / values.min(1)) for values in each])
    return xr.Dataset(
        {"gamma": ("N", list(gammas.values())), "largest": ("N", rows["largest"]),
         "density": (("N", "when", "bin"), rows["density"]), "condition": (("N", "when"), rows["condition"])},
        {"N": list(gammas), "when": ["before", "after"]},
    )  # fmt: skip


@of_theory("O13", "Two tied layers lose .110495 as GD++ and .156615 as GD", setting="N = d = 10; N = 50")
def two_layers(context: Context) -> Finding:
    """O13."""
    checks = []
    for n, (_, _, plus_plus, plain) in GD_PLUS_PLUS.items():
        for kind, expected in (("gd++", plus_plus), ("gd", plain)):
            best = theory.gd_optimum(n, d, K=2, kind=kind)
            checks.append(near(f"loss of {kind} at N = {n}", best.loss, expected, rel=1e-5))
    best = theory.gd_optimum(N, d, K=2, kind="gd++")
    checks.append(_sampled("loss of gd++ at N = 10", descent([best.a[0]] * 2, best.gamma), TASK, 0.110495, 0.05))
    return Finding(checks)


@of_theory("O14", "GD and GD++ of two layers differ: cosine .951, implicit weights by .752, predictions by .175",
           setting="N = d = 10, 10 000 tasks, six draws")  # fmt: skip
def apart(context: Context) -> Finding:
    """O14."""
    plain, plus_plus = (theory.gd_optimum(N, d, K=2, kind=kind) for kind in ("gd", "gd++"))
    pair = descent([plain.a[0]] * 2), descent([plus_plus.a[0]] * 2, plus_plus.gamma)
    each = [metrics.alignment(*pair, TASK, tasks=ALIGNED, seed=seed) for seed in range(6)]
    return Finding(
        [
            near("cosine", [one.cosine for one in each], 0.951, rel=0.01),
            near("difference of implicit weights", [one.weights for one in each], 0.752, rel=0.03),
            near("difference of predictions", [one.predictions for one in each], 0.175, rel=0.03),
        ]
    )


@of_theory(
    "O16", "K free steps lose c^K/(1 + ... + c^K) of L_0 in the proportional limit", setting="c = 1, .5, 2; N = 10"
)
def free_steps(context: Context) -> Finding:
    """O16."""
    checks = [
        near("loss of two free steps at N = d = 10", theory.gd_optimum(N, d, K=2, tied=False).loss, 0.141269, rel=5e-6)
    ]
    for c, K in ((1.0, 2), (0.5, 3), (2.0, 2)):
        limit = c**K / sum(c**j for j in range(K + 1))
        found = theory.proportional_optimum(c, K=K, tied=False).loss
        checks.append(near(f"relative loss, c = {c:g}, K = {K}", found, limit, rel=1e-4))
    return Finding(checks)


DAMPED = {1.0: (0.206229, 0.156665, 0.133190, 0.120064), 0.75: (0.219381, 0.169625, 0.144149, 0.127938),
          0.70: (0.225168, 0.174819, 0.148691, 0.131992)}  # fmt: skip
REPEATS = (5, 10, 20, 50)
CONVERGENT = {1.0: (0.1037, 0.0766, 0.0567, 0.0384), 0.75: (0.1165, 0.0865, 0.0641, 0.0433),
              0.70: (0.1201, 0.0892, 0.0661, 0.0446)}  # fmt: skip


@of_theory("O17", "Repeating one step k times with damping: exact to k = 4; without damping 3 % of the tasks diverge",
           setting="N = d = 10, a = a*; 600 000 spectra")  # fmt: skip
def damping(context: Context) -> Finding:
    """O17; beyond k = 4 means over the tasks that converge."""
    checks = [
        near(f"loss, damping {damping:g}, k = {k}", theory.gd_loss([damping * A] * k, N=N, d=d), expected, rel=1e-5)
        for damping, losses in DAMPED.items()
        for k, expected in enumerate(losses, 1)
    ]
    spectra = [_spectra(seed, N, SPECTRA) for seed in range(6)]
    shares = [float((A * each[:, -1] > 2).mean()) for each in spectra]
    checks.append(near("share of tasks that diverge, damping 1", shares, 0.0336, rel=0.03))
    for damping, losses in CONVERGENT.items():
        left = [1 - damping * A * each[damping * A * each[:, -1] < 2] for each in spectra]
        for k, expected in zip(REPEATS, losses, strict=True):
            found = [float(TASK.s / 2 * (each ** (2 * k)).sum(1).mean()) for each in left]
            checks.append(near(f"loss of tasks that converge, damping {damping:g}, k = {k}", found, expected, rel=0.01))
    return Finding(checks)


def _spectra(seed: int, points: int, count: int = 10_000) -> np.ndarray:
    """Eigenvalues of the Gram matrices of so many contexts, in order."""
    x = LinearRegressionTask(N=points).test_set("train", seed, count).x
    return np.linalg.eigvalsh(np.einsum("nid,nie->nde", x, x))


@of_theory("O18", "The largest eigenvalue over 10 000 tasks is 4.6 at N = 10 and 10.8 at N = 50, the smallest .67 "
           "there", setting="d = 10, six draws; the paper's printed ranges")  # fmt: skip
def eigenvalues(context: Context) -> Finding:
    """O18."""
    ranges = {n: np.array([_spectra(seed, n)[:, [0, -1]] for seed in range(6)]) for n in (10, 50)}
    return Finding(
        [
            near("largest, N = 10", ranges[10][:, :, 1].max(1), 4.6, rel=0.2),
            near("largest, N = 50", ranges[50][:, :, 1].max(1), 10.845, rel=0.06),
            near("smallest, N = 50", ranges[50][:, :, 0].min(1), 0.666, rel=0.2),
        ]
    )


FINITE = {2.0: 1.049, 4.0: 1.043, 5.0: 1.048, 7.0: 1.064, 10.0: 1.098}  # logits: loss over that of one step


@of_theory("O19", "Two softmax heads come within 4.3 % of a step, in the limit of small logits within 5.9 %; one head "
           "does not", setting="B = epsilon I, best scale of the output, N = d = 10")  # fmt: skip
def two_heads(context: Context) -> Finding:
    """O19."""
    checks = [near("loss of two heads, small logits", theory.two_head_optimum(N, d).loss, 0.21846, rel=5e-5)]
    for epsilon, expected in FINITE.items():
        ratio = [_best_scaled(seed, epsilon, heads=2) / _best_scaled(seed, None, heads=2) for seed in range(6)]
        checks.append(near(f"two heads / one step, epsilon = {epsilon:g}", ratio, expected, rel=0.01))
    alone = [min(_best_scaled(seed, epsilon, heads=1) for epsilon in (4.0, 5.0, 7.0, 10.0)) for seed in range(6)]
    return Finding([*checks, near("least loss of one head", alone, 0.292, rel=0.03)])


def _best_scaled(seed: int, epsilon: float | None, *, heads: int) -> float:
    """Least loss over the scale of the output: softmax heads with logits epsilon x_i . x_q, or a linear one (None)."""
    tasks = TASK.test_set("train", seed, LOGITS)
    scores = np.einsum("nid,nd->ni", tasks.x, tasks.query)
    weights = scores if epsilon is None else softmax(epsilon * scores, axis=1)
    if epsilon is not None and heads == 2:
        weights = weights - softmax(-epsilon * scores, axis=1)
    raw = (weights * tasks.y).sum(1)
    scale = float((raw * tasks.target).sum() / (raw**2).sum())
    return float(0.5 * ((tasks.target - scale * raw) ** 2).mean())


@of_theory("O28", "0 = Bayes < GD++ < GD < zero at N >= d without noise", setting="N = d = 10, K = 2")
def order(context: Context) -> Finding:
    """O28."""
    bayes = theory.bayes_risk(N, d)
    plus_plus, plain = (theory.gd_optimum(N, d, K=2, kind=kind).loss for kind in ("gd++", "gd"))
    zero_loss = theory.gd_optimum(N, d).zero_loss
    return Finding(
        [
            between("Bayes risk", bayes.loss, 0.0, 1e-12, 0.0),
            ordered("GD++ minus Bayes", plus_plus, "positive"),
            ordered("GD minus GD++", plain - plus_plus, "positive"),
            ordered("zero minus GD", zero_loss - plain, "positive"),
        ]
    )


MOMENTS = (8.33333, 13.75, 28.24405, 65.29067, 163.0914, 431.2891, 1193.446, 3431.122)


@of_theory("O32", "Moments of the Gram matrix by set partitions", setting="N = d = 10 uniform; N = 7, d = 4 Gaussian")
def gram_moments(context: Context) -> Finding:
    """O32."""
    checks = [near(f"m_{k}", theory.moments(k, N, d), value, rel=1e-6) for k, value in enumerate(MOMENTS, 1)]
    checks += [
        near(f"m_{k}, Gaussian", theory.moments(k, 7, 4, law="gaussian", s=1), value, rel=1e-12)
        for k, value in ((5, 1920240), (6, 42904512), (8, 27175357440))
    ]
    return Finding(checks)
