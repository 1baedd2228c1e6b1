"""Theory of models beside the four papers: memorisation against in-context learning, the search for one location."""

PUBLIC: dict[str, str] = {}
