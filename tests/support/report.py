"""A small experiment's tables, as the rules write them, and the report on them."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from polymath.evaluation.tables import CLAIM_SCHEMA as CLAIMS
from polymath.evaluation.tables import CONVERGENCE_SCHEMA as CONVERGENCE
from polymath.evaluation.tables import EFFECTIVE_DATA_SCHEMA as EFFECTIVE_DATA
from polymath.evaluation.tables import FAMILY_VERDICT_SCHEMA as FAMILIES
from polymath.evaluation.tables import MATRIX_SCHEMA as MATRIX
from polymath.evaluation.tables import PROBE_SCHEMA, SCORE_SCHEMA, SIMILARITY_SCHEMA
from polymath.evaluation.tables import RATE_SCHEMA as RATES
from polymath.evaluation.tables import SUMMARY_SCHEMA as SUMMARY
from polymath.reporting.figures.draw import draw_figure
from polymath.reporting.figures.layers import MEASURES
from polymath.reporting.html.content import Picture, Sources
from polymath.reporting.html.page import write_report
from polymath.reporting.task_errors import TaskErrors
from polymath.util.storage import write_json, write_table
from support.figures import PUBLISHED, effective_data

CONDITION: dict[str, Any] = {
    "task": "splice", "domain": "dna", "model": "small", "init": "pretrained", "mapping": "random",
    "fraction": "1", "recipe": "default", "metric": "accuracy",
}  # fmt: skip
RUN: dict[str, Any] = {
    "recipe": "default", "recipe_values": {"learning_rate": 1e-4, "epochs": None},
    "precision": "fp32", "experiment_seed": 7,
    "machines": [{"device": "cpu", "processor": "Some CPU", "torch": "2.13"}],
}  # fmt: skip


def scored(mean: float, **changes: Any) -> dict[str, Any]:
    """Return a row of the matrix."""
    row = {**CONDITION, "items": 300, "chance": 0.5, "n": 3, "diverged": 0, "mean": mean,
           "low": mean - 0.05, "high": mean + 0.05, "learning_rate": 1e-4}  # fmt: skip
    row = {**row, **changes}
    lows = {"combined_low": row["low"], "auc_combined_low": row.get("auc_low")}
    return {**lows, **row}


def judged_together(claim: str, verdict: str, value: float, **changes: Any) -> dict[str, Any]:
    """Return a row of the verdicts on all tasks together."""
    row = {**CONDITION, "claim": claim, "reference": "scratch", "verdict": verdict,
           "qualifier": "at one learning rate", "reason": "p = 0.0040", "tasks": 2, "pairs": 6,
           "looks": 1, "p": 0.004, "iqm": value, "iqm_low": value - 0.1, "iqm_high": value + 0.1,
           "members": "splice, stability", "left_out": ""}  # fmt: skip
    return {**row, **changes}


def judged(claim: str, verdict: str, value: float, **changes: Any) -> dict[str, Any]:
    """Return a row of the claims."""
    row = {**CONDITION, "claim": claim, "reference": "scratch", "verdict": verdict, "reason": "",
           "value": value, "low": value - 0.1, "high": value + 0.1, "n": 8, "tests": 1,
           "qualifier": "", "p_holm": 0.01, "sign_flip_p": 0.02, "looks": 1}  # fmt: skip
    return {**row, **changes}


def unasked(claim: str) -> dict[str, Any]:
    """Return the row of a claim that nothing speaks of."""
    empty = dict.fromkeys(("mapping", "model", "fraction", "recipe", "reference"), "")
    empty["qualifier"] = ""
    reason = "no in-domain model beside a text model"
    return {**empty, "claim": claim, "task": "splice", "verdict": "undecided", "reason": reason}


MATRIX_ROWS = [
    scored(0.9),
    scored(0.7, init="scratch", learning_rate=3e-4),
    scored(0.25, task="stability", domain="protein", metric="spearman", chance=0.0),
    scored(0.10, task="stability", domain="protein", metric="spearman", chance=0.0, init="scratch"),
    scored(0.95, model="ngram", init="none", mapping="none", recipe="none", learning_rate=None),
]
CLAIM_ROWS = [
    judged("faster", "supported", 0.3),
    judged("better", "undecided", 0.2, n=3, reason="fewer than 5 pairs of replicates"),
    judged("better", "contradicted", -0.1, task="stability"),
    unasked("near in-domain"),
    unasked("similar"),
    unasked("shared"),
]

# A class has the name of a verdict.
ERRORS = pd.DataFrame({"true class": ["EI", "mixed"], "EI": ["7", "2"], "mixed": ["1", "5"]})
FAMILY_ROWS = [
    judged_together("faster", "supported", 0.3),
    judged_together("better", "undecided", 0.05, qualifier=""),
]


def table(rows: Iterable[dict[str, Any]], schema: pa.Schema) -> pd.DataFrame:
    """Return rows as a table of a schema's columns."""
    lists = [field.name for field in schema if pa.types.is_list(field.type)]
    return pd.DataFrame([*rows], columns=schema.names).astype(dict.fromkeys(lists, object))


