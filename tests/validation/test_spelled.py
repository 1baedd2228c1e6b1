"""Options written as plain text and read again are the same."""

import json
from dataclasses import dataclass

import pytest

from tests.validation import toy
from validation import SGD, Adam
from validation.spelled import read, spell
from validation.words import Setting, in_words


@pytest.mark.parametrize(
    "value",
    [
        toy.SMALL, (1, 2.5, None, True, "x"), {"a": (1, (2, 3))}, toy.weights, SGD(clip=1.0),
        Adam(lr=0.01, schedule=((0, 0.1), (5, 1.0))), {"deep": {"er": toy.Slope(a=0.1)}},
    ],
)  # fmt: skip
def test_what_is_spelled_is_read_again(value: object) -> None:
    assert read(json.loads(json.dumps(spell(value)))) == value


@dataclass(frozen=True)
class Holds:
    what: object


@pytest.mark.parametrize("value", [1j, object(), {1, 2}, Holds(object()), toy.Slope])
def test_what_cannot_be_spelled_is_an_error(value: object) -> None:
    with pytest.raises(TypeError, match="cannot be spelled"):
        spell(value)


def settings(**values: object) -> dict[str, Setting]:
    return {name: Setting(value, usual=name == "B") for name, value in values.items()}


def test_settings_in_words_name_what_varies_and_leave_out_what_is_usual() -> None:
    grid = [settings(N=n, B=b, seeds=3) for n in (2, 4) for b in (1, 2)]
    assert in_words(grid) == "N = 2, 4; B = 1, 2; 3 seeds"
    assert in_words(grid[:1]) == "N = 2, 3 seeds"
    assert in_words([grid[0], grid[3]]) == "(N, B) = (2, 1), (4, 2); 3 seeds"
    many = [settings(N=n, L=2 * n, seeds=1) for n in range(2, 12)]
    assert in_words(many) == "10 of N = 2 to 11; L = 4 to 22; 1 seed"
    assert in_words([settings(N=2), settings(N=2, before="N = 1 to step 5")]) == "before = none, N = 1 to step 5; N = 2"
