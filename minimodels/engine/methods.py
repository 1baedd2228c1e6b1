"""Integration methods as data, and the source of one step in lanes.

==========  =====================================================================================
``tsit5``   Tsitouras, Comput. Math. Appl. 62 (2011) 770: order 5(4), order-4 dense output
``rodas4``  Hairer & Wanner, Solving ODEs II (1996), IV.10: linearly implicit, order 4(3), L-stable
``rk4``     classical Runge-Kutta, fixed step, order 4
``map``     one iteration x + drift(x): gradient descent and maps
==========  =====================================================================================

A method provides `step`: source that, given the state Y and its drift K0 in the lanes, fills the proposal YN
(stage states go through YS, their drift comes back in KS); `error_terms`, once the drift KN at YN is known;
`dense`: the dense output at x in [0, 1] of the step.
"""

from dataclasses import dataclass

from minimodels.engine.layout import Layout

TSIT5_A: tuple[tuple[float, ...], ...] = (
    (0.161,),
    (-0.008480655492356989, 0.335480655492357),
    (2.8971530571054935, -6.359448489975075, 4.3622954328695815),
    (5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525),
    (5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401, -0.028269050394068383),
    (0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742, -3.290069515436081, 2.324710524099774),
)
TSIT5_ERROR = (
    -0.00178001105222577714,
    -0.0008164344596567469,
    0.007880878010261995,
    -0.1447110071732629,
    0.5823571654525552,
    -0.45808210592918697,
    0.015151515151515152,
)
TSIT5_DENSE = (
    "-1.0530884977290216*x*(x - 1.3299890189751412)*(x*x - 1.4364028541716351*x + 0.7139816917074209)",
    "0.1017*x*x*(x*x - 2.1966568338249754*x + 1.2949852507374631)",
    "2.490627285651252793*x*x*(x*x - 2.38535645472061657*x + 1.57803468208092486)",
    "-16.54810288924490272*(x - 1.21712927295533244)*(x - 0.61620406037800089)*x*x",
    "47.37952196281928122*(x - 1.203071208372362603)*(x - 0.658047292653547382)*x*x",
    "-34.87065786149660974*(x - 1.2)*(x - 0.666666666666666667)*x*x",
    "2.5*(x - 1.0)*(x - 0.6)*x*x",
)

RODAS4_GAMMA = 0.25
RODAS4_A: tuple[tuple[float, ...], ...] = (
    (),
    (1.544,),
    (0.9466785280815826, 0.2557011698983284),
    (3.314825187068521, 2.896124015972201, 0.9986419139977817),
    (1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950),
    (1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950, 1.0),
)
RODAS4_C: tuple[tuple[float, ...], ...] = (
    (),
    (-5.6688,),
    (-2.430093356833875, -0.2063599157091915),
    (-0.1073529058151375, -9.594562251023355, -20.47028614809616),
    (7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160),
    (8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136, -6.058818238834054),
)
RODAS4_DENSE = (
    (10.12623508344586, -7.487995877610167, -34.80091861555747, -7.992771707568823, 1.025137723295662),
    (-0.6762803392806898, 6.087714651680015, 16.43084320892478, 24.76722511418386, -6.594389125716872),
)

RK4_A: tuple[tuple[float, ...], ...] = ((0.5,), (0.0, 0.5), (0.0, 0.0, 1.0), (1 / 6, 1 / 3, 1 / 3, 1 / 6))


@dataclass(frozen=True)
class Method:
    """Shape of a method: slopes K0, K1, ... kept, adaptivity and the exponents of its PI controller."""

    name: str
    slopes: int
    adaptive: bool = False
    order_power: float = 0.25
    exponent: float = 0.25
    beta: float = 0.0
    implicit: bool = False
    discrete: bool = False


METHODS = {
    "tsit5": Method("tsit5", slopes=6, adaptive=True, order_power=0.2, exponent=0.17, beta=0.04),
    "rodas4": Method("rodas4", slopes=1, adaptive=True, exponent=0.25, implicit=True),
    "rk4": Method("rk4", slopes=4),
    "map": Method("map", slopes=1, discrete=True),
}


def combination(weights: tuple[float, ...], rows: list[str]) -> str:
    """Print a weighted sum, leaving out zero weights."""
    return " + ".join(f"{w!r}*{row}" for w, row in zip(weights, rows, strict=True) if w) or "0.0"


