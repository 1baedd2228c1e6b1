"""The method that the steppers beside this file are compiled for: in each copy of them another one of `methods`."""

from .methods.tsit5 import ADAPTIVE, DISCRETE, EXPONENT, IMPLICIT, MEMORY, ORDER, SAFETY, dense, error, step

__all__ = ["ADAPTIVE", "DISCRETE", "EXPONENT", "IMPLICIT", "MEMORY", "ORDER", "SAFETY", "dense", "error", "step"]
