"""The ``minimodels`` command."""

from minimodels.cli.commands import main

__all__ = ["main"]
