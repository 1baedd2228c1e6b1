"""Growth laws of the nested-logit model that sweeps measure (see `theory.emergence`)."""

from theory.emergence import Law, powers

ORIGIN = {"beta_1": 0.0, "alpha": 0.0, "xi": 0.0}
LAWS = (
    Law(
        "nested logits, L = 4N", "nested_logit", "N", 1.5, powers(1e2, 1e6),
        choices={"attend": "labels"}, tied={"L": 4}, init=ORIGIN,
    ),
    Law(
        "nested logits, L = 4N, read-out at rate 1/(L-1)", "nested_logit", "N", 2, powers(1e2, 1e6),
        choices={"attend": "labels"}, tied={"L": 4}, init=ORIGIN, rates={"xi": "1/(L-1)"},
    ),
    Law(
        "nested logits, L = N, from 0.01", "nested_logit", "N", 2, powers(1e2, 1e6),
        choices={"attend": "labels"}, tied={"L": 1}, init=ORIGIN | {"alpha": 0.01, "xi": 0.01},
    ),
)  # fmt: skip
