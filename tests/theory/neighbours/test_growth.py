"""How the times of the race and of the search for one location grow with size, measured by sweeps."""

import numpy as np
import pytest

import minimodels as mm
import theory
from theory.neighbours.laws import LAWS
from theory.neighbours.location_time import quadrature


def test_measured_exponents_tend_to_the_laws() -> None:
    expected = {
        "race, unlimited K": 1,
        "single location, context": 1,
        "single location, dimension": 0.5,
        "single location, copies": -1,
    }
    assert {law.name: law.limit for law in LAWS} == expected
    table = theory.emergence_scaling().sel(law=list(expected))
    gaps = abs(table.exponent - table.limit)
    assert dict(zip(table.law.values.tolist(), table.limit.values.tolist(), strict=True)) == expected
    toward = gaps.sel(law=[law for law in expected if not law.endswith("copies")])
    assert float(toward.isel(interval=-1).max()) < 1e-3
    assert (toward.diff("interval") < 0).all()
    copies = gaps.sel(law="single location, copies").values  # T/B falls: away from the limit
    assert copies[0] < 1e-3
    assert (np.diff(copies) > 0).all()


def test_reported_exponents_of_the_plateau() -> None:
    """.99 in T, .49 in d, -.99 in B: the corrections bend the power laws by as much at sizes of networks."""

    def slope(name: str, sizes: list[float], **others: float) -> float:
        rest = {"w": 0.0, "Delta": 0.0}
        times = [quadrature(mm.model("single_location", **{name: s}, **others), rest) for s in sizes]
        return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])

    assert slope("T", [64, 128, 256, 512, 1024], d=256) == pytest.approx(0.99, abs=0.01)
    assert slope("d", [16, 32, 64, 128, 256], T=64) == pytest.approx(0.49, abs=0.01)
    assert slope("B", [1, 2, 4, 8], T=1024, d=64) == pytest.approx(-0.99, abs=0.01)
