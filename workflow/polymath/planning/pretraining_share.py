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
    """Yield a line per model that is pre-trained here, recipe and fraction: on each task, its FLOPs
    beside those of one run, and the steps from scratch that cost as much as both together.
    """
    lines: dict[tuple[str, str, str], dict[str, str]] = defaultdict(dict)
    for condition in plan.conditions:
        if condition.is_baseline or not condition.is_trained:
            continue
        checkpoint = checkpoint_of(plan.experiment, condition.task, condition.model)
        if checkpoint in pretrained_here(plan.experiment):
            words = _beside_a_run(plan, condition, checkpoint)
            if words:
                names = (condition.model, condition.base_recipe, condition.fraction)
                lines[names][condition.task] = words
    for (model, recipe, fraction), tasks in lines.items():
        beside = ", ".join(f"{task} {words}" for task, words in tasks.items())
        share = "" if fraction == "1" else f" on {fraction} of the data"
        yield f"pre-training of {model}, in runs of recipe {recipe}{share}: {beside}"


def _beside_a_run(plan: "Plan", condition: Condition, checkpoint: str) -> str:
    """Return the comparison of one condition; nothing where a size is not known yet."""
    flops, cost = _with_bases(plan, checkpoint), plan.cost(condition)
    task = plan.task_size(condition.task, condition.model, condition.mapping)
    if flops is None or task is None or not cost.flops:
        return ""
    share = flops * cost.runs / cost.flops
    recipe = plan.experiment.recipes[condition.base_recipe]
    examples = max(1, round(task.train * float(condition.fraction)))
    steps = round(Schedule(recipe, examples).steps * (1 + share))
    return f"{share:.1f} (both together: {steps:,} steps)"


def _with_bases(plan: "Plan", checkpoint: str) -> float | None:
    """Return the FLOPs of a pre-training, with that of a base whose weights it starts from."""
    here = pretrained_here(plan.experiment)
    flops = plan.pretraining_cost(checkpoint)
    source = here[checkpoint]
    if flops is None or source.init != "pretrained" or source.base not in here:
        return flops
    before = _with_bases(plan, source.base)
    return None if before is None else flops + before
