"""What each model of an experiment was pre-trained on; light, because the Snakefile asks."""

from polymath.experiment.base import Typed
from polymath.experiment.config import Experiment
from polymath.experiment.sources import ConfiguredSource, PretrainSource


class Roles(Typed):
    """What comparisons need to know of the models."""

    fields: dict[str, str]
    """The field that each model with weights of its own was pre-trained on."""
    bases: dict[str, str]
    """Of each model pre-trained here, the model whose architecture it has."""


def roles_of(experiment: Experiment) -> Roles:
    """Return the roles of an experiment's models."""
    fields, bases = {}, {}
    for name, entry in experiment.checkpoints.items():
        source = entry.source
        if isinstance(source, PretrainSource):
            fields[name] = experiment.datasets[source.task].domain
            bases[name] = source.base
        elif not (isinstance(source, ConfiguredSource) and source.weights is None):
            fields[name] = entry.domain
    return Roles(fields=fields, bases=bases)
