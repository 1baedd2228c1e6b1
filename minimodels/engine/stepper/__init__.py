"""The compiled steppers, for any number of states and events: each method is compiled once for an installation.

These files and one of the `methods` are copied, under a name that is the hash of their text, into the folder of
compiled code and run there: Numba looks at one file to tell whether what it cached is stale, and a stepper spans
several. They import nothing but each other, NumPy and Numba. Read `driver` first, then `steps` and a method.
"""
