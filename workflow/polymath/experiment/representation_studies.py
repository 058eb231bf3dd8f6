"""Which models' representations are compared with each other.

Apart from `contrasts`, which pairs conditions by their scores: a study compares models by what they
compute, so its in-domain models must read the same tokens as the text model, one for one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from polymath.experiment.conditions import Condition
from polymath.experiment.config import ALPHABET_MAPPINGS, Experiment
from polymath.experiment.contrasts import PRETRAINED, SCRATCH, TEXT
from polymath.experiment.input_orders import AS_IS
from polymath.experiment.lineage import pretraining_domain
from polymath.experiment.sources import SELF
from polymath.util.errors import PolymathError
from polymath.util.seeds import seed_levels

PairName = Literal["text-domain", "scratch-domain", "text-scratch", "scratch-scratch"]
# What is taken out of hidden states before they are compared, and which of these views the claims
# are judged by; see `analysis.representations.states`.
Centring = Literal["raw", "position", "token"]
CENTRINGS: tuple[Centring, ...] = get_args(Centring)
JUDGED_CENTRING: Centring = "position"
# The mapping under which an in-domain model reads each symbol as what it is.
OWN_MAPPING = "character"


@dataclass(frozen=True)
class RepresentationStudy:
    """A text model on a task, the same one from random weights, and the task's in-domain models."""

    text: Condition
    in_domain: tuple[Condition, ...]

    @property
    def conditions(self) -> list[Condition]:
        """Those whose models are compared: text, random, then in-domain."""
        return [self.text, replace(self.text, init=SCRATCH), *self.in_domain]


@dataclass(frozen=True)
class ModelReplicate:
    """A replicate of one of a study's models, by its place in `RepresentationStudy.conditions`."""

    model: int
    replicate: int


def find_studies(
    experiment: Experiment, conditions: Sequence[Condition]
) -> list[RepresentationStudy]:
    """Return a study for each task, pre-trained text model and mapping.

    Of several fractions and recipes, the largest fraction and the recipe named first are taken;
    they matter after fine-tuning only. An in-domain model is one that was pre-trained on the task's
    domain and whose own tokens the task's symbols are (mapping `character`).

    Raises:
        PolymathError: if no text model begins pre-trained, or there are too few random ones.
    """
    assert experiment.representations is not None
    crossed = {str(stream): count for stream, count in experiment.crossed.items()}
    floor_replicates(experiment.representations.replicates, experiment.runs, crossed)
    recipes = list(experiment.recipes)
    preferred: dict[tuple[str, str, str], Condition] = {}
    for condition in conditions:
        if condition.init == PRETRAINED and condition.input_order == AS_IS:
            key = (condition.task, condition.model, condition.mapping)
            preferred[key] = min(
                preferred.get(key, condition),
                condition,
                key=lambda each: (-float(each.fraction), recipes.index(each.recipe)),
            )
    studies = [
        RepresentationStudy(text, tuple(_in_domain(experiment, text, preferred.values())))
        for text in preferred.values()
        if pretraining_domain(experiment, text.model) == TEXT
    ]
    if not studies:
        raise PolymathError(
            "config: representations: no text model begins pretrained: add one to 'models' and "
            "pretrained to 'initialisations', or remove 'representations'"
        )
    return studies


def _in_domain(
    experiment: Experiment, text: Condition, candidates: Iterable[Condition]
) -> Iterator[Condition]:
    domain = experiment.datasets[text.task].domain
    if domain == TEXT or text.mapping not in ALPHABET_MAPPINGS:
        return
    for condition in candidates:
        if (
            condition.task == text.task
            and condition.mapping == OWN_MAPPING
            and pretraining_domain(experiment, condition.model) in (domain, SELF)
        ):
            yield condition


def list_pairs(
    models: int, replicates: int, floors: Sequence[int]
) -> list[tuple[PairName, ModelReplicate, ModelReplicate]]:
    """Return every pair of models to compare, replicate by replicate.

    Args:
        models: how many the study has, in the order of `RepresentationStudy.conditions`.
        floors: for each replicate, the one whose random weights are compared with its own.
    """
    pairs: list[tuple[PairName, ModelReplicate, ModelReplicate]] = []
    for replicate in range(replicates):
        text, scratch, *in_domain = (ModelReplicate(model, replicate) for model in range(models))
        pairs += [("text-domain", text, model) for model in in_domain]
        pairs += [("scratch-domain", scratch, model) for model in in_domain]
        pairs.append(("text-scratch", text, scratch))
        pairs.append(("scratch-scratch", scratch, replace(scratch, replicate=floors[replicate])))
    return pairs


def floor_replicates(replicates: int, runs: int, crossed: Mapping[str, int]) -> list[int]:
    """Return for each replicate the next one that has other random weights.

    Args:
        replicates: how many of each model are compared.
        runs: how many the experiment has.

    Raises:
        PolymathError: if there is none.
    """
    weights = [seed_levels(replicate, crossed)["init"] for replicate in range(runs)]
    floors = []
    for replicate in range(replicates):
        later = range(replicate + 1, runs)
        floor = next((run for run in later if weights[run] != weights[replicate]), None)
        if floor is None:
            raise PolymathError(
                f"config: representations: {replicates} replicates need {replicates + 1} of the "
                "experiment's that differ in stream init, so that two random models can be "
                "compared: raise 'replicates' or 'crossed'"
            )
        floors.append(floor)
    return floors
