"""The induction head with its classifier: options, compiled passes, training."""
