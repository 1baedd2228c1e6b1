"""Reddy (ICLR 2024): the two-layer attention-only network, interventions on it, and the claims of the paper."""

PUBLIC = {
    "AttentionOnly": "network",
    "ItemLabelTask": "network",
    "attention_maps": "attention",
    "effective_rates": "effective_rates",
    "evaluate": "evaluation",
    "predict_transition": "transition",
}
