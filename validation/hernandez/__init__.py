"""Hernandez et al. (2022): learning from repeated data; language models, experiments without attention, claims.

The records of full runs are in ``records/``.
"""

PUBLIC = {
    "RepeatedTokensTask": "network",
    "TokenTransformer": "network",
}
