"""What several tests share."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def quiet(message: str) -> None:
    """Report progress to nobody."""