def step(method: Method, layout: Layout) -> list[str]:
    """Return the source that proposes YN from Y and K0, for every lane."""
    y, yn, ys, ks, k0 = (layout.rows(b) for b in ("Y", "YN", "YS", "KS", "K0"))
    if method.discrete:
        return layout.loop([f"{new} = {old} + {change}" for new, old, change in zip(yn, y, k0, strict=True)])
    if method.implicit:
        return rosenbrock(layout)
    lines: list[str] = []
    table = TSIT5_A if method.name == "tsit5" else RK4_A
    for j, weights in enumerate(table, start=1):
        last = j == len(table)
        columns = zip(*(layout.rows(f"K{m}") for m in range(len(weights))), strict=True)
        sums = [combination(weights, list(rows)) for rows in columns]
        target = yn if last else ys
        lines += layout.loop(
            [f"h = {layout.row('HS')}"]
            + [f"{new} = {old} + h*({total})" for new, old, total in zip(target, y, sums, strict=True)]
        )
        if not last:
            lines.append("drift(s)")
            lines += layout.loop([f"{a} = {b}" for a, b in zip(layout.rows(f"K{j}"), ks, strict=True)])
    return lines


def rosenbrock(layout: Layout) -> list[str]:
    """Return one RODAS step: LU of 1/(h gamma) - J in every lane, then six solves."""
    n = layout.n
    y, yn, ys, ks, k0 = (layout.rows(b) for b in ("Y", "YN", "YS", "KS", "K0"))
    u = [layout.rows(f"U{m}") for m in range(6)]
    lines = ["jacobian(s)", "for w in range(W):", f"    factor(s, w, {1 / RODAS4_GAMMA!r}/{layout.row('HS')})"]
    for stage in range(6):
        right = [f"{a} = {b}" for a, b in zip(u[0], k0, strict=True)]
        if stage:
            past = [[u[m][i] for m in range(stage)] for i in range(n)]
            lines += layout.loop([f"{ys[i]} = {y[i]} + {combination(RODAS4_A[stage], past[i])}" for i in range(n)])
            lines.append("drift(s)")
            right = [f"g = 1.0/{layout.row('HS')}"]
            right += [f"{u[stage][i]} = {ks[i]} + g*({combination(RODAS4_C[stage], past[i])})" for i in range(n)]
        lines += layout.loop(right)
        lines += ["for w in range(W):", f"    solve(s, w, {layout.base(f'U{stage}')})"]
    weights = (*RODAS4_A[5], 1.0)
    return lines + layout.loop(
        [f"{yn[i]} = {y[i]} + {combination(weights, [u[m][i] for m in range(6)])}" for i in range(n)]
    )


def error_terms(method: Method, layout: Layout) -> list[str]:
    """Return for every state the expression of its local error estimate; none for fixed steps."""
    if not method.adaptive:
        return []
    if method.implicit:
        return list(layout.rows("U5"))
    rows = [layout.rows(f"K{m}") for m in range(6)] + [layout.rows("KN")]
    return [f"h*({combination(TSIT5_ERROR, [r[i] for r in rows])})" for i in range(layout.n)]


def dense(method: Method, layout: Layout) -> list[str]:
    """Return source that puts the dense output at ``x`` of lane ``w`` into YS."""
    y, yn, ys = (layout.rows(b) for b in ("Y", "YN", "YS"))
    triples = list(zip(ys, y, yn, strict=True))
    if method.discrete:
        return [f"{out} = {new} if x >= 1.0 else {old}" for out, old, new in triples]
    lines = [f"h = {layout.row('HS')}"]
    if method.name == "tsit5":
        lines += [f"b{m} = {weight}" for m, weight in enumerate(TSIT5_DENSE)]
        rows = [layout.rows(f"K{m}") for m in range(6)] + [layout.rows("KN")]
        sums = [" + ".join(f"b{m}*{r[i]}" for m, r in enumerate(rows)) for i in range(layout.n)]
        return lines + [f"{out} = {old} + h*({total})" for (out, old, _), total in zip(triples, sums, strict=True)]
    if method.implicit:
        u = [layout.rows(f"U{m}") for m in range(5)]
        for i, (out, old, new) in enumerate(triples):
            c3, c4 = (combination(weights, [r[i] for r in u]) for weights in RODAS4_DENSE)
            lines.append(f"{out} = (1.0 - x)*{old} + x*({new} + (1.0 - x)*(({c3}) + x*({c4})))")
        return lines
    slopes = zip(layout.rows("K0"), layout.rows("KN"), strict=True)
    return lines + [
        f"{out} = {old} + x*({new} - {old}) + x*(x - 1.0)*((1.0 - 2.0*x)*({new} - {old}) + (x - 1.0)*h*{k0} + x*h*{kn})"
        for (out, old, new), (k0, kn) in zip(triples, slopes, strict=True)
    ]
