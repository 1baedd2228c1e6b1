"""Expressions as functions of mpmath's numbers."""

import mpmath
import pytest
import sympy as sp

from theory.numeric import precise

x, y = sp.symbols("x y", positive=True)
OF_ONE = [sp.exp(x) - 1, sp.LambertW(x), sp.besseli(1, x) / x, sp.harmonic(x), sp.Integral(sp.exp(-(y**2)), (y, 0, x))]


@pytest.mark.parametrize("digits", [20, 60])
@pytest.mark.parametrize("cse", [False, True])
def test_values_have_the_digits_that_are_set_when_they_are_asked_for(digits: int, cse: bool) -> None:
    made = precise([x, y], [*OF_ONE, (x - y) ** 2 / (x + y)], cse=cse)
    with mpmath.workdps(digits):
        found = made(mpmath.mpf(1) / 3, mpmath.mpf(7) / 5)
        known = [mpmath.mpf(str(e.subs(x, sp.Rational(1, 3)).evalf(digits + 10))) for e in OF_ONE]
        known.append(mpmath.mpf(16) / 15 * mpmath.mpf(16) / 15 * 15 / 26)
        assert max(abs(a / b - 1) for a, b in zip(found, known, strict=True)) < mpmath.mpf(10) ** (3 - digits)


def test_one_expression_of_one_symbol_is_a_function_of_a_number() -> None:
    with mpmath.workdps(50):
        assert abs(precise(x, sp.log(x))(mpmath.mpf(2)) - mpmath.ln2) < 1e-49
