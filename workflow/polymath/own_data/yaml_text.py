"""Write a drafted configuration as YAML with comments."""

import json
import re
from pathlib import Path
from typing import Any

from polymath.own_data.budget import BATCH, MODEL, RATES
from polymath.own_data.draft import Draft

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
# Words that YAML reads as something else.
NOT_TEXT = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null"])
HEAD = "# Drafted by `python -m polymath new`; resources/docs/configuration.md has all keys."
WIDTH = 34  # columns before a comment


def write_yaml(draft: Draft, path: Path) -> None:
    """Write a drafted configuration to a new file.

    Raises:
        FileExistsError: if there is one already.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(format_yaml(draft))


def format_yaml(draft: Draft) -> str:
    """Return a drafted configuration as YAML with comments."""
    budget, rows = draft.budget, draft.counts["train"]
    passes = budget.steps * BATCH / max(1, rows)
    rates = ", ".join(map(_format_rate, RATES))
    lines = [
        (f"results: results-{draft.name}", ""),
        (f"replicates: {budget.replicates}", "the fewest that can decide"),
        (f"tasks: [{draft.name}]", ""),
        (f"models: [{MODEL}]", "and random weights; minilm-l6 takes twice as long"),
        ("baselines: [ngram]", "a linear model, for comparison"),
        ("recipes:", ""),
        (f"  short: {{learning_rate: [{rates}],", "the best on dev is taken"),
        (f"          steps: {budget.steps},", f"{passes:.1f} passes over {rows:,} rows"),
        (f"          batch_size: {BATCH}, warmup: 0.1, clip_norm: 1,", ""),
        ("          evaluations: 16}", "points on the learning curve: speed is read off them"),
        ("datasets:", ""),
        (f"  {draft.name}:", ""),
    ]
    for key, value in draft.entry.items():
        lines.append((f"    {key}: {format_value(value)}", draft.comments.get(key, "")))
    commented = (f"{line:<{WIDTH}} # {note}" if note else line for line, note in lines)
    return "\n".join([HEAD, *commented]) + "\n"


def _format_rate(rate: float) -> str:
    mantissa, exponent = f"{rate:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def format_value(value: Any) -> str:
    """Return a value as YAML in one line."""
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{format_value(k)}: {format_value(v)}" for k, v in value.items()) + "}"
        )
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(format_value, value))}]"
    if not isinstance(value, str):
        return json.dumps(value)
    if PLAIN.fullmatch(value) and value.lower() not in NOT_TEXT:
        return value
    if not value.isprintable():  # YAML folds or refuses line breaks of Unicode, and controls
        return f'"{"".join(map(_escape, value))}"'
    return "'" + value.replace("'", "''") + "'"


def _escape(character: str) -> str:
    is_plain = character.isprintable() and character not in '"\\'
    return character if is_plain else f"\\U{ord(character):08X}"
