"""The trainings behind the network claims: small networks, and the paper's for the full look at one course."""

from dataclasses import replace

from minimodels.tasks.item_label import ItemLabelTask
from validation.jobs import Job

Key = tuple[int, int, int]  # N, L, B
Words = dict[str, str]  # the settings of a claim, quick and full

QUICK = "d = 2N+32, D = 31, no position shift, a fresh item per label (p_C = 1), SGD 0.1, batch 128, 3 seeds"
FULL = "d = 128, D = 63, K = 256, p_B = 1, p_C = 0.8, eps = 0.1, SGD 0.01, batch 128, 60 000 steps, 3 seeds"


def in_words(quick: str, full: str = "") -> Words:
    """The setting of a claim about small networks."""
    return {"quick": f"{quick}; {QUICK}", "full": f"{full or quick}; {QUICK}"}


REFERENCE_WORDS = {"quick": f"N = 4, L = 16, B = 1; {QUICK}", "full": f"N = 8, L = 32, B = 1; {FULL}"}
SHIFTS_WORDS = in_words(
    "N = 4, L = 16, B = 1, 2; N = 3, L = 6, 12, 48",
    "N = 3, L = 6 to 48; N = 4, L = 8 to 64; N = 6, L = 12 to 48; N = 8, L = 32; B = 1, 2",
)

REFERENCE: dict[bool, Key] = {False: (4, 16, 1), True: (8, 32, 1)}
# small networks, B = 1 at N_ALONG_L, N and L of (4, 16) along B, L = 4N along N; at N = 2 the plateau is r = 1/2
GRID_L: dict[bool, tuple[int, ...]] = {False: (6, 12, 48), True: (6, 12, 24, 48)}
N_ALONG_L = 3
GRID_B = (1, 2)
GRID_N: dict[bool, tuple[int, ...]] = {False: (3, 4), True: (3, 4, 6, 8)}
MORE: tuple[Key, ...] = ((4, 8, 1), (4, 32, 1), (4, 64, 1), (6, 12, 1), (6, 48, 1), (6, 24, 2))
SATURATED_N: dict[bool, tuple[int, ...]] = {False: (3,), True: (3, 4, 6)}
STEPS: dict[bool, int] = {False: 4500, True: 15_000}
SATURATED_STEPS: dict[bool, int] = {False: 900, True: 3600}  # for each of the N pairs; T* at L = 4N is about 400 N


def small(key: Key, full: bool) -> Job:
    """The training of a small network with these N, L and B."""
    N, L, B = key
    task = ItemLabelTask(N=N, L=L, B=B, K=L, D=31, N_max=N, p_C=1.0, K_c=None)
    steps = SATURATED_STEPS[full] * N if task.N_c == L else STEPS[full]
    name = f"{'full' if full else 'quick'}-N{N}-L{L}-B{B}"
    return Job(name, task, 0.1, steps, tuple(range(3)), 20, analyses=() if task.N_c == L else ("rates",))


def reference(full: bool) -> list[Job]:
    """The one configuration whose course is looked at closely: at full settings the paper's network, R9."""
    N, L, B = REFERENCE[full]
    if full:
        task = ItemLabelTask(N=N, L=L, B=B, K=256, p_C=0.8)
        return [
            Job("paper", task, 0.01, 60_000, (0, 1, 2), 250, 1024, 0.97, analyses=("interventions", "maps", "activity"),
                options={"snapshots": list(range(1000, 60_001, 1000))})
        ]  # fmt: skip
    job = small(REFERENCE[False], False)
    snapshots = {"snapshots": list(range(100, STEPS[False] + 1, 100))}
    return [replace(job, analyses=("interventions", "maps", "activity", "rates"), options=snapshots)]


def clock(full: bool) -> Job:
    """The configuration on which a clock is fitted."""
    return reference(False)[0] if not full else small((4, 16, 1), True)


def along_L(full: bool) -> list[Job]:
    """One N at B = 1, several L."""
    return [_small((N_ALONG_L, L, 1), full) for L in GRID_L[full]]


def along_B(full: bool) -> list[Job]:
    """N and L of the clock's configuration, several B."""
    return [_small((4, 16, B), full) for B in GRID_B]


def along_N(full: bool) -> list[Job]:
    """Several N at L = 4N."""
    return [_small((N, 4 * N, 1), full) for N in GRID_N[full]]


def saturated(full: bool) -> list[tuple[Job, Job]]:
    """For several N, a training at L = 4N and one at L = N, where every label is in every context."""
    return [(_small((N, 4 * N, 1), full), small((N, N, 1), full)) for N in SATURATED_N[full]]


def shifts(full: bool) -> list[Job]:
    """Every configuration with L > N, each once."""
    more = [_small(key, True) for key in MORE] if full else []
    return list({j.name: j for jobs in (along_L(full), along_B(full), along_N(full), more) for j in jobs}.values())


def _small(key: Key, full: bool) -> Job:
    return clock(full) if key == (4, 16, 1) else small(key, full)
