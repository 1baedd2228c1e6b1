"""Growth laws of the models beside the four papers that sweeps measure (see `theory.emergence`)."""

from theory.emergence import Law, powers

LAWS = (
    Law(
        "race, unlimited K", "memorisation_race", "N", 1, powers(1e2, 1e6),
        choices={"form": "two-variable"}, init={"v": 0.0},
    ),
    Law("single location, context", "single_location", "T", 1, powers(1e2, 1e6), choices={"d": 256}),
    Law("single location, dimension", "single_location", "d", 0.5, powers(16, 16e4), choices={"T": 1024}),
    Law("single location, copies", "single_location", "B", -1, powers(1, 1e2), choices={"T": 1e6, "d": 256}),
)  # fmt: skip
