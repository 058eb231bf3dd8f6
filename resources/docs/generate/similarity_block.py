"""What a kept run says about the similarity of representations, by every measure."""

from collections.abc import Iterator

import pandas as pd

from polymath.evaluation.similarity_claim import AGREEING, changes_by_tuning, excesses_over_null
from polymath.experiment.representation_studies import JUDGED_CENTRING
from polymath.reporting.similarity_tables import VIEWS, similarity_tables
from polymath.reporting.tables import to_markdown

NAMES = {measure: measure.upper() for measure in AGREEING}


def describe_similarity(similarity: pd.DataFrame) -> str:
    """Return the tables of every measure, and the sentences that follow from them.

    Args:
        similarity: of one task, text model and in-domain model.
    """
    tables = [
        f"{caption}\n\n{to_markdown(table)}"
        for caption, table in similarity_tables(similarity).items()
    ]
    changes, excesses = changes_by_tuning(similarity), excesses_over_null(similarity)
    sentences = [*_on_change(changes), *_on_level(excesses)]
    count = changes["replicate"].nunique()
    sentences.append(
        f"All numbers are of {count} replicate{'s' * (count > 1)} of one task and one in-domain "
        "model."
    )
    return "\n".join([*tables, *(f"- {sentence}" for sentence in sentences)])


def _on_change(changes: pd.DataFrame) -> Iterator[str]:
    """Yield what fine-tuning changes: in the judged view, and where another has another sign."""
    means = changes.groupby(["centring", "measure"])["number"].mean().unstack()[[*AGREEING]]
    judged = means.loc[JUDGED_CENTRING]
    numbers = ", ".join(f"{NAMES[name]} {value:+.3f}" for name, value in judged.items())
    above = judged > 0
    if above.all() or not above.any():
        yield (
            "By all three measures that a verdict needs, the change by fine-tuning is "
            f"{'higher' if above.all() else 'lower'} for the text model than for random weights "
            f"({numbers})."
        )
    else:
        yield (
            "The measures disagree on whether the change by fine-tuning is higher for the text "
            f"model or for random weights ({numbers}): no verdict."
        )
    for view, name in VIEWS.items():
        turned = [
            measure for measure in AGREEING if (means.loc[view, measure] > 0) != above[measure]
        ]
        if turned:
            yield f"{name.capitalize()}: the sign is another by {_listed(turned)}."
        elif view != JUDGED_CENTRING:
            yield f"{name.capitalize()}: the signs are the same."


def _on_level(excesses: pd.DataFrame) -> Iterator[str]:
    """Yield who is nearer to the in-domain model, and who is above the null."""
    means = excesses.groupby(["state", "arm", "measure"])[["value", "number"]].mean()
    for state in ("before", "after"):
        text, random = (means.loc[(state, arm)].loc[[*AGREEING]] for arm in ("text", "random"))
        nearer = text["value"] > random["value"]
        yield (
            f"{state.capitalize()} fine-tuning the text model is the nearer one by "
            f"{_where(nearer)}, random weights by {_where(~nearer)}."
        )
        yield (
            f"{state.capitalize()} fine-tuning the text model is above the null by "
            f"{_where(text['number'] > 0)}, random weights by {_where(random['number'] > 0)}."
        )


def _where(holds: pd.Series) -> str:
    return _listed([*holds.index[holds]])


def _listed(measures: list[str]) -> str:
    if not measures:
        return "no measure"
    if len(measures) == len(AGREEING):
        return "all three"
    return " and ".join(NAMES[measure] for measure in measures)
