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
    """Return e**x to 1 ulp or so: 0 below -745.2, inf above 709.8, nan for nan."""
    x = 720.0 if x > 720.0 else x
    x = -760.0 if x < -760.0 else x
    shifted = x * 1.4426950408889634 + MAGIC
    n = shifted - MAGIC
    r = (x - n * LN2_HI) - n * LN2_LO
    p = 1.6059043836821613e-10
    p = p * r + 2.08767569878681e-09
    p = p * r + 2.505210838544172e-08
    p = p * r + 2.755731922398589e-07
    p = p * r + 2.7557319223985893e-06
    p = p * r + 2.48015873015873e-05
    p = p * r + 1.984126984126984e-04
    p = p * r + 1.388888888888889e-03
    p = p * r + 8.333333333333333e-03
    p = p * r + 4.1666666666666664e-02
    p = p * r + 1.6666666666666666e-01
    p = p * r + 0.5
    p = p * r * r + r + 1.0
    k = np.float64(shifted).view(np.int64) - MAGIC_BITS
    half = k >> 1
    return p * np.int64((half + 1023) << 52).view(np.float64) * np.int64((k - half + 1023) << 52).view(np.float64)


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
