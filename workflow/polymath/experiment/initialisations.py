"""The names of initialisations, and what each needs of a checkpoint."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema

from polymath.util.errors import suggest

INITIALISATIONS = (
    "pretrained",
    "scratch",
    "re-emb",
    "embeddings-only",
    "attention-only",
    "mlp-only",
    "norms-only",
    "shuffled",
    "mimetic",
)
# Those that take nothing from a checkpoint.
RANDOM = ("scratch", "mimetic")
FIRST_LAYERS = r"first-([1-9][0-9]?)-layers"
EXAMPLE = "first-2-layers"


def first_layers(init: str) -> int | None:
    """Return K of the initialisation first-K-layers; None of any other."""
    match = re.fullmatch(FIRST_LAYERS, init)
    return int(match[1]) if match else None


def _require_known(init: str) -> str:
    if init in INITIALISATIONS or first_layers(init) is not None:
        return init
    valid = [*INITIALISATIONS, EXAMPLE]
    raise ValueError(f"unknown value '{init}': {suggest(init, valid)}")


SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"enum": list(INITIALISATIONS)},
        {"type": "string", "pattern": f"^{FIRST_LAYERS}$", "examples": [EXAMPLE]},
    ]
}
InitName = Annotated[str, AfterValidator(_require_known), WithJsonSchema(SCHEMA)]
