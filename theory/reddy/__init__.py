"""Theory of the nested-logit model and of the induction head (Reddy, ICLR 2024)."""

PUBLIC = {
    "transition_time": "reduced_flow",
    "exact_transition_time": "exact_positions",
    "head_rates": "read_out",
    "label_gain_rates": "read_out",
    "transition_error_map": "error_map",
    "summarise": "error_map",
}
