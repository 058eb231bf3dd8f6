"""Read the JSON files of a model, which may be anyone's."""

import json
from pathlib import Path
from typing import Any

from polymath.util.errors import PolymathError


def read_dictionary(path: Path) -> dict[str, Any]:
    """Read a JSON dictionary.

    Raises:
        PolymathError: if it is another value, or not JSON.
    """
    remedy = f"get the model's {path.name} again"
    try:
        value = json.loads(path.read_bytes().decode())
    except (ValueError, RecursionError) as error:
        raise PolymathError(f"{path}: not JSON: {error}: {remedy}") from None
    if not isinstance(value, dict):
        raise PolymathError(f"{path}: a {type(value).__name__}, not keys and values: {remedy}")
    return value
