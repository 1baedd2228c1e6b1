"""What every task and every network must do, for those of this paper."""

from typing import Any

import pytest

pytest.importorskip("torch")

from minimodels.tasks.exemplar_label import ExemplarLabelTask
from tests.validation.test_conformance import (  # noqa: F401
    test_a_clamp_holds_within_its_window_and_not_outside,
    test_a_resumed_training_is_bitwise_the_uninterrupted_one,
    test_a_task_a_network_and_a_seed_can_be_written_and_read,
    test_every_clamp_is_honoured_in_losses_gradients_and_measures,
    test_losses_and_measures_have_a_value_for_every_seed_and_agree,
    test_samples_are_functions_of_the_seed_and_their_number,
    test_seeds_side_by_side_are_those_trained_alone,
    test_test_sets_are_fixed_apart_from_the_data_and_drawn_anew_by_number,
    test_the_seeds_of_initialisation_data_and_tests_are_apart,
)
from validation.singh.applied import subcircuits
from validation.singh.network import Transformer

# of these, each leaves some parameters without a gradient
CLAMPED = {name: clamps for name, clamps in subcircuits((1, 1), (0, 0), heads=2).items()
           if name in ("layer-0", "match", "copy", "layer-0+copy")}  # fmt: skip
PAIRS = {
    "relabelled": (
        ExemplarLabelTask(D=8, C=6, w=0.2, unseen=4),
        Transformer(heads=2, width=8, manipulations=CLAMPED),  # type: ignore[arg-type]
    ),
    "fixed": (
        ExemplarLabelTask(labels="fixed", K=8, C=8, D=8, w=0.2, exemplars=20, query="another"),
        Transformer(heads=2, width=8, positions="table"),
    ),
}


@pytest.fixture(params=list(PAIRS))
def pair(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    return PAIRS[request.param]
