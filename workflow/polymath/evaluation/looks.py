"""How often results were judged while replicates were added: repeated looks at the same question.

Adding replicates until a test decides finds differences where there are none more often than the
test's level says. Nothing corrects for it; the number of looks is kept and stated.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from polymath.evaluation.tables import CLAIM_COLUMNS
from polymath.util.storage import read_json, write_sealed_json


def look_name(claim: Mapping[str, Any]) -> str:
    """Return what a row of the claims is called in the record."""
    return "/".join(str(claim[column]) for column in CLAIM_COLUMNS)


def record_looks(claims: pd.DataFrame, path: Path) -> list[int | None]:
    """Add this judgement to the record; return how many each row has had, of different n.

    The record holds the numbers of pairs at which each row was judged, no times: judging the same
    results again changes nothing.

    Args:
        claims: rows with `n` and the columns that name them.
        path: the record, kept from one judgement to the next.
    """
    record: dict[str, list[int]] = read_json(path) if path.exists() else {}
    looks: list[int | None] = []
    for row in claims.to_dict("records"):
        if pd.isna(row["n"]) or row["n"] < 2:
            looks.append(None)
            continue
        name = look_name(row)
        record[name] = sorted({*record.get(name, []), int(row["n"])})
        looks.append(len(record[name]))
    write_sealed_json(record, path)
    return looks
