"""Predictions to scores: every metric of the task type, on dev and test, for each replicate."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from polymath.evaluation.label_sets import name_answer
from polymath.evaluation.metrics import chance_score, metrics_for, score
from polymath.evaluation.predictions import joined_predictions
from polymath.evaluation.tables import CONDITION_COLUMNS, SCORE_SCHEMA
from polymath.experiment.conditions import NONE, Condition
from polymath.experiment.datasets import DEFAULT_METRIC
from polymath.experiment.paths import ResultPaths
from polymath.experiment.stage_versions import SCORES
from polymath.util.errors import PolymathError
from polymath.util.identity import (
    identity_of,
    join_identities,
    read_made_from,
    require_made_from,
)
from polymath.util.seeds import VARIED, seed_levels
from polymath.util.storage import read_table, read_with_metadata, write_table


def evaluate(
    predictions: Sequence[Path],
    metric: str,
    scores: Path,
    log: Callable[[str], None],
    asked: Sequence[Mapping[str, Any]] = (),
    positive: str | None = None,
) -> pd.DataFrame:
    """Score the predictions of a task's conditions, and write and return them as one table.

    Args:
        predictions: one file per condition.
        metric: the task's headline metric, or DEFAULT_METRIC: then training has chosen it.
        positive: of two classes, the one that F1, AUC and average precision are of; default: the
            rarer one in training.
        log: receives each condition's test scores.
        asked: the parameters that each condition must have been trained with.

    Raises:
        PolymathError: if a file is of another configuration.
    """
    tables = []
    for path, parameters in zip(predictions, asked, strict=False):
        require_made_from(path, parameters)
    for path in predictions:
        tables.append(score_condition(path, metric, positive))
        for line in _describe(tables[-1]):
            log(line)
    table = pd.concat(tables, ignore_index=True)
    metadata = {
        "code_version": SCORES,
        "metric_by_default": metric == DEFAULT_METRIC,
        "positive_by_default": positive is None,
    }
    write_table(table, scores, SCORE_SCHEMA, metadata)
    return table


def scored_conditions(scores: Sequence[Path]) -> list[Condition]:
    """Return the conditions that these tables score, in their order.

    Later stages find predictions and curves through them instead of through inputs of their own:
    scores are made again whenever predictions are, and planning takes Snakemake time per input.
    """
    tables = (read_table(path)[[*CONDITION_COLUMNS]].drop_duplicates() for path in scores)
    return [Condition(*row) for table in tables for row in table.itertuples(index=False)]


def dev_means(scores: pd.DataFrame) -> pd.Series:
    """Return the mean headline score on dev of each condition of which a replicate finished."""
    dev = scores[scores["diverged_at"].isna() & (scores["split"] == "dev") & scores["headline"]]
    means: pd.Series = dev.groupby([*CONDITION_COLUMNS], sort=False)["value"].mean()
    return means


def best_on_dev(scores: pd.DataFrame) -> Condition | None:
    """Return the trained condition of a task with the highest mean headline score on dev.

    Without one it is the best baseline; None if nothing finished.
    """
    means = dev_means(scores).dropna()
    trained = means[means.index.get_level_values("init") != NONE]
    of_arms = trained if len(trained) else means
    return Condition(*of_arms.idxmax()) if len(of_arms) else None


def find_curves(conditions: Iterable[Condition], results: ResultPaths) -> dict[Condition, Path]:
    """Return the learning curves of each trained condition; baselines have none.

    Raises:
        PolymathError: if a file was deleted, which Snakemake does not notice.
    """
    curves = {each: results.curves(each) for each in conditions if each.is_trained}
    for condition, path in curves.items():
        if not path.exists():
            raise PolymathError(
                f"{path} is missing: delete {results.predictions(condition)} too and run the same "
                "command again; it makes both again, from kept replicates where there are any"
            )
    return curves


def require_scored(scores: Iterable[Path], results: ResultPaths) -> None:
    """Refuse predictions and curves that are not of the training runs that were scored.

    Raises:
        PolymathError: naming the file and the remedy.
    """
    remedy = "another workflow may write to this folder; run the same command again"
    for path in scores:
        stated = read_made_from(path).get("inputs")
        if stated is None:
            continue
        conditions = scored_conditions([path])
        identities = [identity_of(results.predictions(each)) for each in conditions]
        if join_identities(identities) != stated["predictions"]:
            raise PolymathError(
                f"{path}: predictions have changed since they were scored: {remedy}"
            )
        for condition, identity in zip(conditions, identities, strict=True):
            curves = results.curves(condition)
            if condition.is_trained and identity_of(curves) != identity:
                raise PolymathError(f"{curves} is of another run than its predictions: {remedy}")


def _describe(table: pd.DataFrame) -> Iterator[str]:
    """Yield a condition's test scores, which of its arms predict one class, and what is missing."""
    test = table[table["split"] == "test"]
    headline = test[test["headline"]]
    shown = ["diverged" if pd.isna(value) else f"{value:.3f}" for value in headline["value"]]
    condition = Condition(**table[[*CONDITION_COLUMNS]].iloc[0])
    title = condition.title
    yield f"{title}: test {headline['metric'].iloc[0]} {', '.join(shown)}"
    constant = int((headline["answers"] == 1).sum())
    if constant and condition.model != "majority":
        yield (
            f"NOTE: {title}: this arm predicts one {name_answer(test['metric'])} on the test set "
            f"({constant} of {len(headline)} replicates)"
        )
    missing = test[test["value"].isna() & test["diverged_at"].isna()]
    if len(missing):
        names = ", ".join(dict.fromkeys(missing["metric"]))
        yield f"NOTE: {title}: {names} of test: missing, as all its items have one label"


