"""Score one condition's predictions."""

from pathlib import Path

from pandas import isna

from polymath.conditions import Condition
from polymath.evaluate import evaluate
from polymath.logs import job, say

with job(snakemake.log[0], Condition(**snakemake.wildcards).title):
    table = evaluate(Path(snakemake.input[0]), snakemake.params.metric, Path(snakemake.output[0]))
    test = table[table["headline"] & (table["split"] == "test")]["value"]
    shown = ["diverged" if isna(value) else f"{value:.3f}" for value in test]
    say(f"test {snakemake.params.metric} " + ", ".join(shown))
