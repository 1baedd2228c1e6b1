"""``python -m minimodels.cli``."""

from minimodels.cli import main

main()
