"""Singh et al. (2024, 2025): induction heads under clamps, and how strategies compete; networks, clamps, measures."""

PUBLIC = {
    "ExemplarLabelTask": "network",
    "Transformer": "network",
}
