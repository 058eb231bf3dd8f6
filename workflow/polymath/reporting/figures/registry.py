"""The figures: which tables each is drawn from, where a report lists it, and its caption.

The module of a figure's name beside this one draws it. Importing the registry loads neither
pandas nor Matplotlib, so that rules can read it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class FigureEntry:
    """What the rules and reports need to know of a figure."""

    tables: tuple[str, ...]
    """Names of the tables that it is drawn from."""
    category: str
    """Heading in Snakemake's report."""
    caption: str
    """Text under the figure; names in braces are the wildcards of its job."""


FIGURES: dict[str, FigureEntry] = {
    "heatmap": FigureEntry(
        tables=("matrix",),
        category="Matrix",
        caption="Mean test score of every condition with its 95 % interval over replicates "
        "(Student's t), in the task's metric. The colour shows the same score on one scale for all "
        "tasks, from chance to the best possible score.",
    ),
    "matrix": FigureEntry(
        tables=("matrix", "scores", "published"),
        category="Matrix",
        caption="Test scores of every condition. Ticks are replicates, the large mark is their "
        "mean, the line its 95 % interval (Student's t over replicates). The dotted line is "
        "chance: the score of one answer to all items, the most frequent class of the training "
        "split, its commonest labels, or a constant. Black diamonds are baselines. Hollow stars, "
        "if any, are published scores of other, larger models in the same metric; the report says "
        "where their splits differ.",
    ),
    "curves": FigureEntry(
        tables=("curves",),
        category="Learning curves",
        caption="Development score against training examples seen. Thin lines are replicates, the "
        "thick line is their mean, the band their range.",
    ),
    "forest": FigureEntry(
        tables=("comparisons",),
        category="Evidence",
        caption="Paired differences of test scores. Ticks are pairs of replicates and the mark is "
        "their mean. The thin line is the 95 % interval of the test, over other seeds and other "
        "test items together; the broad band is over other test items alone (bootstrap).",
    ),
    "speed": FigureEntry(
        tables=("convergence",),
        category="Evidence",
        caption="Relative speed: the share of the training budget by which an arm is earlier "
        "than random weights, each at 90 % of the way from chance to its own mean final score on "
        "the development set. Ticks are pairs of replicates, the line is a 95 % interval "
        "(Student's t). Runs that never arrive count as the whole budget. On the right, the time "
        "to the same score, 90 % of the way to the better arm's end: the ratio of the mean times "
        "with its 95 % BCa interval, and how many runs of each arm arrived.",
    ),
    "scatter": FigureEntry(
        tables=("values",),
        category="Evidence",
        caption="Predicted against true values of the test items, for the best arm on the "
        "development set, replicates averaged. On the dotted line they are equal.",
    ),
    "fractions": FigureEntry(
        tables=("estimates",),
        category="Evidence",
        caption="Mean test score against the fraction of the training data, with 95 % intervals "
        "over replicates (Student's t).",
    ),
    "effective_data": FigureEntry(
        tables=("effective_data",),
        category="Evidence",
        caption="Effective data transferred: how many times the training data random weights need "
        "for the score of an arm. Above the line at 1, the arm saves data. The lines are 95 % "
        "intervals (percentile bootstrap over pairs of replicates, without other test items). "
        "Hollow marks are bounds: on the upper dotted line, random weights do not reach the score "
        "on all of their data. An interval that ends at a dotted line is open there.",
    ),
    "rates": FigureEntry(
        tables=("rates",),
        category="Evidence",
        caption="Mean final development score at each learning rate that was tried, with 95 % "
        "intervals over replicates (Student's t). A ring marks the chosen rate.",
    ),
    "variance": FigureEntry(
        tables=("variance",),
        category="Evidence",
        caption="Standard deviation of the test score due to each seed stream alone, and due to "
        "their interactions (method of moments; a component below zero is drawn at zero).",
    ),
    "probes": FigureEntry(
        tables=("probes",),
        category="Probes",
        caption="How trainable each model is before training, one panel per probe. Ticks are "
        "replicates, the mark is their mean. resources/docs/probes.md describes each probe.",
    ),
    "card": FigureEntry(
        tables=("card", "shortcuts"),
        category="Data cards",
        caption="The data of {task} after preparation: records per class and split, their lengths, "
        "how many rows were left out, how many test records have a near neighbour in "
        "training, and the best rule on one feature (chosen on train, scored on test).",
    ),
    "layers": FigureEntry(
        tables=("similarity",),
        category="Representations",
        caption="Debiased CKA of every pair of layers of two models on the same tokens of {task}, "
        "less the mean state of each position. Layer 0 is the output of the embeddings. Two random "
        "models show the level without learning.",
    ),
    "depth": FigureEntry(
        tables=("similarity", "heads"),
        category="Representations",
        caption="Similarity of layers at the same relative depth on {task}, less the mean state of "
        "each position. Bands are 1.96 bootstrap standard errors over blocks of sequences. 95 % of "
        "the null stay below the dotted lines: each token meets one at the same position of "
        "another sequence. Two random models (dashed) are the floor. The last panel is the "
        "total variation distance between the attention of matched heads.",
    ),
}

TABLE_CAPTIONS = {
    "matrix": "One row per condition: mean test score with its 95 % interval over n replicates, "
    "and the paired difference from the same replicates trained from random weights.",
    "claims": "What the results say about each claim, task by task: supported, "
    "contradicted or undecided, by one rule.",
}
