"""A few of the generated inputs (see `tests.minimodels.generated`)."""

import signal

import pytest

import minimodels as mm
from tests.minimodels.generated import CALLS, KINDS, Late, limited, one


@pytest.mark.parametrize("kind", KINDS)
def test_no_generated_input_ends_in_a_traceback_or_in_a_wrong_value(
    kind: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("generated"))
    flaws = {i: flaw for i in range(150) if (flaw := one(kind, 20, i)[1])}
    assert not flaws, "\n".join(f"{kind} {i}: {flaw}" for i, flaw in flaws.items())


def test_the_calls_that_are_made_wrong_are_right_before() -> None:
    for function, arguments in CALLS:
        try:
            function(**arguments)
        except mm.InputError as error:
            assert "there is no file" in str(error)  # noqa: PT017 (the rest must not raise)


def test_a_limit_holds_after_an_alarm_that_is_lost_and_after_another_limit() -> None:
    def gc_callback() -> None:
        signal.raise_signal(signal.SIGPROF)

    def endless() -> None:
        with limited(5):
            gc_callback()
        while True:
            pass

    with pytest.raises(Late), limited(1):
        endless()
