"""What the tests of the theory share."""

import pytest

from tests.theory import toy


@pytest.fixture
def toy_wing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the toy be the only wing."""
    toy.alone(monkeypatch, "every", "laws")
