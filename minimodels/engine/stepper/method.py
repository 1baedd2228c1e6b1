"""The method that the steppers beside this file are compiled for; a copy of them is made for each."""

METHODS = ("tsit5", "rodas4", "rk4", "map")
TSIT5, RODAS4, RK4, MAP = range(4)
METHOD = TSIT5
