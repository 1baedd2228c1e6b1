"""Source of the driver around a method: a queue of trajectories over lanes, step control, events, saving."""

from minimodels.engine.layout import LANES, Layout
from minimodels.engine.methods import Method
from minimodels.engine.status import Status

SIGNATURE = (
    "void(float64[:,::1], float64[:,::1], float64, float64, float64, float64, float64, float64, int64, float64[::1],"
    " uint8[::1], uint8[::1], float64[:,::1], float64[::1], float64[:,::1], int8[::1], int64[::1], float64[:,:,::1])"
)
ARGUMENTS = (
    "y0, par, t0, t1, rtol, atol, fixed, steady, max_steps, save, stops, interrupt,"
    " y_end, t_end, events, status, steps, saved"
)
ATTEND = "t1, steady, max_steps, save, next_save, stops, y_end, t_end, events, status, steps, saved"


def function(name: str, arguments: str, lines: list[str], options: str = "LANE") -> str:
    """Return a compiled function; LLVM decides about inlining."""
    return f"\n\n@njit(**{options})\ndef {name}({arguments}):\n" + "".join(f"    {line}\n" for line in lines)


def entry(name: str, arguments: str, signature: str, lines: list[str]) -> str:
    """Return a function that is compiled at once, or loaded from the cache."""
    return function(name, arguments, lines, "ENTRY").replace("njit(", f"njit({signature!r}, cache=True, ")


def indent(lines: list[str], by: int) -> list[str]:
    """Shift source lines to the right."""
    return [" " * 4 * by + line for line in lines]


def driver(layout: Layout, method: Method, step: list[str], error: list[str], directions: list[int]) -> str:
    """Return the functions from ``load`` to ``integrate``."""
    text = function("load", "s, w, i, y0, par, t0, t1, rtol, atol, fixed", load(layout, method, len(directions)))
    if directions and not method.discrete:
        text += function("level", "s, w, j, x", level(layout, len(directions)))
        blocks = {"g": "G", "gn": "GN", "slope": "SLOPE", "slope_n": "SLOPE_N", "hs": "HS"}
        source = LOCATE.format(**{name: layout.base(b) for name, b in blocks.items()})
        text += function("locate", "s, w, j, direction", source.strip().splitlines())
    text += function("propose", "s, t1", propose(layout, step))
    text += function("control", "s, rtol, atol, steady, max_steps", control(layout, method, error, directions))
    text += function("accept", "s", accept(layout))
    text += function("attend", f"s, w, i, {ATTEND}", attend(layout, method, directions))
    return text + entry("integrate", ARGUMENTS, SIGNATURE, integrate(layout, method, directions))


def load(layout: Layout, method: Method, n_events: int) -> list[str]:
    """Return source that starts point ``i`` in lane ``w``, with a first step by Hairer's rule; False if not finite."""
    n = layout.n
    y, ys, ks, k0 = (layout.rows(b) for b in ("Y", "YS", "KS", "K0"))
    lines = ["prepare(s, w, par, i)"]
    for i in range(n):
        lines += [f"{y[i]} = y0[i, {i}]", f"{layout.rows('YN')[i]} = {y[i]}"]
    lines += ["advance_lane(s, w)"]
    lines += [f"{k0[i]} = {layout.rows('KN')[i]}" for i in range(n)]
    for j in range(n_events):
        for old, new in (("G", "GN"), ("SLOPE", "SLOPE_N")):
            lines.append(f"{layout.rows(old)[j]} = {layout.rows(new)[j]}")
        lines.append(f"{layout.rows('PENDING')[j]} = 1.0")
    row = layout.row
    lines += [f"{row('T')} = t0", f"{row('ERR_LOG')} = -9.0", f"{row('HELD')} = 0.0", f"{row('STEPS')} = 0.0"]
    finite = " and ".join(f"isfinite({r})" for r in (*y, *k0))
    if not method.adaptive:
        return [*lines, f"{row('H')} = fixed", f"return {finite}"]

    def norm(rows: list[str]) -> str:
        scaled = (f"({r}/(atol + rtol*abs({x})))**2" for r, x in zip(rows, y, strict=True))
        return f"math.sqrt(({' + '.join(scaled)})/{float(n)})"

    lines += [
        f"d0 = {norm(y)}",
        f"d1 = {norm(k0)}",
        "h = 0.01*d0/d1 if d0 > 1e-10 and d1 > 1e-10 else 1e-6*(t1 - t0)",
        "h = min_(h, t1 - t0)",
        *(f"{ys[i]} = {y[i]} + h*{k0[i]}" for i in range(n)),
        "drift_lane(s, w)",
        *(f"{ks[i]} = {ks[i]} - {k0[i]}" for i in range(n)),
        f"d2 = max_(d1, {norm(ks)}/h)",
        f"first = 0.25*(0.01/d2)**{method.order_power!r} if d2 > 1e-15 else max_(1e-6*(t1 - t0), 1e-3*h)",
        f"{row('H')} = min_(min_(100.0*h, first) if first > 0.0 else h, t1 - t0)",
        f"return {finite}",
    ]
    return lines


