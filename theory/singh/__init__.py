"""Theory of induction heads that form and fade: tensor products of vectors (Singh et al. 2024, 2025)."""

PUBLIC = {"tensor_escape_time": "escape", "cooperation_map": "cooperation"}
