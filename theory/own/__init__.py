"""What holds for every flow and map: of a model of your own."""

PUBLIC: dict[str, str] = {}
