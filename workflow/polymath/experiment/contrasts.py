"""Which condition is compared with which: with random weights, and with in-domain models."""

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from polymath.experiment.conditions import Condition
from polymath.experiment.lineage import Lineage
from polymath.experiment.sources import SELF

SCRATCH, PRETRAINED = "scratch", "pretrained"
TEXT = "text"
# An in-domain model knows its domain by the domain's own symbols, not by other tokens.
OWN_SYMBOLS = ("character", "identity")
Against = Literal["scratch", "in-domain"]

# What names a contrast in a table.
CONTRAST_COLUMNS = (
    *Condition.__dataclass_fields__, "domain", "against", "reference_model", "reference_init",
    "reference_mapping",
)  # fmt: skip


@dataclass(frozen=True)
class Contrast:
    """A condition and the one it is compared with, replicate by replicate."""

    condition: Condition
    reference: Condition
    against: Against

    def columns(self, domain: str) -> dict[str, str]:
        """Return what names the contrast in a table."""
        reference = self.reference
        values = (*self.condition.columns.values(), domain, self.against, reference.model,
                  reference.init, reference.mapping)  # fmt: skip
        return dict(zip(CONTRAST_COLUMNS, values, strict=True))


def find_contrasts(
    conditions: Sequence[Condition], domains: Mapping[str, str], lineage: Lineage
) -> list[Contrast]:
    """Return all contrasts that an experiment's conditions allow, given the domain of each task.

    - scratch: each condition with the same from random weights.
    - in-domain: each model pre-trained on text with each one that was pre-trained on the task's
      own domain and sees its own symbols; task, fraction and recipe are the same.
    """
    known = set(conditions)
    in_domain = defaultdict(list)
    for condition in conditions:
        if knows_domain(condition, domains[condition.task], lineage):
            in_domain[_setting(condition)].append(condition)
    contrasts = []
    for condition in conditions:
        if condition.init != SCRATCH and not condition.is_baseline:
            scratch = find_scratch(condition, known, lineage.bases)
            if scratch is not None:
                contrasts.append(Contrast(condition, scratch, "scratch"))
        if knows_text_alone(condition, domains[condition.task], lineage):
            references = in_domain[_setting(condition)]
            contrasts += [Contrast(condition, reference, "in-domain") for reference in references]
    return contrasts


def _setting(condition: Condition) -> tuple[str, str, str]:
    return condition.task, condition.fraction, condition.recipe


def find_scratch(
    condition: Condition, known: Container[Condition], bases: Mapping[str, str]
) -> Condition | None:
    """Return the same condition from scratch, if the experiment has it.

    From scratch, a model that was pre-trained here is its base: where it was not trained itself,
    the base stands for it.
    """
    model: str | None = condition.model
    while model is not None:
        scratch = replace(condition, model=model, init=SCRATCH)
        if scratch in known:
            return scratch
        model = bases.get(model)
    return None


def knows_text_alone(condition: Condition, domain: str, lineage: Lineage) -> bool:
    """Whether it starts from a text model's weights and its symbols tell it nothing.

    A text model on text as it is (identity) has knowledge of the task.
    """
    is_text = condition.init == PRETRAINED and lineage.domains.get(condition.model) == TEXT
    return is_text and not (domain == TEXT and condition.mapping == "identity")


def knows_domain(condition: Condition, domain: str, lineage: Lineage) -> bool:
    """Whether it starts from weights that were pre-trained on the task's own domain, not text.

    Those that were pre-trained on the task's own sequences were.
    """
    return (
        condition.init == PRETRAINED
        and domain != TEXT
        and lineage.domains.get(condition.model) in (domain, SELF)
        and condition.mapping in OWN_SYMBOLS
    )
