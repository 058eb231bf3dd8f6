"""How each condition's dev score depends on the learning rate, where several were tried.

An arm at an unsuited rate makes the other look good: each takes the rate that is best on dev for
it, and this table shows what the choice was between.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from polymath.evaluation.scores import CONDITION_COLUMNS
from polymath.evaluation.statistics import estimate_mean
from polymath.experiment.stage_versions import SENSITIVITY
from polymath.util.storage import read_metadata, write_table

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in (*CONDITION_COLUMNS, "domain", "metric")),
        ("learning_rate", pa.float64()),
        ("n", pa.int32()),
        ("diverged", pa.int32()),
        *((name, pa.float64()) for name in ("mean", "low", "high")),
        ("chosen", pa.bool_()),
        # The best was the lowest or highest tried: a better one may lie beyond.
        ("at_edge", pa.bool_()),
    ]
)


def list_rates(curves: Sequence[Path], output: Path) -> pd.DataFrame:
    """Write one row a condition and rate that it tried: the final dev score over replicates.

    Args:
        curves: of each condition; their metadata say what was tried.
    """
    rows = [row for path in curves for row in rates_of(path)]
    table = pd.DataFrame(rows, columns=SCHEMA.names)
    write_table(table, output, SCHEMA, {"code_version": SENSITIVITY})
    return table


def rates_of(curves: Path) -> list[dict[str, Any]]:
    """Return the rows of one condition; none if it had one rate only."""
    metadata = read_metadata(curves)
    trials = metadata["rate_trials"]
    rates = sorted(trial["learning_rate"] for trial in trials)
    rows = []
    for trial in sorted(trials, key=lambda trial: trial["learning_rate"]):
        finished = [score for score in trial["dev_scores"] if score is not None]
        mean = estimate_mean(np.array(finished))
        rate = trial["learning_rate"]
        chosen = rate == metadata["learning_rate"]
        rows.append(
            {
                **{name: metadata[name] for name in (*CONDITION_COLUMNS, "domain", "metric")},
                "learning_rate": rate,
                "diverged": len(trial["dev_scores"]) - len(finished),
                **mean.__dict__,
                "chosen": chosen,
                "at_edge": chosen and rate in (rates[0], rates[-1]),
            }
        )
    return rows
