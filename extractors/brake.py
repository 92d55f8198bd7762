"""How many records may vanish at once before a person has to look."""

from __future__ import annotations

FEW = 5  # so many may go in any project or list, however small


def allows(gone: int, known: int, ratio: float) -> bool:
    """Whether `gone` of `known` records may go: a FEW, or `ratio` (0 to 1) of them. A ratio of 1 allows everything."""
    return gone <= FEW or gone <= ratio * known or ratio >= 1
