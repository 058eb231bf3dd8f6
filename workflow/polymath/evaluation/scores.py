"""Predictions to scores: every metric of the task type, on dev and test, for each replicate."""

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from polymath.evaluation.metrics import METRICS, chance_score, choose_answers, metrics_for, vote
from polymath.experiment.conditions import Condition
from polymath.experiment.stage_versions import SCORES
from polymath.util.errors import PolymathError
from polymath.util.seeds import VARIED, seed_levels
from polymath.util.storage import read_metadata, read_table, write_table

CONDITION_COLUMNS = tuple(Condition.__dataclass_fields__)

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in CONDITION_COLUMNS),
        ("domain", pa.string()),
        ("replicate", pa.int32()),
        ("split", pa.string()),
        ("metric", pa.string()),
        ("headline", pa.bool_()),
        ("items", pa.int32()),
        ("value", pa.float64()),
        ("chance", pa.float64()),
        ("diverged_at", pa.int32()),
        ("learning_rate", pa.float64()),
        *((f"{stream}_seed", pa.int32()) for stream in VARIED),
    ]
)


def evaluate(
    predictions: Sequence[Path], metric: str, scores: Path, log: Callable[[str], None]
) -> pd.DataFrame:
    """Score the predictions of a task's conditions, and write and return them as one table.

    Args:
        predictions: one file a condition.
        metric: the task's headline metric.
        log: is told each condition's test scores.
    """
    parts = []
    for path in predictions:
        parts.append(score_condition(path, metric))
        log(_describe(parts[-1], metric))
    table = pd.concat(parts, ignore_index=True)
    write_table(table, scores, SCHEMA, {"code_version": SCORES})
    return table


def predictions_behind(scores: Sequence[Path], runs: Path) -> list[Path]:
    """Return where the predictions lie of each condition that these tables score.

    Later stages find them so, not by their inputs: scores are made anew whenever predictions are,
    and Snakemake would need its time for each file that is named once more.

    Args:
        runs: the folder of all conditions.
    """
    return [runs / one.path / "predictions.parquet" for one in _scored(scores)]


def curves_behind(scores: Sequence[Path], runs: Path) -> list[Path]:
    """Return where the learning curves lie of each trained condition that these tables score.

    Raises:
        PolymathError: if one was deleted, which Snakemake does not see.
    """
    trained = [one for one in _scored(scores) if not one.is_baseline]
    curves = [runs / one.path / "curves.parquet" for one in trained]
    for path in curves:
        if not path.exists():
            raise PolymathError(
                f"{path} is missing: delete {path.with_name('predictions.parquet')} too and run "
                "the same command again, which makes both anew (from the replicates kept beside "
                "them, if they are still there)"
            )
    return curves


def _scored(scores: Sequence[Path]) -> list[Condition]:
    names = [*CONDITION_COLUMNS]
    tables = (read_table(path)[names].drop_duplicates() for path in scores)
    return [Condition(*row) for table in tables for row in table.itertuples(index=False)]


def _describe(table: pd.DataFrame, metric: str) -> str:
    test = table[table["headline"] & (table["split"] == "test")]["value"]
    shown = ["diverged" if pd.isna(value) else f"{value:.3f}" for value in test]
    title = Condition(**table[[*CONDITION_COLUMNS]].iloc[0]).title
    return f"{title}: test {metric} {', '.join(shown)}"


def score_condition(predictions: Path, metric: str) -> pd.DataFrame:
    """Return a condition's scores, one row a replicate, split and metric, as SCHEMA says.

    Each row has the learning rate, and which seed of each varied stream the replicate used. A
    replicate that diverged has its last finite dev score and no other, and the step at which
    it ended in `diverged_at`.

    Args:
        metric: the task's headline metric.
    """
    metadata = read_metadata(predictions)
    rows = [*_score_all(read_table(predictions), metadata), *_list_diverged(metadata, metric)]
    table = pd.DataFrame(rows).sort_values(["replicate", "split"], kind="stable")
    table[["items", "diverged_at"]] = table[["items", "diverged_at"]].astype("Int32")
    for name in (*CONDITION_COLUMNS, "domain"):
        table[name] = metadata[name]
    table["headline"] = table["metric"] == metric
    table["learning_rate"] = metadata["learning_rate"]
    levels = [seed_levels(number, metadata["crossed"]) for number in table["replicate"]]
    for stream in VARIED:
        table[f"{stream}_seed"] = [of_replicate[stream] for of_replicate in levels]
    return table[SCHEMA.names]


def _score_all(table: pd.DataFrame, metadata: dict[str, Any]) -> Iterator[dict[str, Any]]:
    task_type = metadata["type"]
    classes = {label: number for number, label in enumerate(metadata["labels"])}
    chances: dict[tuple[str, str], float] = {}  # the same for every replicate
    for (replicate, split), part in table.groupby(["replicate", "split"]):
        labels = part["label"].map(classes) if task_type == "classification" else part["label"]
        targets, items = labels.to_numpy(dtype=float), part["item"].to_numpy()
        logits = np.stack(part["logits"].to_list()).astype(float)
        names, outputs = vote(items, logits, task_type)
        answers = choose_answers(outputs, task_type)
        of_items = targets[~part["item"].duplicated().to_numpy()]
        for metric in metrics_for(task_type, len(classes)):
            if (split, metric) not in chances:
                majority = metadata["train_majority"]
                chances[split, metric] = chance_score(majority, of_items, task_type, metric)
            yield {
                "replicate": replicate,
                "split": split,
                "metric": metric,
                "items": len(names),
                "value": METRICS[metric](of_items, answers),
                "chance": chances[split, metric],
                "diverged_at": None,
            }


def _list_diverged(metadata: dict[str, Any], headline: str) -> Iterator[dict[str, Any]]:
    metrics = metrics_for(metadata["type"], len(metadata["labels"]))
    for replicate, ended in metadata["diverged"].items():
        for split, metric in product(("dev", "test"), metrics):
            known = split == "dev" and metric == headline
            yield {
                "replicate": int(replicate),
                "split": split,
                "metric": metric,
                "items": None,
                "value": ended["dev_score"] if known else None,
                "chance": None,
                "diverged_at": ended["step"],
            }
