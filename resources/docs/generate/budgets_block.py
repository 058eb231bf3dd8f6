"""How far apart text model and random weights end in a short experiment and in a long one."""

import pandas as pd

from polymath.reporting.tables import format_estimate, format_number, to_markdown

ARMS = {"scratch": "random weights", "pretrained": "text model"}


def describe_budgets(runs: dict[str, pd.DataFrame]) -> str:
    """Return a table of the scores and differences of several runs of the same tasks.

    Args:
        runs: matrices of text models and random weights alone, by the name of the run.
    """
    columns = {name: _by_task(matrix) for name, matrix in runs.items()}
    common = [
        task for task in next(iter(columns.values())) if all(task in by for by in columns.values())
    ]
    rows = [
        {"task": task}
        | {
            f"{column}, {name}": text
            for name, by in columns.items()
            for column, text in by[task].items()
        }
        for task in common
    ]
    return to_markdown(pd.DataFrame(rows))


def _by_task(matrix: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Return per task each arm's mean score and their difference with its interval."""
    means = matrix.set_index(["task", "init"])["mean"]
    return {
        row["task"]: {
            **{arm: format_number(means[row["task"], init]) for init, arm in ARMS.items()},
            "difference [95 %]": format_estimate(
                row["difference"], row["difference_low"], row["difference_high"], "+.3f"
            ),
        }
        for row in matrix[matrix["init"] == "pretrained"].to_dict("records")
    }
