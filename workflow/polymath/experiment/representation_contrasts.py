"""Which models' representations are held against each other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from polymath.experiment.conditions import Condition
from polymath.experiment.config import ALPHABET_MAPPINGS, Experiment
from polymath.experiment.lineage import pretraining_domain
from polymath.util.errors import PolymathError
from polymath.util.seeds import seed_levels

Role = Literal["text", "scratch", "domain"]
PairName = Literal["text-domain", "scratch-domain", "text-scratch", "scratch-scratch"]
TEXT = "text"
# The in-domain model reads each symbol as what it is.
OWN_MAPPING = "character"


@dataclass(frozen=True)
class Arm:
    """A condition, and what it is in a comparison."""

    role: Role
    condition: Condition


@dataclass(frozen=True)
class Side:
    """A replicate of one of a comparison's arms, by their places."""

    arm: int
    replicate: int


@dataclass(frozen=True)
class Comparison:
    """A text model on a task, the same one from random weights, and the task's in-domain models."""

    text: Condition
    domain: tuple[Condition, ...]

    @property
    def arms(self) -> list[Arm]:
        """Every condition, the text model and the random one first."""
        scratch = replace(self.text, init="scratch")
        domain = [Arm("domain", one) for one in self.domain]
        return [Arm("text", self.text), Arm("scratch", scratch), *domain]


def expand_comparisons(experiment: Experiment, conditions: list[Condition]) -> list[Comparison]:
    """Return a comparison for each task, pre-trained text model and mapping.

    Of several fractions and recipes, the largest fraction and the recipe named first are taken;
    they matter after fine-tuning only. An in-domain model is one that was pre-trained on the task's
    domain and whose own tokens the task's symbols are (mapping `character`): only then do both
    models read the same tokens, one for one.

    Raises:
        PolymathError: if no text model begins pre-trained, or there are too few random ones.
    """
    assert experiment.representations is not None
    crossed = {str(stream): count for stream, count in experiment.crossed.items()}
    floor_replicates(experiment.representations.replicates, experiment.runs, crossed)
    recipes = list(experiment.recipes)
    chosen: dict[tuple[str, str, str], Condition] = {}
    for one in conditions:
        if one.is_baseline or one.init != "pretrained":
            continue
        key = (one.task, one.model, one.mapping)
        chosen[key] = min(
            chosen.get(key, one),
            one,
            key=lambda c: (-float(c.fraction), recipes.index(c.recipe)),
        )
    comparisons = [
        Comparison(text, tuple(_in_domain(experiment, text, list(chosen.values()))))
        for text in chosen.values()
        if pretraining_domain(experiment, text.model) == TEXT
    ]
    if not comparisons:
        raise PolymathError(
            "config: representations: no text model begins pretrained: add one to 'models' and "
            "pretrained to 'initialisations', or remove 'representations'"
        )
    return comparisons


def _in_domain(
    experiment: Experiment, text: Condition, others: list[Condition]
) -> Iterator[Condition]:
    domain = experiment.datasets[text.task].domain
    if domain == TEXT or text.mapping not in ALPHABET_MAPPINGS:
        return
    for one in others:
        if (
            one.task == text.task
            and one.mapping == OWN_MAPPING
            and pretraining_domain(experiment, one.model) == domain
        ):
            yield one


def pair_sides(
    arms: list[Arm], replicates: int, floors: list[int]
) -> list[tuple[PairName, Side, Side]]:
    """Return every pair to compare.

    Args:
        floors: of each replicate, the one whose random weights are held against its own.
    """
    text, scratch = 0, 1
    domains = range(2, len(arms))
    pairs: list[tuple[PairName, Side, Side]] = []
    for r in range(replicates):
        pairs += [("text-domain", Side(text, r), Side(place, r)) for place in domains]
        pairs += [("scratch-domain", Side(scratch, r), Side(place, r)) for place in domains]
        pairs.append(("text-scratch", Side(text, r), Side(scratch, r)))
        pairs.append(("scratch-scratch", Side(scratch, r), Side(scratch, floors[r])))
    return pairs


def floor_replicates(replicates: int, runs: int, crossed: Mapping[str, int]) -> list[int]:
    """Return for each replicate the next one that has other random weights.

    Args:
        runs: replicates that there are in all.

    Raises:
        PolymathError: if there is none.
    """
    weights = [seed_levels(replicate, crossed)["init"] for replicate in range(runs)]
    found = []
    for r in range(replicates):
        others = [other for other in range(r + 1, runs) if weights[other] != weights[r]]
        if not others:
            raise PolymathError(
                f"config: representations: {replicates} replicates need {replicates + 1} of the "
                "experiment's that differ in stream init: two random models are the floor: raise "
                "'replicates' or 'crossed'"
            )
        found.append(others[0])
    return found
