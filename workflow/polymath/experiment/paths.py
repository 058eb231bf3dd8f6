"""Where every file of an experiment's results lies; no other module spells these paths."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from polymath.experiment.conditions import Condition

MANIFEST = "manifest.json"  # which `polymath.util.identity` knows by this name, too
PREDICTIONS, CURVES = "predictions.parquet", "curves.parquet"
TOKENS_TABLE = "tokens.parquet"
PRETRAINING_CURVE = "curve.parquet"
KEPT_MODELS = "models"  # in a condition's folder
REPLICATES_FOLDER = ".replicates"  # in a condition's folder: finished ones and checkpoints
STORED_MODEL = ".model"  # how the name of a finished replicate's model ends there
PRETRAINING_FOLDER = ".pretraining"  # in a model's folder: what its pre-training needs to resume
FROZEN_FOLDER = ".config"  # of configurations as they were when jobs were submitted
PATTERN = Condition(*(f"{{{field}}}" for field in Condition.__dataclass_fields__))
"""A condition whose fields are Snakemake's wildcards."""


@dataclass(frozen=True)
class ResultPaths:
    """The layout of a folder of results.

    Each method returns one file or folder. Called without arguments it returns the pattern with
    Snakemake's wildcards, so that rules and library name a file by the same method.
    """

    root: Path

    @classmethod
    def of(cls, results: str | Path) -> "ResultPaths":
        """Return the layout of the folder that an experiment's key `results` names."""
        return cls(Path(results))

    def raw_manifest(self, task: str = "{task}") -> Path:
        """Manifest of a task's raw files, which lie beside it."""
        return self.root / "raw" / task / MANIFEST

    def model_manifest(self, model: str = "{model}") -> Path:
        """Manifest of a model's files, which lie beside it."""
        return self.root / "models" / model / MANIFEST

    def pretraining_curve(self, model: str = "{model}") -> Path:
        """Learning curve of a model that was pre-trained here."""
        return self.root / "models" / model / PRETRAINING_CURVE

    def records(self, task: str = "{task}") -> Path:
        """A task's examples with their splits."""
        return self.root / "records" / f"{task}.parquet"

    def card(self, task: str = "{task}", kind: str = "json") -> Path:
        """A task's data card: numbers (json) or figure (svg, png, csv)."""
        return self.root / "cards" / f"{task}.{kind}"

    def shortcuts(self, task: str = "{task}") -> Path:
        """What makes a task easier than it looks."""
        return self.root / "shortcuts" / f"{task}.json"

    def tokens(self, task: str = "{task}", tokenizer: str = "{tokenizer}") -> Path:
        """A task's examples as symbol ids."""
        return self._tokens(task, tokenizer) / TOKENS_TABLE

    def symbols(self, task: str = "{task}", tokenizer: str = "{tokenizer}") -> Path:
        """The tokenizer.json that made a task's symbol ids."""
        return self._tokens(task, tokenizer) / "tokenizer.json"

    def _tokens(self, task: str, tokenizer: str) -> Path:
        return self.root / "tokens" / f"task={task}" / f"tokenizer={tokenizer}"

    def vocabulary(
        self, task: str = "{task}", model: str = "{model}", mapping: str = "{mapping}"
    ) -> Path:
        """The token id of each symbol, per replicate."""
        folder = self.root / "vocabulary" / f"task={task}" / f"model={model}"
        return folder / f"mapping={mapping}" / "vocabulary.parquet"

    @property
    def runs(self) -> Path:
        """The folder of all conditions."""
        return self.root / "runs"

    def run(self, condition: Condition = PATTERN) -> Path:
        """The folder of one condition, one level per field."""
        return self.runs / condition.path

    def predictions(self, condition: Condition = PATTERN) -> Path:
        """A condition's predictions on dev and test, all replicates."""
        return self.run(condition) / PREDICTIONS

    def curves(self, condition: Condition = PATTERN) -> Path:
        """A condition's learning curves, all replicates."""
        return self.run(condition) / CURVES

    def kept_models(self, condition: Condition = PATTERN) -> Path:
        """The folder of a condition's trained models, where the configuration keeps them."""
        return self.run(condition) / KEPT_MODELS

    def best(self, task: str = "{task}") -> Path:
        """Which of a task's conditions is best on dev, and where its trained models are kept."""
        return self.root / "best" / f"{task}.json"

    def tables_of_source(self, task: str) -> Iterator[Path]:
        """Tables of a task that state its source: records, tokens, and the first predictions."""
        yield from (path for path in [self.records(task)] if path.is_file())
        yield from sorted((self.root / "tokens" / f"task={task}").glob(f"*/{TOKENS_TABLE}"))
        yield from islice((self.runs / f"task={task}").rglob(PREDICTIONS), 1)

    def tables_of_model(self, model: str) -> Iterator[Path]:
        """Tables that state a model's source: the first predictions of each task."""
        for folder in sorted(self.runs.glob(f"task=*/model={model}")):
            yield from islice(folder.rglob(PREDICTIONS), 1)

    def all_predictions(self) -> list[Path]:
        """The predictions of every finished condition, of whatever experiment, sorted."""
        return sorted(self.runs.rglob(PREDICTIONS))

    def all_curves(self) -> list[Path]:
        """The learning curves of every finished condition, of whatever experiment, sorted."""
        return sorted(self.runs.rglob(CURVES))

    def scores(self, task: str = "{task}") -> Path:
        """The scores of a task's conditions."""
        return self.root / "scores" / f"{task}.parquet"

    def matrix(self, kind: str = "parquet") -> Path:
        """All conditions in one table: parquet, csv or md."""
        return self.root / f"matrix.{kind}"

    def evidence(self, name: str = "{name}") -> Path:
        """A table derived from scores and curves: estimates, comparisons, convergence, …"""
        return self.root / "evidence" / f"{name}.parquet"

    @property
    def looks(self) -> Path:
        """At which numbers of replicates each claim was judged: kept while replicates are added."""
        return self.root / "evidence" / "looks.json"

    def claims(self, kind: str = "parquet") -> Path:
        """The verdict on each claim: parquet or md."""
        return self.root / f"claims.{kind}"

    def representations(
        self,
        name: str,
        task: str = "{task}",
        model: str = "{model}",
        mapping: str = "{mapping}",
    ) -> Path:
        """A file on the representations of a task's models: `similarity.parquet`, `layers.svg`."""
        folder = self.root / "representations" / f"task={task}" / f"model={model}"
        return folder / f"mapping={mapping}" / name

    def all_representation_figures(self) -> list[Path]:
        """The PNG figures of all comparisons of representations, sorted."""
        return sorted((self.root / "representations").rglob("*.png"))

    def probes(
        self,
        task: str = "{task}",
        model: str = "{model}",
        init: str = "{init}",
        mapping: str = "{mapping}",
    ) -> Path:
        """Trainability of a task's model before training, per replicate."""
        folder = self.root / "probes" / f"task={task}" / f"model={model}" / f"init={init}"
        return folder / f"mapping={mapping}" / "probes.parquet"

    def collected(self, name: str) -> Path:
        """One table of all jobs of an analysis: similarity, heads or probes."""
        return self.root / f"{name}.parquet"

    def figure(self, name: str = "{name}", kind: str = "svg") -> Path:
        """A figure of the whole experiment (svg, png) or the table that it draws (csv)."""
        return self.root / "figures" / f"{name}.{kind}"

    def table(self, name: str = "{name}", kind: str = "md") -> Path:
        """A table for a paper: scores, differences or claims, as md or tex."""
        return self.root / "tables" / f"{name}.{kind}"

    @property
    def report(self) -> Path:
        """The page that shows everything."""
        return self.root / "report.html"

    @property
    def snakemake_report(self) -> Path:
        """Snakemake's own report, where `make run` writes it."""
        return self.root / "snakemake-report.html"

    @property
    def tensorboard(self) -> Path:
        """The folder of event files that `python -m polymath tensorboard` writes."""
        return self.root / "tensorboard"

    @property
    def logs(self) -> Path:
        """The folder of all logs."""
        return self.root / "logs"

    def log(self, stage: str, *names: str) -> Path:
        """The log of a stage's job, by the names that tell its jobs apart: these have no commas."""
        return self.logs / stage / f"{','.join(names)}.log" if names else self.logs / f"{stage}.log"

    @property
    def configurations(self) -> Path:
        """The folder of configurations that were submitted to a cluster."""
        return self.root / FROZEN_FOLDER

    @property
    def run_times(self) -> Path:
        """Wall and training time of the last run that trained, one line of text."""
        return self.logs / "run.txt"

    def benchmark(self, stage: str, *names: str) -> Path:
        """Snakemake's measurements of a training job: seconds, memory, processor time."""
        return self.root / "benchmarks" / stage / f"{','.join(names)}.tsv"


def replicate_folder(replicate: int | Literal["*"]) -> str:
    """Return the name of a replicate's folder among the kept models, or the pattern of all."""
    return f"replicate-{replicate}"


def source_name(manifest: Path) -> str:
    """Return which source a manifest describes, as `raw/splice` or `models/minilm-l6`."""
    return f"{manifest.parent.parent.name}/{manifest.parent.name}"


def levels_in(path: Path) -> dict[str, str]:
    """Return the fields that a path's folders spell in Hive's way, as `task=splice`."""
    levels = (level.partition("=") for level in path.parts if "=" in level)
    return {field: value for field, _, value in levels}
