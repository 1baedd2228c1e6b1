"""Theory of learning from repeated data (Hernandez et al. 2022): noise, capacity, crosstalk, and what repeats cost."""

PUBLIC = {
    "fresh_ridge": "ridge",
    "fresh_ridge_course": "course",
    "shift_factor": "ridge",
    "weighted_risk": "weighted",
    "capacity_market": "market",
    "scaling_law": "scaling",
    "chinchilla_loss": "scaling",
    "data_constrained_loss": "scaling",
    "epoch_penalty_loss": "scaling",
    "saturating_loss": "scaling",
    "memorisation_kinetics": "kinetics",
    "detect_repeats": "detection",
    "effective_size": "effective",
    "published_band": "effective",
    "read_histogram": "histogram",
    "repeat_costs": "costs",
    "plot_repeats": "picture",
    "derive_repeats": "derivations",
}
