"""Everything the report states about an experiment, computed from its tables."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from polymath.evaluation.claims import CLAIMS, JUDGED, LEAST_PAIRS, Claim
from polymath.experiment.command_line import DEFAULT_RESULTS
from polymath.experiment.conditions import NONE
from polymath.experiment.lineage import Lineage
from polymath.experiment.paths import ResultPaths
from polymath.reporting.answer import BETTER, answer_in_words, describe_families
from polymath.reporting.auc import limits_of_thresholds, list_disagreements
from polymath.reporting.claims_page import VERDICTS, across_table, claim_table, name_reference
from polymath.reporting.effective_data import describe_effective_data, effective_data_table
from polymath.reporting.matrix import ABOUT_DETECTABLE, BASELINE_NAMES, matrix_table
from polymath.reporting.order_control import (
    describe_order,
    order_table,
    without_shuffled_tests,
)
from polymath.reporting.own_verdict import with_own_verdicts
from polymath.reporting.power import describe_missing
from polymath.reporting.provenance import provenance_of
from polymath.reporting.published import compare_published, published_table, remarks_on
from polymath.reporting.rerun import PLAIN, Rerun
from polymath.reporting.similarity_tables import similarity_tables
from polymath.reporting.tables import (
    DASH,
    drop_constant,
    format_counts,
    format_estimates,
    format_number,
)
from polymath.reporting.task_answer import count_records
from polymath.reporting.task_errors import TaskErrors
from polymath.util.storage import read_json, read_metadata, read_table, read_with_metadata

SETTINGS = ("model", "init", "mapping", "fraction", "recipe")


@dataclass(frozen=True)
class Picture:
    """A drawn figure to embed, by its name in the registry."""

    svg: Path
    figure: str
    wildcards: dict[str, str]


@dataclass(frozen=True)
class Sources:
    """The files that a report is made from; what the experiment lacks is None or empty."""

    matrix: Path
    claims: Path
    families: Path
    summary: Path
    convergence: Path
    cards: list[Path]
    """In one folder, at least one."""
    shortcuts: list[Path]
    """Of the same tasks."""
    predictions: list[Path]
    scores: list[Path]
    pictures: list[Picture]
    notes: tuple[str, ...] = ()
    """Sentences on sequences that are not read whole, and on what pre-training took."""
    errors: list[TaskErrors] = field(default_factory=list)
    similarity: Path | None = None
    probes: Path | None = None
    rates: Path | None = None
    effective_data: Path | None = None
    best: list[Path] = field(default_factory=list)
    """Which arm's models are kept, of each task of the user's own."""
    minutes: dict[str, float] = field(default_factory=dict)
    """Of training, by task."""
    rerun: Rerun = PLAIN
    """How the experiment was run, for the commands that are named."""
    published: pd.DataFrame = field(default_factory=lambda: published_table([]))
    """Scores of others on the same tasks."""
    lineage: Lineage = field(default_factory=lambda: Lineage(domains={}, bases={}))
    """Of the models, which tells whose published scores they stand beside."""


@dataclass(frozen=True)
class Answer:
    """What the results say about one claim that was tested."""

    claim: Claim
    verdict: str
    """The verdict on all tasks together, or on the only one; `mixed` where families differ."""
    qualifier: str
    """What the verdict must be read with, where it is not undecided or mixed."""
    sentences: list[str]
    settle: list[str]
    """What more replicates would decide; of final scores, the tasks' own answers say so."""
    table: pd.DataFrame


def prediction_command(kept: Mapping[str, Any]) -> str:
    """Return the command that predicts with a task's kept models, quoted for a shell."""
    folder = kept["folder"]
    # A task's name is looked up in the default folder alone.
    is_named = Path(folder).is_relative_to(ResultPaths.of(DEFAULT_RESULTS).runs)
    run = kept["condition"]["task"] if is_named else folder.removesuffix("/models")
    files = ["--input", "new.csv", "--output", "predicted.csv"]
    return shlex.join(["python", "-m", "polymath", "predict", "--run", run, *files])


def answer_claims(
    claims: pd.DataFrame, families: pd.DataFrame, rerun: Rerun = PLAIN
) -> list[Answer]:
    """Return an answer to each claim that was tested, in their order."""
    answers, families = [], with_own_verdicts(families, claims)
    for name, claim in JUDGED.items():
        rows = claims[(claims["claim"] == name) & claims["n"].notna()]
        if len(rows):
            settle = [] if name in BETTER else [*describe_missing(rows, rerun)]
            answers.append(_answer(claim, rows, families[families["claim"] == name], settle))
    return answers


def _answer(claim: Claim, rows: pd.DataFrame, families: pd.DataFrame, settle: list[str]) -> Answer:
    verdicts, tasks = set(families["verdict"]), rows["task"].unique()
    verdict = verdicts.pop() if len(verdicts) == 1 else "mixed"
    each = "Task by task" if len(tasks) > 1 else f"{tasks[0]} by itself"
    return Answer(
        claim,
        verdict,
        _common_qualifier(families) if verdict in ("supported", "contradicted") else "",
        [
            *describe_families(families),
            f"{each}: {_counted(rows)}{_few(rows)}.",
            *filter(None, [qualify_verdicts(rows)]),
            *list_disagreements(rows),
        ],
        settle,
        claim_table(rows),
    )


