"""The fourth claim: a text model comes to represent the field as in-domain models do."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from polymath.evaluation.statistics import estimate_mean

# The similarity measure, and the state of the models, by which the claim is judged.
MEASURE, STATE = "cka", "fine-tuned"


def similar_rows(table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the fourth claim's rows.

    A replicate's number is its mean over the pairs of layers at the same relative depth: those
    that have a null.
    """
    chosen = (table["measure"] == MEASURE) & (table["state"] == STATE)
    table = table[chosen & table["null_high"].notna()]
    names = ["task", "mapping", "model_a", "model_b", "replicate_a"]
    means = table.groupby(["pair", *names])[["value", "null_high"]].mean()
    if not {"text-domain", "scratch-domain"} <= set(table["pair"]):
        return
    text, scratch = means.loc["text-domain"], means.loc["scratch-domain"]
    both = text.join(scratch, rsuffix="_scratch", how="inner").reset_index()
    for (task, mapping, model, reference), rows in both.groupby(names[:-1]):
        differences = (rows["value"] - rows["value_scratch"]).to_numpy()
        mean = estimate_mean(differences)
        above = rows["value"].mean() > rows["null_high"].mean()
        yield {
            "claim": "similar",
            "task": task,
            "model": model,
            "mapping": mapping,
            "fraction": "",
            "recipe": "",
            "reference": reference,
            "margin": 0.0,
            "value": mean.mean,
            "low": mean.low,
            "high": mean.high,
            "n": mean.n,
            "differences": differences,
            "reason": "" if above else "not above shuffled tokens",
        }
