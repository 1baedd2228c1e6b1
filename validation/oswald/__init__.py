"""von Oswald et al. (ICML 2023): self-attention that learns in context by gradient descent, and the paper's claims."""

PUBLIC = {
    "Alignment": "metrics",
    "LinearRegressionTask": "network",
    "SelfAttention": "network",
    "alignment": "metrics",
    "descent": "metrics",
    "implicit_weights": "metrics",
    "loss": "metrics",
    "losses_over": "metrics",
    "read_steps": "constructions",
    "repeated": "metrics",
    "steps_of_descent": "constructions",
}