def level(layout: Layout, n_events: int) -> list[str]:
    """Return source of the value of event ``j`` at ``x`` in [0, 1] of the step in lane ``w``."""
    return ["interpolate(s, w, x)", "levels_lane(s, w)", f"return s[{layout.base('GS')} + j*W + w]"]


LOCATE = """
a = 0.0
b = 1.0
ga = s[{g} + j*W + w]
gb = s[{gn} + j*W + w]
if (ga < 0.0) == (gb < 0.0):
    # the level turns inside the step: look at its extremum, by golden section
    up = 1.0 if ga < 0.0 else -1.0
    left = 0.3819660112501051
    right = 0.6180339887498949
    gl = up*level(s, w, j, left)
    gr = up*level(s, w, j, right)
    for _ in range(60):
        if gl >= 0.0 or gr >= 0.0 or b - a < 1e-9:
            break
        if gl > gr:
            b = right
            right = left
            gr = gl
            left = a + 0.3819660112501051*(b - a)
            gl = up*level(s, w, j, left)
        else:
            a = left
            left = right
            gl = gr
            right = a + 0.6180339887498949*(b - a)
            gr = up*level(s, w, j, right)
    top = left if gl > gr else right
    gt = max_(gl, gr)
    if gt < 0.0:
        return 2.0
    if direction == 0.0 or (direction > 0.0) == (up > 0.0):
        a = 0.0
        b = top
        gb = up*gt
    else:
        a = top
        b = 1.0
        ga = up*gt
# secant steps kept inside a shrinking bracket; the first guess and slope are those of the Hermite cubic
slope = gb - ga
x = a + (b - a)*ga/(ga - gb)
if b - a == 1.0:
    h = s[{hs} + w]
    da = h*s[{slope} + j*W + w]
    db = h*s[{slope_n} + j*W + w]
    c2 = 3.0*(gb - ga) - 2.0*da - db
    c3 = 2.0*(ga - gb) + da + db
    for _ in range(8):
        slope = da + x*(2.0*c2 + 3.0*x*c3)
        y = x - (ga + x*(da + x*(c2 + x*c3)))/slope
        x = y if y > a and y < b else 0.5*(x + (a if y <= a else b))
    slope = da + x*(2.0*c2 + 3.0*x*c3)
for _ in range(80):
    gx = level(s, w, j, x)
    if (gx < 0.0) == (gb < 0.0):
        b = x
    else:
        a = x
    y = x - gx/slope
    if not (y > a and y < b):
        y = 0.5*(a + b)
    if gx == 0.0 or abs(y - x) < 1e-12:
        break
    z = level(s, w, j, y)
    slope = (z - gx)/(y - x)
    if (z < 0.0) == (gb < 0.0):
        b = y
    else:
        a = y
    x = y - z/slope
    if not (x > a and x < b):
        x = 0.5*(a + b)
    if z == 0.0 or abs(x - y) < 1e-12:
        x = y if z == 0.0 else x
        break
return x
"""


def propose(layout: Layout, step: list[str]) -> list[str]:
    """Return source of one proposal in every lane: step limited by the end, YN, and what follows from it."""
    t, h, hs, last = (layout.row(b) for b in ("T", "H", "HS", "LAST"))
    limit = [
        f"{last} = 1.0 if {t} + 1.0000001*{h} >= t1 else 0.0",
        f"{hs} = t1 - {t} if {last} > 0.0 else {h}",
    ]
    return [*layout.loop(limit), *step, "advance(s)"]


def crossing(layout: Layout, method: Method, j: int, direction: int) -> str:
    """Return the condition that event ``j``, still pending, may cross zero inside the step of lane ``w``.

    Besides a change of sign, a flow may cross twice: then the level heads for zero at the start of the step
    and away from it at the end.
    """
    g, gn, slope, slope_n, pending = (layout.rows(b)[j] for b in ("G", "GN", "SLOPE", "SLOPE_N", "PENDING"))
    up, down = f"({g} < 0.0 and {gn} >= 0.0)", f"({g} > 0.0 and {gn} <= 0.0)"
    cross = {1: up, -1: down, 0: f"({up} or {down})"}[direction]
    if not method.discrete:
        cross = f"({cross} or ({g}*{gn} > 0.0 and {g}*{slope} < 0.0 and {gn}*{slope_n} > 0.0))"
    return f"({pending} > 0.0 and {cross})"


