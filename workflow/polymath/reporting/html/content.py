"""What the report says of an experiment, computed from its tables: no sentence without a source."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from polymath.evaluation.claims import CLAIMS, MEASURE, Claim
from polymath.evaluation.matrix import matrix_table
from polymath.evaluation.statistics import needed_replicates
from polymath.experiment.conditions import NONE
from polymath.reporting.claims_page import VERDICTS, across_table, claim_table
from polymath.reporting.matrix_layout import BASELINES
from polymath.reporting.provenance import provenance_of
from polymath.util.storage import read_json, read_table

DASH = "–"


@dataclass(frozen=True)
class Picture:
    """A drawn figure to embed, by its name in the registry."""

    svg: Path
    figure: str
    wildcards: dict[str, str]


@dataclass(frozen=True)
class Sources:
    """The files that a report is made of; what was not asked for is None or empty."""

    matrix: Path
    claims: Path
    summary: Path
    convergence: Path
    cards: list[Path]
    predictions: list[Path]
    pictures: list[Picture]
    similarity: Path | None = None
    probes: Path | None = None
    rates: Path | None = None


@dataclass(frozen=True)
class Answer:
    """What the results say of one claim."""

    claim: Claim
    verdict: str
    """A verdict that all comparisons share, or `mixed`; `not asked` where nothing was compared."""
    sentence: str
    table: pd.DataFrame


def answers(claims: pd.DataFrame) -> list[Answer]:
    """Return an answer for each claim of the paper, in its order."""
    return [_answer(what, claims[claims["claim"] == name]) for name, what in CLAIMS.items()]


def _answer(claim: Claim, rows: pd.DataFrame) -> Answer:
    asked = rows[rows["n"].notna()]
    table = claim_table(rows)
    if asked.empty:
        reason = rows["reason"].mode().iloc[0]
        return Answer(claim, "not asked", f"This experiment does not ask: {reason}.", table)
    counts = asked["verdict"].value_counts().reindex(list(VERDICTS), fill_value=0)
    verdict = str(counts.idxmax()) if counts.max() == len(asked) else "mixed"
    sentence = f"{_counted(counts, len(asked))} {_range(claim, asked)}".rstrip()
    few = asked[(asked["n"] < asked["needed"]) & asked["value"].notna()]
    if len(few):
        there = "There" if len(few) == len(asked) else f"In {len(few)} there"
        sentence += (
            f" {there} are too few replicates to decide: {int(few['n'].min())} where "
            f"{int(few['needed'].max())} are needed."
        )
    return Answer(claim, verdict, sentence, table)


def _counted(counts: pd.Series, total: int) -> str:
    if total == 1:
        return f"One comparison: {counts.idxmax()}."
    return (
        f"Of {total} comparisons {counts['supported']} support it, {counts['contradicted']} "
        f"contradict it and {counts['undecided']} are undecided."
    )


def _range(claim: Claim, asked: pd.DataFrame) -> str:
    values = asked["value"].dropna()
    if values.empty:
        return ""
    above = int((values + claim.margin > 0).sum())
    if len(values) == 1:
        side = "on" if above else "not on"
        return f"The number ({claim.number}) is {values.iloc[0]:+.3f}, {side} the claim's side."
    return (
        f"The number ({claim.number}) lies between {values.min():+.3f} and {values.max():+.3f}, on "
        f"the claim's side in {above}."
    )


def headline(claims: pd.DataFrame) -> str:
    """Return the answer to the question whether to start from a text model, in one sentence."""
    rows = claims[(claims["claim"] == "better") & claims["n"].notna()]
    if rows.empty:
        return "This experiment has no text model beside the same from random weights."
    counts = rows["verdict"].value_counts().reindex(list(VERDICTS), fill_value=0)
    better, worse, open_ = (int(counts[verdict]) for verdict in VERDICTS)
    if better == len(rows):
        return f"Yes, here: in all {better} comparisons the text model ends better."
    if worse == len(rows):
        return f"No, not here: in all {worse} comparisons random weights end better."
    if open_ == len(rows):
        return (
            f"These runs do not settle it: in none of {open_} comparisons is the text model shown "
            "to end better, or worse, than random weights."
        )
    return (
        f"It depends: of {len(rows)} comparisons the text model ends better in {better}, random "
        f"weights in {worse}, and {open_} are undecided."
    )


def limits(matrix: pd.DataFrame, rates: pd.DataFrame | None) -> list[str]:
    """Return what a reader must know before believing the results, as far as tables tell it."""
    trained, simple = matrix[matrix["init"] != NONE], matrix[matrix["init"] == NONE]
    found = []
    least = needed_replicates(1)
    if len(trained) and trained["n"].max() < least:
        found.append(
            f"Few replicates: {trained['n'].max()} a condition. {least} pairs are the least from "
            "which the test can decide on a single task, more are needed for several."
        )
    idle = trained[trained["low"] <= trained["chance"]]
    if len(idle):
        tasks = ", ".join(dict.fromkeys(idle["task"]))
        found.append(
            f"{len(idle)} of {len(trained)} trained conditions have an interval that reaches "
            f"chance level: little or nothing was shown to be learned there ({tasks})."
        )
    if matrix["diverged"].any():
        found.append(f"{matrix['diverged'].sum()} replicates diverged; they count in no mean.")
    if simple.empty:
        found.append("No simple baseline was asked for: what n-grams alone would reach is unknown.")
    if rates is None and len(trained):
        found.append(
            "One learning rate for every arm: a rate chosen for each on dev can change the picture "
            "(a recipe may list several)."
        )
    elif rates is not None and (rates["chosen"] & rates["at_edge"]).any():
        edges = int((rates["chosen"] & rates["at_edge"]).sum())
        found.append(
            f"{edges} of {int(rates['chosen'].sum())} chosen learning rates are at an end of the "
            "list: a better one may lie beyond."
        )
    return found


def beside_baselines(matrix: pd.DataFrame) -> str:
    """Return how the trained models stand beside the simple baselines."""
    trained, simple = matrix[matrix["init"] != NONE], matrix[matrix["init"] == NONE]
    best = trained.groupby("task")["mean"].max()
    reached = simple.groupby("task", sort=False)["mean"].max()
    ahead = reached > best.reindex(reached.index)
    names = ", ".join(BASELINES[name] for name in simple["model"].unique())
    tasks = ", ".join(ahead.index[ahead])
    where = f": {tasks}" if tasks else ""
    return (
        f"A simple baseline ({names}) has a higher mean than every trained model in "
        f"{int(ahead.sum())} of {len(ahead)} tasks{where}."
    )


def speed_table(convergence: pd.DataFrame) -> pd.DataFrame:
    """Return how fast each arm and what it is compared with reached the target, as texts."""
    rows = [
        {
            "task": row["task"],
            "against": row["reference_model"] if row["against"] == "in-domain" else row["against"],
            **{name: row[name] for name in ("model", "init", "mapping", "fraction", "recipe")},
            "target on dev": f"{row['target']:.3f}",
            "arrived": f"{row['reached']:.0f} of {row['n']:.0f}",
            "reference arrived": f"{row['reference_reached']:.0f} of {row['n']:.0f}",
            "examples": f"{row['examples']:.0f}",
            "reference examples": f"{row['reference_examples']:.0f}",
            "times faster [95 %]": _with_interval(row, "speed_up", ".2f"),
            "area gained [95 %]": _with_interval(row, "area_gain", "+.3f"),
        }
        for row in convergence[convergence["speed_up"].notna()].to_dict("records")
    ]
    return _brief(pd.DataFrame(rows))


def similarity_table(similarity: pd.DataFrame) -> pd.DataFrame:
    """Return debiased CKA of the last layers of each pair of models, as texts."""
    judged = similarity[(similarity["measure"] == MEASURE) & similarity["low"].notna()]
    keys = ["task", "mapping", "pair", "model_a", "model_b", "state", "replicate_a", "replicate_b"]
    last = judged.loc[judged.groupby(keys, sort=False)["layer_a"].idxmax()]
    rows = [
        {
            "task": row["task"],
            "pair": row["pair"],
            "first": f"{row['model_a']}, {row['init_a']}",
            "second": f"{row['model_b']}, {row['init_b']}",
            "state": row["state"],
            "layers": f"{row['layer_a']} and {row['layer_b']}",
            "CKA [95 %]": f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]",
            "shuffled (95 %)": f"{row['null_high']:.3f}",
            "replicate": f"{row['replicate_a'] + 1}",
            "tokens": f"{row['tokens']}",
        }
        for row in last.to_dict("records")
    ]
    return _brief(pd.DataFrame(rows))


def probe_table(probes: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of each probe over replicates, a column a probe, as texts."""
    keys = ["task", "model", "init", "mapping"]
    means = probes.pivot_table(index=keys, columns="probe", values="value", sort=False)
    return _brief(means.map("{:.3g}".format).reset_index())


