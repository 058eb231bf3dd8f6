"""The order of a sequence's symbols, their own or shuffled: a control for composition.

A condition on shuffled symbols has that behind its recipe's name. So whatever tells recipes apart
tells orders apart: paths, tables, figures and verdicts.
"""

from typing import Literal, get_args

InputOrder = Literal["as-is", "shuffled-input", "shuffled-training"]
AS_IS: InputOrder = "as-is"
SHUFFLED_INPUT: InputOrder = "shuffled-input"
SHUFFLED_TRAINING: InputOrder = "shuffled-training"
MARK = "+"  # no name of a user's has it


def in_order(recipe: str, order: str) -> str:
    """Return how conditions with this recipe and order name their recipe."""
    return recipe if order == AS_IS else f"{recipe}{MARK}{order}"


def order_of(recipe: str) -> str:
    """Return the order that a condition's recipe names; of none, that of the sequences."""
    _, _, order = recipe.partition(MARK)
    return order if order in get_args(InputOrder) else AS_IS


def without_order(recipe: str) -> str:
    """Return the name by which the configuration describes a condition's recipe."""
    return recipe.partition(MARK)[0]
