"""How far a measured share may be off: Wilson's score interval. Pure; knows not what is counted."""

from __future__ import annotations

from statistics import NormalDist

LEVEL = 0.95

Interval = tuple[float, float]


def of_share(share: float, count: int) -> Interval:
    """Wilson's score interval (1927) of a share of `count` cases; (0, 1) without cases."""
    if count == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * (share * (1 - share) / count + z * z / (4 * count * count)) ** 0.5
    return middle - half, middle + half
