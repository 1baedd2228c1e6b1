"""Reference numbers, once, with their provenance."""

import json
from pathlib import Path
from typing import Any

NUMBERS: dict[str, Any] = json.loads((Path(__file__).parent / "numbers.json").read_text())
T = 1e11


def printed(value: float) -> float:
    """Return the tolerance of a number as it is printed: half of its last digit, and a little."""
    digits = f"{value:.12g}"
    return 0.51 * 10.0 ** -len(digits.partition(".")[2])
