"""What pre-training costs beside the fine-tuning that follows it."""

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from polymath.experiment.conditions import Condition
from polymath.experiment.lineage import checkpoint_of, pretrained_here
from polymath.experiment.recipes import Schedule

if TYPE_CHECKING:
    from polymath.planning.plan import Plan


def describe_pretraining(plan: "Plan") -> Iterator[str]:
    """Yield a line per model that is pre-trained here and recipe: on each task, its FLOPs beside
    those of one run, and the steps from scratch that cost as much as both together.
    """
    lines: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for condition in plan.conditions:
        if condition.is_baseline or not condition.is_trained:
            continue
        checkpoint = checkpoint_of(plan.experiment, condition.task, condition.model)
        if checkpoint in pretrained_here(plan.experiment):
            words = _beside_a_run(plan, condition, checkpoint)
            if words:
                lines[condition.model, condition.base_recipe][condition.task] = words
    for (model, recipe), tasks in lines.items():
        beside = ", ".join(f"{task} {words}" for task, words in tasks.items())
        yield f"pre-training of {model}, in runs of recipe {recipe}: {beside}"


def _beside_a_run(plan: "Plan", condition: Condition, checkpoint: str) -> str:
    """Return the comparison of one condition; nothing where a size is not known yet."""
    flops, cost = plan.pretraining_cost(checkpoint), plan.cost(condition)
    task = plan.task_size(condition.task, condition.model, condition.mapping)
    if flops is None or task is None or not cost.flops:
        return ""
    share = flops * cost.runs / cost.flops
    recipe = plan.experiment.recipes[condition.base_recipe]
    examples = max(1, round(task.train * float(condition.fraction)))
    steps = round(Schedule(recipe, examples).steps * (1 + share))
    return f"{share:.1f} (both together: {steps:,} steps)"