def write_small_report(
    folder: Path,
    configuration: dict[str, Any] | None = None,
    task: str = "splice",
    trained: dict[str, Any] = RUN,
) -> Path:
    """Write the report on a small experiment, one of whose tasks has this name.

    Args:
        trained: metadata of its predictions.
    """
    run = _write_tables(folder, task, trained)
    _write_card(folder, task)
    svg = folder / "heatmap.svg"
    draw_figure(
        "heatmap", {"matrix": folder / "matrix.parquet"}, svg, folder / "h.png", folder / "h.csv"
    )
    page = folder / "report.html"
    sources = Sources(
        matrix=folder / "matrix.parquet",
        claims=folder / "claims.parquet",
        families=folder / "families.parquet",
        summary=folder / "summary.parquet",
        convergence=folder / "convergence.parquet",
        cards=[folder / "card.json"],
        shortcuts=[folder / "shortcuts.json"],
        predictions=[run],
        scores=[_write_scores(folder, task)],
        errors=[TaskErrors(task, "small · pretrained", 3, {"Confusions": ERRORS})],
        best=_write_best(folder, task),
        published=PUBLISHED,
        pictures=[Picture(svg, "heatmap", {}), Picture(svg, "card", {"task": task})],
    )
    write_report(_with_all(sources, folder), configuration or {"seed": 7}, page)
    return page


def _write_tables(folder: Path, task: str, trained: dict[str, Any]) -> Path:
    """Write the tables of evidence, and predictions, which are returned."""
    matrix, claims = (
        [{**row, "task": task if row["task"] == "splice" else row["task"]} for row in rows]
        for rows in (MATRIX_ROWS, CLAIM_ROWS)
    )
    tables = {"matrix": (matrix, MATRIX), "claims": (claims, CLAIMS), "summary": ([], SUMMARY),
              "families": (FAMILY_ROWS, FAMILIES), "convergence": ([], CONVERGENCE)}  # fmt: skip
    for name, (rows, schema) in tables.items():
        write_table(table(rows, schema), folder / f"{name}.parquet", schema, {})
    run = folder / "predictions.parquet"
    write_table(pd.DataFrame({"id": [1]}), run, pa.schema([("id", pa.int32())]), trained)
    return run


def _write_card(folder: Path, task: str) -> None:
    """Write a task's data card and its shortcuts."""
    card: dict[str, Any] = {"task": task, "domain": "dna", "title": "Splice junctions",
            "licence": "CC BY 4.0", "citation": None, "rejected": [],
            "splits": {"train": 10, "dev": 2, "test": 3},
            "length": {"median": 60.0, "unit": "symbols"}}  # fmt: skip
    write_json(card, folder / "card.json")
    shortcuts = {"metric": "accuracy", "near_neighbours": {"near": 1, "compared_test_rows": 3},
                 "rule": {"rule": "always N", "test": 0.5, "majority": 0.4}}  # fmt: skip
    write_json(shortcuts, folder / "shortcuts.json")


def _write_scores(folder: Path, task: str) -> Path:
    """Write the scores of a task of two classes, none of which is named."""
    path, row = folder / "scores.parquet", {**CONDITION, "task": task, "positive": "EI"}
    metadata = {"positive_by_default": True}
    write_table(table([row], SCORE_SCHEMA), path, SCORE_SCHEMA, metadata)
    return path


def _write_best(folder: Path, task: str) -> list[Path]:
    """Write the best arms of three tasks: with models, trained before they were kept, diverged."""
    kept = {"condition": {**CONDITION, "task": task}, "dev_score": 0.9, "bytes": 1500000,
            "folder": "elsewhere/runs/arm/models", "models": ["replicate-0"]}  # fmt: skip
    paths = [folder / f"best-{number}.json" for number in range(3)]
    for path, best in zip(paths, (kept, {**kept, "models": []}, {"condition": None}), strict=True):
        write_json(best, path)
    return paths


def _with_all(sources: Sources, folder: Path) -> Sources:
    """Return the sources with what not every experiment has."""
    pair = {"task": "splice", "mapping": "random", "pair": "text-domain", "model_a": "small",
            "model_b": "esm", "init_a": "pretrained", "init_b": "pretrained", "state": "initial",
            "replicate_a": 0, "replicate_b": 0, "null_high": 0.02, "matched": True,
            "centring": "position", "tokens": 100}  # fmt: skip
    arms: list[dict[str, str]] = [{}, {"pair": "scratch-domain", "init_a": "scratch"}]
    layers = [{**pair, **arm, "layer_a": layer, "layer_b": layer, "measure": measure,
               "value": 0.9 - layer / 10, "low": 0.1, "high": 0.95}
              for arm, measure, layer in product(arms, MEASURES, range(3))]  # fmt: skip
    start = {name: CONDITION[name] for name in ("task", "model", "mapping")}
    probes = [{**start, "init": init, "replicate": 0, "probe": "noise_rise", "value": 0.125}
              for init in ("pretrained", "scratch")]  # fmt: skip
    rates = [{**CONDITION, "learning_rate": 1e-4, "n": 3, "mean": 0.8, "chosen": True,
              "at_edge": True}]  # fmt: skip
    tables = {"similarity": (layers, SIMILARITY_SCHEMA), "probes": (probes, PROBE_SCHEMA),
              "rates": (rates, RATES),
              "effective_data": ([*effective_data()], EFFECTIVE_DATA)}  # fmt: skip
    paths: Any = {name: folder / f"{name}.parquet" for name in tables}
    for name, (rows, schema) in tables.items():
        write_table(table(rows, schema), paths[name], schema, {})
    return replace(sources, **paths)