def control(layout: Layout, method: Method, error: list[str], directions: list[int]) -> list[str]:
    """Return source that judges the proposals: OK, next step size, and which lanes NEED attention."""
    row, n = layout.row, layout.n
    y, yn, kn = layout.rows("Y"), layout.rows("YN"), layout.rows("KN")
    lines = [f"h = {row('HS')}"]
    if method.adaptive:
        scaled = " + ".join(f"(({e})/(atol + rtol*max_(abs({y[i]}), abs({yn[i]}))))**2" for i, e in enumerate(error))
        lines += [
            f"err = ({scaled})/{float(n)}",  # the square: its logarithm is halved
            "ok = 1.0 if err <= 1.0 else 0.0",
            "size = 0.5*log_(min_(max_(err, 1e-8), 1e60))",
            f"power = -{method.exponent!r}*size + {method.beta!r}*{row('ERR_LOG')}",
            f"change = 0.9*exp_(power if ok > 0.0 else -{method.order_power!r}*size)",
            f"change = min_(change, 1.0 if {row('HELD')} > 0.0 else 10.0)",
            "change = change if err < 1e60 else 0.1",
            f"{row('H')} = h*max_(change, 0.2 if ok > 0.0 else 0.1)",
            f"{row('ERR_LOG')} = size if ok > 0.0 else {row('ERR_LOG')}",
        ]
    else:
        total = " + ".join(f"0.0*{r}" for r in (*yn, *kn))
        lines += [f"err = {total}", "ok = 1.0 if err == 0.0 else 0.0"]
    lines += [
        f"{row('HELD')} = 1.0 - ok",
        f"{row('OK')} = ok",
        f"{row('ERR')} = err",
        f"{row('STEPS')} = {row('STEPS')} + 1.0",
        f"need = 1.0 if {row('LAST')} > 0.0 or {row('T')} + h >= {row('SAVE')} else 0.0",
        f"need = 1.0 if {row('STEPS')} >= max_steps else need",
    ]
    speed = "0.0"
    for r in kn:
        speed = f"max_(abs({r}), {speed})"
    lines.append(f"need = 1.0 if {speed} <= steady else need")
    for j, direction in enumerate(directions):
        lines.append(f"need = 1.0 if {crossing(layout, method, j, direction)} else need")
    failing = f"{row('H')} < 1e-15*max_(abs({row('T')}), 1e-12)" if method.adaptive else "True"
    lines.append(f"{row('NEED')} = need if ok > 0.0 else (1.0 if {failing} or {row('STEPS')} >= max_steps else 0.0)")
    return layout.loop(lines)


def accept(layout: Layout) -> list[str]:
    """Return source that moves every accepted lane to the end of its step."""
    lines = [f"ok = {layout.row('OK')}"]
    pairs = [("Y", "YN"), ("K0", "KN"), ("G", "GN"), ("SLOPE", "SLOPE_N")]
    for old, new in pairs:
        lines += [f"{a} = {b} if ok > 0.0 else {a}" for a, b in zip(layout.rows(old), layout.rows(new), strict=True)]
    t, hs = layout.row("T"), layout.row("HS")
    return layout.loop([*lines, f"{t} = {t} + {hs} if ok > 0.0 else {t}"])


def end(status: Status, state: str, time: str, layout: Layout) -> list[str]:
    """Return source that ends the trajectory ``i`` of lane ``w``."""
    return [
        *(f"y_end[i, {k}] = {r}" for k, r in enumerate(layout.rows(state))),
        f"t_end[i] = {time}",
        f"status[i] = {int(status)}",
        f"steps[i] = int({layout.row('STEPS')})",
        "return True",
    ]


