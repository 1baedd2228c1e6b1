"""The trainings behind the network claims: small networks for a quick look, the paper's for the full one."""

from minimodels.sequences import ItemLabelTask
from validation.jobs import Job

Key = tuple[int, int, int]  # N, L, B

QUICK = "d = 2N+32, D = 31, no position shift, a fresh item per label (p_C = 1), SGD 0.1, batch 128, 3 seeds"
FULL = "d = 128, D = 63, K = 256, p_B = 1, p_C = 0.8, eps = 0.1, SGD 0.01, batch 128, 150 000 steps, 6 seeds"

REFERENCE: dict[bool, Key] = {False: (4, 16, 1), True: (8, 32, 1)}
GRID_L: dict[bool, tuple[int, ...]] = {False: (6, 12, 48), True: (16, 32, 64, 128)}  # at N of N_ALONG_L, B = 1
N_ALONG_L: dict[bool, int] = {False: 3, True: 8}
GRID_B: dict[bool, tuple[int, ...]] = {False: (1, 2), True: (1, 2, 4)}
GRID_N: dict[bool, tuple[int, ...]] = {False: (3, 4), True: (4, 8)}  # at L = 4N; at N = 2 the plateau is r = 1/2
SATURATED_N: dict[bool, tuple[int, ...]] = {False: (3,), True: (2, 4, 8)}
STEPS: dict[bool, int] = {False: 4500, True: 150_000}
QUICK_SATURATED = 900  # steps for each of the N pairs: about twice the transition step of the same N at L = 4N


def job(key: Key, full: bool) -> Job:
    """The training with these N, L and B."""
    N, L, B = key
    if full:  # setting R9 of the ledger
        task = ItemLabelTask(N=N, L=L, B=B, K=256, p_C=0.8)
        return Job(f"full-N{N}-L{L}-B{B}", task, 0.01, STEPS[True], tuple(range(6)), 250, 1024, 0.97)
    task = ItemLabelTask(N=N, L=L, B=B, K=L, D=31, N_max=N, p_C=1.0, K_c=None)
    steps = QUICK_SATURATED * N if task.N_c == L else STEPS[False]
    return Job(f"quick-N{N}-L{L}-B{B}", task, 0.1, steps, tuple(range(3)), 20)


def reference(full: bool) -> list[Job]:
    """The one configuration whose course is looked at closely, and on which a clock is fitted."""
    return [job(REFERENCE[full], full)]


def along_L(full: bool) -> list[Job]:
    """One N at B = 1, several L."""
    return [job((N_ALONG_L[full], L, 1), full) for L in GRID_L[full]]


def along_B(full: bool) -> list[Job]:
    """N and L of the reference, several B."""
    N, L, _ = REFERENCE[full]
    return [job((N, L, B), full) for B in GRID_B[full]]


def along_N(full: bool) -> list[Job]:
    """Several N at L = 4N."""
    return [job((N, 4 * N, 1), full) for N in GRID_N[full]]


def saturated(full: bool) -> list[tuple[Job, Job]]:
    """For several N, a training at L = 4N and one at L = N, where every label is in every context."""
    return [(job((N, 4 * N, 1), full), job((N, N, 1), full)) for N in SATURATED_N[full]]


def shifts(full: bool) -> list[Job]:
    """Every configuration with L > N, each once."""
    return list({j.name: j for jobs in (along_L, along_B, along_N) for j in jobs(full)}.values())
