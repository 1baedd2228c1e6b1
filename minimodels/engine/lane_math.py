"""Branch-free exp, log and log1p over the whole range of float64, in the operations of LLVM.

Every function takes a `Value`, eight lanes at once, and writes the instructions that compute its result. Rounding to an
integer uses the 1.5*2**52 trick, so no fast-math flag that reassociates may be applied.
"""

import math

from minimodels.engine.values import Value, where

MAGIC = 6755399441055744.0
MAGIC_BITS = 4843621399236968448
LN2_HI = 6.93147180369123816490e-01
LN2_LO = 1.90821492927058770002e-10


def exp(x: Value) -> Value:
    """Return e**x to 1 ulp or so: 0 below -707.5 (nothing subnormal), inf above 709.78, nan for nan."""
    p, k = parts(where(x > 709.8, 709.8, x))
    # twice a power of two: what exceeds the range becomes inf
    return where(x < -707.5, 0.0, (p * 2.0) * (k + (1022 << 52)).bits())


def decay(x: Value) -> Value:
    """Return e**x for x <= 0 (or nan), as `exp` does."""
    p, k = parts(x)
    return where(x < -707.5, 0.0, p * (k + (1023 << 52)).bits())


def parts(x: Value) -> tuple[Value, Value]:
    """Return e**r and k, shifted to the exponent of a double, of x = k log(2) + r with abs(r) <= log(2)/2."""
    shifted = x * 1.4426950408889634 + MAGIC
    n = shifted - MAGIC
    r = (x - n * LN2_HI) - n * LN2_LO
    # (e**r - 1 - r)/r**2 by Chebyshev interpolation, summed in pairs for short chains
    r2 = r * r
    r4 = r2 * r2
    a = (0.16666666666666669 * r + 0.5) + (0.008333333333330062 * r + 0.04166666666662413) * r2
    b = (0.00019841269863053618 * r + 0.0013888888917213717) + (
        2.7557268459997064e-06 * r + 2.4801521295954376e-05
    ) * r2
    q = a + (b + (2.510038549551032e-08 * r + 2.7620088445409746e-07) * r4) * r4
    return (r + r2 * q) + 1.0, shifted.bits() << 52  # the low bits of 1.5*2**52 + k are those of k


def log(x: Value) -> Value:
    """Return the natural logarithm to 1 ulp or so: -inf at 0, nan below, also for subnormal x."""
    tiny = x < 2.2250738585072014e-308
    bits = where(tiny, x * 18014398509481984.0, x).bits()
    k = (bits - 4604544271217802189) >> 52
    f = (bits - (k << 52)).bits() - 1.0
    e = (k + MAGIC_BITS).bits() - MAGIC
    e = where(tiny, e - 54.0, e)
    s = f / (f + 2.0)
    z = s * s
    r = 1.479819860511658591e-01 * z + 1.531383769920937332e-01
    r = r * z + 1.818357216161805012e-01
    r = r * z + 2.222219843214978396e-01
    r = r * z + 2.857142874366239149e-01
    r = r * z + 3.999999999940941908e-01
    r = (r * z + 6.666666666666735130e-01) * z
    h = f * f * 0.5
    y = e * LN2_HI - ((h - (s * (h + r) + e * LN2_LO)) - f)
    y = where(x > 0.0, y, math.nan)
    y = where(x.compare("oeq", 0.0), -math.inf, y)
    return where(x.compare("oeq", math.inf), math.inf, y)


def log1p(x: Value) -> Value:
    """Return log(1 + x), accurate for small x."""
    u = x + 1.0
    y = log(u) + (x - (u - 1.0)) / u
    y = where(u.compare("oeq", 0.0), -math.inf, y)
    return where(x.compare("oeq", math.inf), math.inf, y)