def attend(layout: Layout, method: Method, directions: list[int]) -> list[str]:
    """Return source that records events and saves in lane ``w`` and tells whether its trajectory ended."""
    row = layout.row
    t, hs, last = row("T"), row("HS"), row("LAST")
    lines = [f"if {row('OK')} == 0.0:"]
    if method.adaptive:
        lines += [f"    if {row('STEPS')} >= max_steps:", *indent(end(Status.MAX_STEPS, "Y", t, layout), 2)]
        lines += [f"    if isfinite({row('ERR')}):", *indent(end(Status.STEP_TOO_SMALL, "Y", t, layout), 2)]
    lines += indent(end(Status.NON_FINITE, "Y", t, layout), 1)
    lines += [f"finish = t1 if {last} > 0.0 else {t} + {hs}", "stop = 2.0", "censored = False"]
    for j, direction in enumerate(directions):
        found = "1.0" if method.discrete else f"locate(s, w, {j}, {float(direction)})"
        lines += [
            f"x{j} = {found} if {crossing(layout, method, j, direction)} else 2.0",
            f"if stops[{j}] != 0:",
            f"    stop = min_(stop, x{j})",
            f"    censored = censored or {layout.rows('PENDING')[j]} > 0.0",
        ]
    for j in range(len(directions)):
        lines += [
            f"if x{j} <= 1.0 and x{j} <= stop:",
            f"    events[i, {j}] = min_({t} + x{j}*{hs}, finish)",
            f"    {layout.rows('PENDING')[j]} = 0.0",
        ]
    lines += [
        f"reached = finish if stop > 1.0 else {t} + stop*{hs}",
        "k = int(next_save[w])",
        "while k < len(save) and save[k] <= reached:",
        f"    interpolate(s, w, min_((save[k] - {t})/{hs}, 1.0))",
        *(f"    saved[i, k, {m}] = {r}" for m, r in enumerate(layout.rows("YS"))),
        "    k += 1",
        "next_save[w] = k",
        f"{row('SAVE')} = save[k] if k < len(save) else math.inf",
        "if stop <= 1.0:",
        "    interpolate(s, w, stop)",
        *indent(end(Status.EVENT, "YS", "reached", layout), 1),
        f"if {last} > 0.0:",
        "    if censored:",
        *indent(end(Status.CENSORED, "YN", "t1", layout), 2),
        *indent(end(Status.SUCCESS, "YN", "t1", layout), 1),
        "speed = 0.0",
        *(f"speed = max_(abs({r}), speed)" for r in layout.rows("KN")),
        "if speed <= steady:",
        *indent(end(Status.STEADY, "YN", "finish", layout), 1),
        f"if {row('STEPS')} >= max_steps:",
        *indent(end(Status.MAX_STEPS, "YN", "finish", layout), 1),
        "return False",
    ]
    return lines


def integrate(layout: Layout, method: Method, directions: list[int]) -> list[str]:
    """Return source of the whole run: refill idle lanes from the queue until all trajectories ended."""
    y = layout.rows("Y")
    known: list[str] = []
    for j, row in enumerate(layout.rows("PENDING")):
        known += [f"if isfinite(events[i, {j}]):", f"    {row} = 0.0"]
    return [
        f"s = zeros({layout.size * LANES})",
        "job = zeros(W, dtype=np.int64) - 1",
        "next_save = zeros(W, dtype=np.int64)",
        "queue = 0",
        "active = 0",
        "while True:",
        "    if active < W and queue < len(y0) and interrupt[0] == 0:",
        "        for w in range(W):",
        "            while job[w] < 0 and queue < len(y0):",
        "                i = queue",
        "                queue += 1",
        f"                if status[i] != {-1}:",
        "                    continue",
        "                if not load(s, w, i, y0, par, t0, t1, rtol, atol, fixed):",
        f"                    status[i] = {int(Status.NON_FINITE)}",
        *(f"                    y_end[i, {k}] = {r}" for k, r in enumerate(y)),
        "                    t_end[i] = t0",
        "                    continue",
        *indent(known, 4),
        "                k = 0",
        "                while k < len(save) and save[k] <= t0:",
        *(f"                    saved[i, k, {m}] = {r}" for m, r in enumerate(y)),
        "                    k += 1",
        "                next_save[w] = k",
        f"                {layout.row('SAVE')} = save[k] if k < len(save) else math.inf",
        "                job[w] = i",
        "                active += 1",
        "    if active == 0 or interrupt[0] != 0:",
        "        break",
        "    propose(s, t1)",
        "    control(s, rtol, atol, steady, max_steps)",
        "    for w in range(W):",
        f"        if {layout.row('NEED')} > 0.0 and job[w] >= 0:",
        f"            if attend(s, w, job[w], {ATTEND}):",
        "                job[w] = -1",
        "                active -= 1",
        "    accept(s)",
        "for w in range(W):",
        "    if job[w] >= 0:",
        "        i = job[w]",
        *(f"        y_end[i, {k}] = {r}" for k, r in enumerate(y)),
        f"        t_end[i] = {layout.row('T')}",
        f"        status[i] = {int(Status.INTERRUPTED)}",
    ]
