"""Theory of in-context regression by linear self-attention (von Oswald et al., ICML 2023)."""

PUBLIC = {
    "moments": "moments",
    "gd_loss": "loss",
    "gd_optimum": "optimum",
    "proportional_optimum": "optimum",
    "proportional_loss": "bayes",
    "bayes_risk": "bayes",
    "saddle_ladder": "ladder",
    "two_head_loss": "heads",
    "two_head_optimum": "heads",
}
