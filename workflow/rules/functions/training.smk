# Functions of the rules that train.

from dataclasses import replace

from polymath.experiment.input_orders import (
    SHUFFLED_INPUT,
    SHUFFLED_TRAINING,
    in_order,
)
from polymath.experiment.lineage import pretrained_here

PRETRAINED_MODELS = list(pretrained_here(EXPERIMENT))


def pretraining_tokens(wildcards):
    """The tokens that a model is pre-trained on; none where they are generated."""
    return REQUESTS.pretraining_inputs(model_source(wildcards)).get("tokens", [])


def pretraining_vocabulary(wildcards):
    """The mapping that a model is pre-trained with; none where tokens are generated."""
    return REQUESTS.pretraining_inputs(model_source(wildcards)).get("vocabulary", [])


def model_of(wildcards):
    """The checkpoint that a model is on a task."""
    return REQUESTS.model_manifest(wildcards.task, wildcards.model)


def pretraining_job(wildcards):
    """What a pre-trained model depends on beside its inputs."""
    return REQUESTS.pretraining_job(wildcards.model)


def pretraining_version(wildcards):
    """The version of the code that pre-trains a model."""
    return EXPERIMENT.checkpoints[wildcards.model].source.code_version


def pretraining_needs(wildcards):
    """Memory and time of a model's pre-training."""
    return COST.pretraining(wildcards.model)


def finetuning_job(wildcards):
    """What a condition's results depend on beside its inputs."""
    return REQUESTS.training_job(Condition(**wildcards))


def finetuning_needs(wildcards):
    """Memory and time of a condition's job."""
    return COST.finetuning(Condition(**wildcards))


SHUFFLED_TEST = replace(PATTERN, recipe=in_order(PATTERN.recipe, SHUFFLED_INPUT))
# What a job predicts beside the test sequences as they are.
SHUFFLED = {"shuffled": PATHS.predictions(SHUFFLED_TEST)}
TESTS_SHUFFLED = SHUFFLED_INPUT in EXPERIMENT.input_orders
SHUFFLED_RECIPES = [
    in_order(recipe, SHUFFLED_TRAINING) for recipe in EXPERIMENT.recipes
]

KEPT_MODELS = {"models": directory(PATHS.kept_models())}
# Tasks whose best arm keeps its models; the others' are deleted once it is known.
TASKS_OF_ONE_BEST = [task for task in EXPERIMENT.tasks if EXPERIMENT.keeps_best(task)]

BEST = [PATHS.best(task) for task in TASKS_OF_ONE_BEST]


def models_to_choose_from(wildcards):
    """Return the folder of a condition's models until its task's best arm is known; else empty."""
    condition = Condition(**wildcards)
    is_candidate = condition.task in TASKS_OF_ONE_BEST
    return str(PATHS.kept_models(condition)) if is_candidate else ""


UNTIL_THE_BEST_IS_KNOWN = {"models": models_to_choose_from}


def baseline_job(wildcards):
    """What a baseline's results depend on beside its tokens."""
    return REQUESTS.training_job(Condition(**wildcards))
