"""How the time to emergence of vectors grows as their start shrinks, measured by sweeps."""

import numpy as np

from theory.singh.laws import LAWS


def test_measured_exponents_tend_to_the_laws() -> None:
    assert {law.name: law.limit for law in LAWS} == {
        "three aligned vectors, start": -1,
        "four aligned vectors, start": -2,
        "three vectors of any direction, start": -1,
    }
    for law in LAWS:
        exponents = np.diff(np.log(law.times())) / np.diff(np.log(law.sizes))
        gaps = abs(exponents - law.limit)
        assert gaps[-1] < 1e-3, law.name
        assert (np.diff(gaps) < 0).all(), law.name
