"""The ``minimodels`` command."""

from minimodels.cli.entry import main

__all__ = ["main"]
