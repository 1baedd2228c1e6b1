"""Tasks whose sequences networks and heads are trained on, one a file."""