def _common_qualifier(families: pd.DataFrame) -> str:
    """Return what the one verdict of several families must be read with."""
    qualifiers = "; ".join(dict.fromkeys(filter(None, families["qualifier"])))
    differ = qualifiers and families["qualifier"].nunique() > 1
    return f"in part {qualifiers}" if differ else qualifiers


def untested_claims(claims: pd.DataFrame) -> list[str]:
    """Return each claim that was not tested, with the reason."""
    lines = []
    for name, claim in CLAIMS.items():
        rows = claims[claims["claim"] == name]
        if len(rows) and rows["n"].isna().all():
            lines.append(f"{claim.statement.rstrip('.')}: {rows['reason'].mode().iloc[0]}.")
    return lines


def qualify_verdicts(rows: pd.DataFrame) -> str:
    """Return what the verdicts other than “undecided” must be read with; empty if nothing."""
    decided = rows[(rows["verdict"] != "undecided") & (rows["qualifier"] != "")]
    sentences = [
        f"On {', '.join(dict.fromkeys(of_qualifier['task']))} that is a verdict {qualifier}."
        for qualifier, of_qualifier in decided.groupby("qualifier", sort=False)
    ]
    return " ".join(sentences)


def _counted(rows: pd.DataFrame) -> str:
    """Return how many rows have each verdict; of a single one, its verdict."""
    if len(rows) == 1:
        return str(rows["verdict"].iloc[0])
    counts = rows["verdict"].value_counts()
    return ", ".join(f"{counts[name]} {name}" for name in VERDICTS if name in counts)


def _few(rows: pd.DataFrame) -> str:
    few = (rows["n"] < LEAST_PAIRS) & rows["value"].notna()
    return f" (a task of its own needs {LEAST_PAIRS} pairs of replicates)" if few.any() else ""


def limits(matrix: pd.DataFrame, rates: pd.DataFrame | None) -> list[str]:
    """Return the limits of these results that the tables show."""
    trained = matrix[matrix["init"] != NONE]
    lines = []
    if len(trained) and trained["n"].max() < LEAST_PAIRS:
        decided = (
            "only all tasks together have a" if matrix["task"].nunique() > 1 else "there is no"
        )
        lines.append(
            f"Few replicates: {trained['n'].max()} per condition. Below {LEAST_PAIRS} pairs "
            f"{decided} verdict."
        )
    lines += limits_of_thresholds(matrix)
    if matrix["diverged"].any():
        count = matrix["diverged"].sum()
        lines.append(f"Replicates that diverged and are excluded from means: {count}.")
    if len(trained) == len(matrix):
        lines.append("No baseline was run: what n-grams alone would reach is unknown.")
    if len(trained):
        lines += _limits_of_rates(rates)
    return lines


def _limits_of_rates(rates: pd.DataFrame | None) -> list[str]:
    if rates is None:
        return [
            "All arms share one learning rate: choosing a rate per arm on the development set may "
            "change the results (a recipe may list several)."
        ]
    edges = int((rates["chosen"] & rates["at_edge"]).sum())
    if not edges:
        return []
    return [
        f"{edges} of {int(rates['chosen'].sum())} chosen learning rates lie at an end of the list: "
        "a better rate may lie beyond it."
    ]


def compare_with_baselines(matrix: pd.DataFrame) -> str:
    """Return on how many tasks a baseline has a higher mean than every trained model."""
    trained, baselines = matrix[matrix["init"] != NONE], matrix[matrix["init"] == NONE]
    best = trained.groupby("task")["mean"].max()
    reached = baselines.groupby("task", sort=False)["mean"].max()
    ahead = reached > best.reindex(reached.index)
    if len(ahead) == 1:
        name = BASELINE_NAMES[baselines.loc[baselines["mean"].idxmax(), "model"]]
        if ahead.any():
            return f"The best baseline ({name}) has a higher mean than every trained model."
        return f"No baseline has a higher mean than the best trained model ({name} is the nearest)."
    names = ", ".join(BASELINE_NAMES[name] for name in baselines["model"].unique())
    tasks = ", ".join(ahead.index[ahead])
    where = f": {tasks}" if tasks else ""
    return (
        f"A baseline ({names}) has a higher mean than every trained model on {int(ahead.sum())} of "
        f"{len(ahead)} tasks{where}."
    )


def speed_table(convergence: pd.DataFrame) -> pd.DataFrame:
    """Return how fast each arm and its reference reached the target, as texts."""
    table = convergence[convergence["speed_up"].notna()]
    shown = table[["task", *SETTINGS]].assign(
        **{
            "target on dev": [*map(format_number, table["target"])],
            "arrived": format_counts(table, "reached"),
            "reference arrived": format_counts(table, "reference_reached"),
            "examples": [f"{count:.0f}" for count in table["examples"]],
            "reference examples": [f"{count:.0f}" for count in table["reference_examples"]],
            "times faster [95 %]": format_estimates(table, "speed_up", ".2f"),
            "area gained [95 %]": format_estimates(table, "area_gain"),
        }
    )
    shown.insert(1, "against", name_reference(table))
    return drop_constant(shown, SETTINGS)


