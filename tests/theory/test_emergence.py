"""Exponents of emergence, measured by sweeps: of the laws that the wings state."""

import numpy as np
import pytest

import theory
from tests.theory import toy
from theory import wings


def test_the_laws_of_all_wings_are_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = wings.modules
    monkeypatch.setattr(wings, "modules", lambda name: [*found(name), toy])
    stated = {law.name: law.limit for module in wings.modules("laws") for law in module.LAWS}
    table = theory.emergence_scaling()
    assert dict(zip(table.law.values.tolist(), table.limit.values.tolist(), strict=True)) == stated
    assert len(table.law) == sum(len(module.LAWS) for module in wings.modules("laws"))


@pytest.mark.usefixtures("toy_wing")
def test_a_measured_exponent_tends_to_the_law() -> None:
    table = theory.emergence_scaling()
    assert (table.model.item(), table.variable.item(), table.limit.item()) == ("memorisation_race", "N", 1.0)
    np.testing.assert_allclose(table["size"][0], np.geomspace(1e2, 1e4, 5))
    slopes = np.diff(np.log(table.time[0])) / np.diff(np.log(table["size"][0]))
    np.testing.assert_allclose(table.exponent[0], slopes)
    gaps = abs(slopes - 1)
    assert gaps[-1] < 1e-2
    assert (np.diff(gaps) < 0).all()
