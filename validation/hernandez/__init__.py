"""Hernandez et al. (2022): learning from repeated data; language models on a chain with copies, a share repeated."""

PUBLIC = {
    "RepeatedTokensTask": "network",
    "TokenTransformer": "network",
}