def probe_table(probes: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of each probe over replicates, one column per probe, as texts."""
    keys = ["task", "model", "init", "mapping"]
    means = probes.pivot_table(index=keys, columns="probe", values="value", sort=False)
    return drop_constant(means.map("{:.3g}".format).reset_index(), SETTINGS)


def data_table(
    cards: list[dict[str, Any]], shortcuts: list[dict[str, Any]], positives: dict[str, str]
) -> pd.DataFrame:
    """Return one row per task: its records, their lengths, and what makes it easy.

    Args:
        positives: by task, as `name_positives` returns them.
    """
    rows = [_data_row(card, measured) for card, measured in zip(cards, shortcuts, strict=True)]
    table = pd.DataFrame(rows)
    if any(positives.get(card["task"]) for card in cards):
        table.insert(2, "positive class", [positives.get(card["task"]) or DASH for card in cards])
    return table


def name_positives(scores: list[Path]) -> dict[str, str]:
    """Return the class that F1 and average precision are of, and who chose it, by task.

    A task that has not two classes has an empty text.
    """
    named = {}
    for path in scores:
        table, metadata = read_with_metadata(path)
        first = table.iloc[0]
        by_default = " (the rarer one; none was named)" * metadata["positive_by_default"]
        named[first["task"]] = first["positive"] and f"{first['positive']}{by_default}"
    return named


def _data_row(card: dict[str, Any], shortcuts: dict[str, Any]) -> dict[str, str]:
    near, rule = shortcuts["near_neighbours"], shortcuts["rule"]
    return {
        "task": card["task"],
        "domain": card["domain"],
        **{split: str(card["splits"][split]) for split in ("train", "dev", "test")},
        "left out": str(sum(reason["count"] for reason in card["rejected"])),
        "median length": f"{card['length']['median']:g} {card['length']['unit']}",
        "test records near a training record": f"{near['near']} of {near['compared_test_rows']}",
        "best rule on one feature": rule["rule"],
        "its test score": f"{format_number(rule['test'])} {shortcuts['metric']}",
        "of a constant": format_number(rule["majority"]),
    }


def settings_table(settings: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """Return one row per setting, and one column per recipe or machine that has settings."""
    names = list(dict.fromkeys(name for values in settings.values() for name in values))
    table = pd.DataFrame({"setting": names})
    for title, values in settings.items():
        table[title] = [DASH if values.get(name) is None else str(values[name]) for name in names]
    return table


def _shown(table: Path | None, show: Callable[[pd.DataFrame], Any]) -> Any:
    """Return what the page shows of a table; None where the experiment lacks it."""
    return show(read_table(table)) if table else None


def gather_content(sources: Sources) -> dict[str, Any]:
    """Return all content of the page except figures and configuration."""
    matrix, claims = read_table(sources.matrix), read_table(sources.claims)
    families = read_table(sources.families)
    cards = [read_json(path) for path in sources.cards]
    of_training = without_shuffled_tests(matrix)
    trained = of_training[of_training["init"] != NONE]
    rates = read_table(sources.rates) if sources.rates else None
    return {
        "similarity": _shown(sources.similarity, similarity_tables),
        "probes": _shown(sources.probes, probe_table),
        "effective_data": _shown(sources.effective_data, effective_data_table),
        "effective_data_sentences": _shown(sources.effective_data, describe_effective_data),
        "tasks": list(dict.fromkeys(matrix["task"])),
        "models": list(dict.fromkeys(trained["model"])),
        "inits": list(dict.fromkeys(trained["init"])),
        "baselines": [name for key, name in BASELINE_NAMES.items() if key in set(matrix["model"])],
        "conditions": len(matrix),
        "runs": int((trained["n"] + trained["diverged"]).sum()),
        "words": answer_in_words(
            families, claims, matrix, sources.minutes, sources.rerun, count_records(cards)
        ),
        "kept": [
            {**kept, "command": prediction_command(kept)}
            for kept in map(read_json, sources.best)
            if kept.get("models")
        ],
        "beside": compare_with_baselines(matrix),
        "answers": answer_claims(claims, families, sources.rerun),
        "untested": untested_claims(claims),
        "across": across_table(read_table(sources.summary)),
        "matrix": matrix_table(matrix),
        "about_detectable": ABOUT_DETECTABLE,
        "orders": order_table(matrix),
        "left": describe_order(matrix),
        "published": compare_published(sources.published, matrix, sources.lineage),
        "published_remarks": remarks_on(sources.published),
        "speed": speed_table(read_table(sources.convergence)),
        "limits": [*limits(of_training, rates), *sources.notes],
        "errors": sources.errors,
        "data": data_table(
            cards, [*map(read_json, sources.shortcuts)], name_positives(sources.scores)
        ),
        "cards": cards,
        "cards_folder": str(sources.cards[0].parent),
        "made": provenance_of(map(read_metadata, sources.predictions)),
    }
