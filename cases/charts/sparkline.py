"""A line the size of a word."""

from collections.abc import Sequence

from cases.charts import paths
from cases.charts.scale import Scale

WIDTH, HEIGHT = 96, 20


def sparkline(numbers: Sequence[int]) -> str:
    """Path of bars to the scale of the highest; one among thousands is still seen."""
    if not any(numbers):
        return ""
    scale = Scale(0, max(numbers), 0, HEIGHT - 1)
    step = WIDTH / len(numbers)
    tall = [max(1.5, scale(number)) if number else 0.0 for number in numbers]
    return paths.bars(
        (round(i * step, 1), round(HEIGHT - height, 1), round(step * 0.8, 1), height) for i, height in enumerate(tall)
    )
