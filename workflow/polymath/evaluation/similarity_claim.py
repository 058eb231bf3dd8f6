"""The claims about representations: what fine-tuning changes, and what pre-trained models share.

A replicate's similarity to an in-domain model is the mean over layers at the same relative depth, 1
to the last. Layer 0, the embeddings' output, is left out: there models differ in their vocabularies
before they have computed anything. Two numbers are made of it:

- `similar`: (text after - text before) - (random after - random before), before and after
  fine-tuning. What is there from the start, and what any training brings, cancels out.
- `shared`: the text model before fine-tuning, less the 95 % level of a null that keeps positions.
  This is the reading of Kao and Lee: text and in-domain models share more than chance. Where random
  weights do as well, the verdict says so.

Measures disagree easily, because each answers to another property of the states. A verdict needs
three of them (`AGREEING`) to have the same sign; the first gives the number that is tested.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from polymath.evaluation.comparisons import HALFWAY
from polymath.evaluation.qualifiers import join_qualifiers
from polymath.evaluation.statistics import estimate_mean
from polymath.experiment.representation_studies import JUDGED_CENTRING

AGREEING = ("cka", "rsa", "pwcca")
MEASURE = AGREEING[0]
STUDY = ("task", "mapping", "model", "reference")
NOT_MEASURED = {
    "similar": "similarity before and after fine-tuning was not measured",
    "shared": "similarity of models before fine-tuning was not measured",
}
# What verdicts on similarity must be read with.
RANDOM_TOO = "for random weights too"
SEEDS_ALONE = "over seeds alone"
FALLS = "though the similarity itself falls"
OTHER_SIGN = "with the opposite sign by {measures} where {view}"
_VIEWS = {"token": "token means are taken out", "raw": "nothing is taken out"}
_ARMS = {"text-domain": "text", "scratch-domain": "random"}
_STATES = {"initial": "before", "fine-tuned": "after"}


def depth_means(similarity: pd.DataFrame) -> pd.DataFrame:
    """Return the similarity of text and random models to in-domain ones, averaged over depth.

    Returns:
        Columns of `STUDY`, replicate, centring, measure, arm (text or random), state (before or
        after), value and null_high (NaN where there is no null).
    """
    chosen = similarity["pair"].isin(_ARMS) & similarity["matched"] & (similarity["layer_a"] > 0)
    rows = similarity[chosen].rename(
        columns={"model_a": "model", "model_b": "reference", "replicate_a": "replicate"}
    )
    rows = rows.assign(arm=rows["pair"].map(_ARMS), state=rows["state"].map(_STATES))
    keys = [*STUDY, "replicate", "centring", "measure", "arm", "state"]
    return rows.groupby(keys, sort=False)[["value", "null_high"]].mean().reset_index()


def changes_by_tuning(similarity: pd.DataFrame) -> pd.DataFrame:
    """Return what fine-tuning changes in each replicate that has both arms before and after it.

    Returns:
        Columns of `STUDY`, replicate, centring, measure, text_before, text_after, random_before,
        random_after and number.
    """
    means = depth_means(similarity)
    means["side"] = means["arm"] + "_" + means["state"]
    keys = [*STUDY, "replicate", "centring", "measure"]
    wide = means.pivot_table(index=keys, columns="side", values="value", sort=False)
    sides = [f"{arm}_{state}" for arm in _ARMS.values() for state in _STATES.values()]
    wide = wide.reindex(columns=sides).dropna()
    text, random = (wide[f"{arm}_after"] - wide[f"{arm}_before"] for arm in _ARMS.values())
    return wide.assign(number=text - random).reset_index()


def excesses_over_null(similarity: pd.DataFrame) -> pd.DataFrame:
    """Return how far each model's similarity exceeds the null, by replicate and state.

    Returns:
        Columns of `STUDY`, replicate, measure, arm, state, value, null_high and number.
    """
    means = depth_means(similarity)
    means = means[means["centring"] == JUDGED_CENTRING].drop(columns="centring")
    return means.assign(number=means["value"] - means["null_high"])


def similarity_rows(
    similarity: pd.DataFrame, comparisons: pd.DataFrame
) -> Iterator[dict[str, Any]]:
    """Yield the rows of the claims `similar` and `shared`, with a number per replicate.

    Args:
        comparisons: of test scores, which say how the same models' learning rates were chosen.
    """
    changes, excesses = changes_by_tuning(similarity), excesses_over_null(similarity)
    for names, rows in _studies(changes):
        views = {view: _by_measure(part) for view, part in rows.groupby("centring")}
        judged = rows[(rows["centring"] == JUDGED_CENTRING) & (rows["measure"] == MEASURE)]
        falls = judged["text_after"].mean() < judged["text_before"].mean()
        qualifiers = [
            _qualifier_of_rates(comparisons, names),
            SEEDS_ALONE,
            FALLS if falls and judged["number"].mean() > 0 else "",
            *_other_signs({view: measured.mean() for view, measured in views.items()}),
        ]
        qualifier, numbers = join_qualifiers(qualifiers), _judged(views[JUDGED_CENTRING])
        yield {"claim": "similar", **names, "qualifier": qualifier, **numbers}
    for names, rows in _studies(excesses[excesses["state"] == "before"]):
        text, random = (_by_measure(rows[rows["arm"] == arm]) for arm in _ARMS.values())
        too = bool(len(random)) and _sign(random) > 0
        qualifier = join_qualifiers([RANDOM_TOO if too else "", SEEDS_ALONE])
        yield {"claim": "shared", **names, "qualifier": qualifier, **_judged(text)}


def _qualifier_of_rates(comparisons: pd.DataFrame, study: Mapping[str, Any]) -> str:
    """Return how the learning rates of a study's fine-tuned models qualify a verdict on them.

    A study is of the largest fraction and the recipe named first.
    """
    halfway = comparisons[comparisons["against"] == HALFWAY]
    halfway = halfway.rename(columns={"reference_model": "reference"})
    same = halfway[(halfway[[*STUDY]] == [study[name] for name in STUDY]).all(axis=1)]
    largest = same[same["fraction"].astype(float) == same["fraction"].astype(float).max()]
    return "" if largest.empty else str(largest["qualifier"].iloc[0])


def _other_signs(views: Mapping[str, pd.Series]) -> Iterator[str]:
    """Yield the measures whose sign in another view is not that of the verdict."""
    sign = np.sign(views[JUDGED_CENTRING][MEASURE])
    for view, words in _VIEWS.items():
        if view not in views:
            continue
        turned = [name.upper() for name in AGREEING if np.sign(views[view][name]) == -sign]
        if turned:
            yield OTHER_SIGN.format(measures=" and ".join(turned), view=words)


def _studies(table: pd.DataFrame) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    for study, rows in table.groupby([*STUDY], sort=False):
        yield {**dict(zip(STUDY, study, strict=True)), "fraction": "", "recipe": ""}, rows


def _by_measure(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers as (replicates, measures)."""
    return rows.pivot_table(index="replicate", columns="measure", values="number")


def _sign(measured: pd.DataFrame) -> int:
    """Return the sign that the agreeing measures share, or 0."""
    signs = np.sign(measured[[*AGREEING]].mean()).sum()
    return int(signs / len(AGREEING))


def _judged(measured: pd.DataFrame) -> dict[str, Any]:
    """Return the columns that a verdict needs, from (replicates, measures)."""
    differences = measured[MEASURE].to_numpy()
    mean = estimate_mean(differences)
    means = measured[[*AGREEING]].mean()
    signed = ", ".join(f"{name.upper()} {value:+.3f}" for name, value in means.items())
    return {
        "value": mean.mean,
        "low": mean.low,
        "high": mean.high,
        "n": mean.n,
        "differences": differences,
        "reason": "" if _sign(measured) else f"the measures disagree: {signed}",
    }
