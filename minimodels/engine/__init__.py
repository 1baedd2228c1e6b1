"""From a model's expressions to numbers: lowering, code generation, steppers, ensembles. Knows no model."""
