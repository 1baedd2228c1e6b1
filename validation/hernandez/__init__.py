"""Hernandez et al. (2022): learning from repeated data; models, experiments without attention, and the paper's claims.

The records of full runs are in ``records/``.
"""
