"""Growth laws of vectors that are learned together, in the size of their start (see `theory.emergence`)."""

from theory.emergence import Law, powers

ALL = {"sigma_2_0": 1.5, "sigma_3_0": 2.0, "r_1_0": 3.0, "r_2_0": 4.0, "r_3_0": 5.0}  # of sigma_1
LAWS = (
    Law("three aligned vectors, start", "aligned_product", "u_0", -1, powers(1e-1, 1e-5), choices={"k": 3}),
    Law("four aligned vectors, start", "aligned_product", "u_0", -2, powers(1e-1, 1e-5), choices={"k": 4}),
    Law(
        "three vectors of any direction, start", "tensor_product", "sigma_1_0", -1, powers(1e-1, 1e-5),
        choices={"form": "components"}, tied=ALL,
    ),
)  # fmt: skip
