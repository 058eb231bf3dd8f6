"""How long a dry run of a large configuration takes: python tests/benchmarks/planning.py

Plans a matrix of about 5,000 conditions with Snakemake's own scheduler of the default
profile, and, as the named rival in the same run, a bare Snakefile with as many jobs and
nothing else; prints both and their ratio.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
TASKS, FRACTIONS, RECIPES = 100, 5, 5  # × 2 initialisations = 5,000 conditions

BARE = """
rule all:
    input: [f"runs/{n}.scores" for n in range(CONDITIONS)]
rule evaluate:
    input: "runs/{n}.predictions"
    output: "runs/{n}.scores"
    shell: "cp {input} {output}"
rule finetune:
    output: "runs/{n}.predictions"
    shell: "touch {output}"
"""


def large_config(folder: Path) -> Path:
    """Write a configuration of 5,000 conditions over own CSV files."""
    (folder / "data.csv").write_text("sequence,label\nACGT,a\n")
    dataset = {
        "domain": "dna",
        "source": {"kind": "path", "path": "data.csv"},
        "reader": {"format": "csv"},
        "alphabet": "dna",
    }
    recipe = {"batch_size": 16, "steps": 10}
    config = {
        "tasks": [f"task{number}" for number in range(TASKS)],
        "datasets": {f"task{number}": dataset for number in range(TASKS)},
        "models": ["minilm-l6"],
        "fractions": [(number + 1) / FRACTIONS for number in range(FRACTIONS)],
        "recipes": {
            f"recipe{number}": {**recipe, "learning_rate": 0.0001 * (number + 1)}
            for number in range(RECIPES)
        },
    }
    path = folder / "large.yaml"
    path.write_text(json.dumps(config))
    return path


def dry_run(folder: Path, *arguments: str) -> tuple[float, str]:
    """Return the seconds of a dry run and its last lines."""
    snakemake = Path(sys.executable).with_name("snakemake")
    command = [str(snakemake), "--dry-run", "--quiet", "rules", "--cores=1", *arguments]
    started = time.monotonic()
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(result.stderr)
    return time.monotonic() - started, result.stdout


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours, output = dry_run(
            folder,
            f"--snakefile={ROOT / 'Snakefile'}",
            "--replace-workflow-config",
            f"--configfile={large_config(folder)}",
        )
        jobs = next(line for line in output.splitlines() if line.startswith("total")).split()[1]
        conditions = TASKS * FRACTIONS * RECIPES * 2
        bare = folder / "Bare.smk"
        bare.write_text(f"CONDITIONS = {conditions}\n{BARE}")
        rival, _ = dry_run(folder, f"--snakefile={bare}")
    print(f"{conditions} conditions, {jobs} jobs: {ours:.1f} s")
    print(f"bare Snakemake, {2 * conditions + 1} jobs: {rival:.1f} s")
    print(f"ratio: {ours / rival:.2f}")


if __name__ == "__main__":
    main()
