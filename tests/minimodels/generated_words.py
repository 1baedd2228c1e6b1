"""What generated statements, calls and command lines are made of (see `tests.minimodels.generated`)."""

import math
from typing import Any

import numpy as np
import sympy as sp

import minimodels as mm

NAMES = [
    "x", "y", "z", "w", "v1", "a", "b", "k_1", "mu", "N", "L", "D",
    # keywords and builtins of Python
    "lambda", "class", "if", "None", "True", "def", "is", "print", "exec", "__import__", "exit", "id", "max",
    # names of SymPy
    "E", "I", "S", "Q", "O", "beta", "gamma", "zeta", "pi", "oo", "nan", "zoo", "Symbol", "Integer", "diff", "re",
    "im",
    # what kernels, results and axes are made of
    "par", "y0", "t", "n", "lanes", "table", "scratch", "status", "steps", "stop_time", "time", "step", "loss", "seed",
    "x_0", "rate_x", "d_c0", "entry", "main", "malloc", "exp", "model", "t_end", "init", "self", "units", "coords",
    # what is not a name
    "α", "λ_1", "ℏ", "é", "é", "名", "x²", "ﬁ", "", " ", "a b", "a/b", "0", "1x", "x-y", "x.y", "../x", "x\0", "\n",
    "_",
    "__", "x" * 300,
]  # fmt: skip
NUMBERS: list[Any] = [
    0, 1, -1, 2, 3, 0.5, -0.25, 1e-3, 10, 1e6, 1e-12, 1e-300, -1e-300, 1e300, 1e308, 5e-324, 2**53, 2**63, 10**22, -0.0,
    np.float32(0.1), np.int64(3), np.float64(2.5), sp.Rational(1, 3), sp.pi,
]  # fmt: skip
ODD: list[Any] = [
    math.nan, math.inf, -math.inf, 10**400, 1 + 2j, True, None, "1", "x", "", b"x", [], [1.0], (1, 2), {}, {"x": 1},
    {1: 2}, {"x": "y"}, set(), object(), np.array(1.0), np.array([1.0, 2.0]), np.array([]), np.array(["a"]),
    np.zeros((2, 2)), np.nan, np.datetime64("2020-01-01"), sp.Symbol("x"), sp.zoo, sp.I, sp.oo, int, len, range(3),
    iter([1]), "../x", "x" * 5000, "\0", "\ud800", lambda x: x, Ellipsis, slice(1), mm.Event("x", 0.5), 1e-320,
]  # fmt: skip
FUNCTIONS = [
    "exp",
    "log",
    "sin",
    "cos",
    "tanh",
    "sqrt",
    "abs",
    "sigmoid",
    "softplus",
    "atan",
    "Max",
    "Min",
    "erf",
    "sign",
]

WORDS = [
    "models", "simulate", "descend", "sweep", "derive", "predict", "validate", "warmup", "nested_logit",
    "memorisation_race",
    "single_location", "--N", "--L", "--B", "--t-end", "--init", "--rates", "--clamp", "--method", "--rtol", "--atol",
    "--axis", "--keep", "--threads", "--out", "--plot", "--overwrite", "--lr", "--steps", "--attend", "labels",
    "--only",
    "--format", "--help", "--version", "--list", "tsit5", "rodas4", "rk4", "--step", "xi=1", "xi=0.1", "N=2,4",
    "L=8:64:3",
    "xi=1@0:5", "loss", "escape_time", "latex", "--beta-2", "free", "exact", "--nu", "--full", "--workers",
    "--trainings",
]  # fmt: skip
VALUES = [
    "8", "32", "1", "0", "-1", "1e-300", "1e300", "1e400", "nan", "inf", "9" * 22, "x", "", " ", "é", "名", "xi=",
    "=1", "xi",
    "xi=exit()", "xi=__import__('os').system('true')", "xi=9**9**9", "N=", "N=1:2", "N=1:2:3:4", "N=1:10:1e10",
    "N=2:4:3:log",
    "N=nan", "a/b.nc", "/", ".", "x.nc", "x.png", "x.txt", "y" * 300 + ".nc", "/proc/x.nc", "xi=1@", "xi=1@2:1",
    "xi=1@a:b",
    "0.5", "100", "t", "-", "--", "-h", "--no", "\udc80", "1_000", "０", "0x10", "True", "None",
]  # fmt: skip