def data_table(cards: list[dict[str, Any]]) -> pd.DataFrame:
    """Return a row a task: what its records are and where they come from."""
    return pd.DataFrame(
        [
            {
                "task": card["task"],
                "domain": card["domain"],
                **{split: str(card["splits"][split]) for split in ("train", "dev", "test")},
                "left out": str(sum(entry["count"] for entry in card["rejected"])),
                "median length": f"{card['length']['median']:g} {card['length']['unit']}",
            }
            for card in cards
        ]
    )


def recipe_table(recipes: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """Return the recipes, a column each."""
    names = list(dict.fromkeys(key for recipe in recipes.values() for key in recipe))
    table = pd.DataFrame({"setting": names})
    for recipe, values in recipes.items():
        table[recipe] = [DASH if values.get(key) is None else str(values[key]) for key in names]
    return table


def gather(sources: Sources) -> dict[str, Any]:
    """Return everything that the page's template asks for, but pictures and configuration."""
    matrix, claims = read_table(sources.matrix), read_table(sources.claims)
    cards = [read_json(path) for path in sources.cards]
    trained = matrix[matrix["init"] != NONE]
    return {
        "tasks": list(dict.fromkeys(matrix["task"])),
        "models": list(dict.fromkeys(trained["model"])),
        "inits": list(dict.fromkeys(trained["init"])),
        "baselines": [BASELINES[name] for name in matrix["model"].unique() if name in BASELINES],
        "conditions": len(matrix),
        "runs": int((trained["n"] + trained["diverged"]).sum()),
        "headline": headline(claims),
        "beside": beside_baselines(matrix),
        "answers": answers(claims),
        "across": across_table(read_table(sources.summary)),
        "matrix": matrix_table(matrix, everything=False),
        "speed": speed_table(read_table(sources.convergence)),
        "similarity": similarity_table(read_table(sources.similarity))
        if sources.similarity
        else None,
        "probes": probe_table(read_table(sources.probes)) if sources.probes else None,
        "limits": limits(matrix, read_table(sources.rates) if sources.rates else None),
        "data": data_table(cards),
        "cards": cards,
        "made": provenance_of(sources.predictions),
    }


def _with_interval(row: dict[str, Any], name: str, digits: str) -> str:
    value, low, high = row[name], row[f"{name}_low"], row[f"{name}_high"]
    if pd.isna(value):
        return DASH
    return f"{value:{digits}}" + ("" if pd.isna(low) else f" [{low:{digits}}, {high:{digits}}]")


def _brief(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table without settings that never vary."""
    settings = ("model", "init", "mapping", "fraction", "recipe", "tokens", "replicate")
    same = [name for name in settings if name in table and table[name].nunique() == 1]
    return table.drop(columns=same)
