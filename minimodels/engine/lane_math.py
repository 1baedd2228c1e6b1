"""Branch-free exp, log and log1p that LLVM vectorises, over the whole range of float64.

The text of this file opens every generated kernel, which keeps kernels self-contained. Rounding to an integer
uses the 1.5*2**52 trick, so no fast-math flag that reassociates may be applied to it.
"""

import math

import numpy as np
from numba import njit

SCALAR = {"forceinline": True, "error_model": "numpy", "fastmath": {"contract"}}
MAGIC = 6755399441055744.0
MAGIC_BITS = 4843621399236968448
LN2_HI = 6.93147180369123816490e-01
LN2_LO = 1.90821492927058770002e-10


@njit(**SCALAR)
def exp_(x):  # type: ignore[no-untyped-def]
    """Return e**x to 1 ulp or so: 0 below -707.5 (nothing subnormal), inf above 709.78, nan for nan."""
    bounded = 709.8 if x > 709.8 else x
    bounded = -707.5 if bounded < -707.5 else bounded
    shifted = bounded * 1.4426950408889634 + MAGIC
    n = shifted - MAGIC
    r = (bounded - n * LN2_HI) - n * LN2_LO
    # (e**r - 1 - r)/r**2 on |r| <= log(2)/2: Chebyshev interpolation, summed in pairs for short chains
    r2 = r * r
    r4 = r2 * r2
    a = (0.5 + 0.16666666666666669 * r) + (0.04166666666662413 + 0.008333333333330062 * r) * r2
    b = (0.0013888888917213717 + 0.00019841269863053618 * r) + (
        2.4801521295954376e-05 + 2.7557268459997064e-06 * r
    ) * r2
    q = a + (b + (2.7620088445409746e-07 + 2.510038549551032e-08 * r) * r4) * r4
    k = np.float64(shifted).view(np.int64) - MAGIC_BITS
    p = 1.0 + (r + r2 * q)
    # a power of two times a float: nan stays nan, and what exceeds the range becomes inf
    y = (2.0 * p) * np.int64((k + 1022) << 52).view(np.float64)
    return 0.0 if x < -707.5 else y


@njit(**SCALAR)
def log_(x):  # type: ignore[no-untyped-def]
    """Return the natural logarithm to 1 ulp or so: -inf at 0, nan below, also for subnormal x."""
    tiny = x < 2.2250738585072014e-308
    scaled = x * 18014398509481984.0 if tiny else x
    bits = np.float64(scaled).view(np.int64)
    k = (bits - 4604544271217802189) >> 52
    f = np.int64(bits - (k << 52)).view(np.float64) - 1.0
    e = np.int64(k + MAGIC_BITS).view(np.float64) - MAGIC
    e = e - 54.0 if tiny else e
    s = f / (2.0 + f)
    z = s * s
    r = 1.479819860511658591e-01
    r = r * z + 1.531383769920937332e-01
    r = r * z + 1.818357216161805012e-01
    r = r * z + 2.222219843214978396e-01
    r = r * z + 2.857142874366239149e-01
    r = r * z + 3.999999999940941908e-01
    r = (r * z + 6.666666666666735130e-01) * z
    h = 0.5 * f * f
    y = e * LN2_HI - ((h - (s * (h + r) + e * LN2_LO)) - f)
    y = y if x > 0.0 else math.nan
    y = -math.inf if x == 0.0 else y
    return math.inf if x == math.inf else y


@njit(**SCALAR)
def log1p_(x):  # type: ignore[no-untyped-def]
    """Return log(1 + x), accurate for small x."""
    u = 1.0 + x
    y = log_(u) + (x - (u - 1.0)) / u
    y = -math.inf if u == 0.0 else y
    return math.inf if x == math.inf else y


@njit(**SCALAR)
def max_(a, b):  # type: ignore[no-untyped-def]
    """Return the larger number."""
    return a if a > b else b


@njit(**SCALAR)
def min_(a, b):  # type: ignore[no-untyped-def]
    """Return the smaller number."""
    return a if a < b else b


@njit(**SCALAR)
def pick_(x, a, b):  # type: ignore[no-untyped-def]
    """Return a where x >= 0, else b."""
    return a if x >= 0.0 else b


@njit(**SCALAR)
def positive_(x, a, b):  # type: ignore[no-untyped-def]
    """Return a where x > 0, else b."""
    return a if x > 0.0 else b