def score_condition(predictions: Path, metric: str, positive: str | None = None) -> pd.DataFrame:
    """Return a condition's scores, one row per replicate, split and metric.

    Each row has the learning rate, and which seed of each varied stream the replicate used. A
    replicate that diverged has its last finite dev score and no other, and the step at which
    it ended in `diverged_at`.

    Args:
        metric, positive: as of `evaluate`.
    """
    table, metadata = read_with_metadata(predictions)
    metric = metadata["metric"] if metric == DEFAULT_METRIC else metric
    number = positive_class(metadata, positive)
    rows = [*_score_all(table, metadata, number), *_list_diverged(metadata, metric)]
    table = pd.DataFrame(rows, columns=SCORE_SCHEMA.names)
    table = table.sort_values(["replicate", "split"], kind="stable")
    counts = ["items", "answers", "diverged_at"]
    table[counts] = table[counts].astype("Int32")
    table["positive"] = metadata["labels"][number] if has_positive(metadata) else ""
    for name in (*CONDITION_COLUMNS, "domain"):
        table[name] = metadata[name]
    table["headline"] = table["metric"] == metric
    table["learning_rate"] = metadata["learning_rate"]
    levels = [seed_levels(number, metadata["crossed"]) for number in table["replicate"]]
    for stream in VARIED:
        table[f"{stream}_seed"] = [of_replicate[stream] for of_replicate in levels]
    return table[SCORE_SCHEMA.names]


def positive_class(metadata: Mapping[str, Any], named: str | None) -> int:
    """Return the number of the class that is named or, of two, the rarer one in training."""
    if named is not None:
        return list(metadata["labels"]).index(named)
    return 1 - int(metadata["train_majority"]) if has_positive(metadata) else 1


def has_positive(metadata: Mapping[str, Any]) -> bool:
    """Return whether F1, AUC and average precision are of one class, as there are two."""
    return len(metadata["labels"]) == 2 and metadata["type"] == "classification"


def _score_all(
    table: pd.DataFrame, metadata: dict[str, Any], positive: int
) -> Iterator[dict[str, Any]]:
    task_type, majority = metadata["type"], metadata["train_majority"]
    classes = len(metadata["labels"])
    chances: dict[tuple[str, str], float] = {}  # the same for every replicate
    for replicate, split, items in joined_predictions(table, metadata):
        answers = len(np.unique(items.predicted, axis=0)) if classes else None
        for metric in metrics_for(task_type, classes):
            if (split, metric) not in chances:
                chances[split, metric] = chance_score(
                    majority, items.targets, task_type, metric, classes, positive
                )
            yield {
                "replicate": replicate,
                "split": split,
                "metric": metric,
                "items": len(items.targets),
                "answers": answers,
                "value": score(metric, items.targets, items.outputs, positive),
                "chance": chances[split, metric],
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
                "value": ended["dev_score"] if known else None,
                "diverged_at": ended["step"],
            }
