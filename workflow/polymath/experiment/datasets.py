"""Catalogue entries of data sets: where they come from, how they are read, split and scored."""

import re
from typing import Literal

from pydantic import Field, StrictBool, model_validator

from polymath.experiment.base import Name, StrictModel
from polymath.experiment.reader import Reader
from polymath.experiment.sources import DataSource
from polymath.util.errors import suggest

# Headlines; the root mean square error, of which less is better, is computed beside them.
MetricName = Literal[
    "accuracy",
    "balanced_accuracy",
    "f1",
    "macro_f1",
    "mcc",
    "roc_auc",
    "average_precision",
    "spearman",
    "pearson",
    "r2",
    "micro_f1",
    "subset_accuracy",
]
TaskType = Literal["classification", "regression", "multi-label"]
LONGEST = 1_000_000  # symbols of a sequence that is read
METRICS_OF: dict[TaskType, tuple[MetricName, ...]] = {
    "classification": (
        "accuracy", "balanced_accuracy", "f1", "macro_f1", "mcc", "roc_auc", "average_precision",
    ),
    "regression": ("spearman", "pearson", "r2"),
    "multi-label": ("micro_f1", "macro_f1", "roc_auc", "average_precision", "subset_accuracy"),
}  # fmt: skip
OF_ONE_CLASS = ("f1", "average_precision")  # of two: the positive one
DOMINANT = 0.8  # share of training rows above which one class makes accuracy a poor headline
DEFAULT_METRIC = "default"  # of classes: accuracy or macro F1, as their sizes say


class Alphabet(StrictModel):
    """What one symbol of a sequence is."""

    kind: Literal["character", "separator", "kmer", "regex", "tokenizer", "model"] = Field(
        description="one character; text between separators (blanks around them do not count); k "
        "characters; each match of a regular expression; a tokenizer of your own; the model's "
        "tokenizer"
    )
    symbols: tuple[str, ...] | None = Field(
        None, description="the legal symbols (for kmer: characters); default: all that occur"
    )
    separator: str = Field(" ", min_length=1, description="for kind separator")
    k: int = Field(3, ge=1, le=8, description="for kind kmer: characters per symbol")
    stride: int = Field(
        1, ge=1, le=1_000, description="for kind kmer: characters from one to the next"
    )
    pattern: str | None = Field(
        None, description="for kind regex: what a symbol is; blanks between symbols do not count"
    )
    file: str | None = Field(None, description="for kind tokenizer: path of a tokenizer.json")
    uppercase: StrictBool = Field(False, description="fold case before anything else")
    remove: str = Field("", description="characters to delete first (gaps, separators)")
    illegal: str = Field(
        "error",
        min_length=1,
        description="rows with other symbols: 'error', 'drop', or a symbol to replace them by",
    )

    @model_validator(mode="after")
    def _fields_go_with_the_kind(self) -> "Alphabet":
        for key, kind in (("pattern", "regex"), ("file", "tokenizer")):
            if (self.kind == kind) != (getattr(self, key) is not None):
                raise ValueError(f"'{key}' is needed with kind '{kind}', and only there")
        if self.kind == "tokenizer" and self.symbols is not None:
            raise ValueError("'symbols' are those of the tokenizer's file: leave them out")
        try:
            if self.pattern is not None and re.compile(self.pattern).fullmatch(""):
                raise ValueError("'pattern' matches empty text: use + instead of *")
        except re.error as error:
            raise ValueError(f"'pattern' is not a regular expression: {error}") from None
        return self

    @model_validator(mode="after")
    def _replacement_is_one_symbol(self) -> "Alphabet":
        special = ("error", "drop")
        if self.illegal in special:
            return self
        cuts_characters = self.kind in ("character", "kmer")
        if self.illegal.lower() in special or (cuts_characters and len(self.illegal) > 1):
            raise ValueError(
                f"'illegal' is '{self.illegal}': it must be 'error', 'drop' or one symbol to "
                "replace others by"
            )
        return self


# Atoms of a molecule's SMILES: those in brackets and of two letters are one symbol.
# Source: P. Schwaller et al., Molecular Transformer, ACS Cent. Sci. 5, 2019, its tokenization.
SMILES = r"\[[^\]]+\]|Br|Cl|%\d{2}|[BCNOPSFIbcnops]|[0-9().=#\-+\\/:~@?>*$]"
OTHER_LABELS = "*"  # in `label_map`: every label that it does not name
PRESETS: dict[str, Alphabet] = {
    "dna": Alphabet(kind="character", symbols=tuple("ACGT"), uppercase=True),
    "rna": Alphabet(kind="character", symbols=tuple("ACGU"), uppercase=True),
    "protein": Alphabet(kind="character", symbols=tuple("ACDEFGHIKLMNPQRSTVWY"), uppercase=True),
    "pitch": Alphabet(kind="separator", symbols=tuple(str(pitch) for pitch in range(128))),
    "smiles": Alphabet(kind="regex", pattern=SMILES),
    "character": Alphabet(kind="character"),
    "model": Alphabet(kind="model"),
}


class Windows(StrictModel):
    """Cut long sequences; the windows of one record vote at evaluation."""

    size: int = Field(ge=1, le=LONGEST, description="symbols per window")
    stride: int = Field(ge=1, le=LONGEST, description="symbols from one window's start to the next")
    limit: int | None = Field(
        None, ge=1, le=LONGEST, description="maximum windows per record, evenly spaced"
    )


class SplitPolicy(StrictModel):
    """Shares of dev and test where the data set has no official split of its own."""

    dev: float = Field(0.1, gt=0, lt=1)
    test: float = Field(0.1, gt=0, lt=1)

    @model_validator(mode="after")
    def _leaves_training_rows(self) -> "SplitPolicy":
        if self.dev + self.test >= 1:
            raise ValueError("dev + test must leave rows for training: their sum must be below 1")
        return self


class SimilarityGroups(StrictModel):
    """When two sequences are near duplicates, which must not straddle the split."""

    measure: Literal["identity", "containment"] = Field(
        "identity",
        description="identity: 1 - edit distance / length of the longer; containment: distinct "
        "k-mers that both have, per those of the sequence with fewer",
    )
    threshold: float = Field(0.8, gt=0, le=1, description="similar from this value on")
    k: int = Field(5, ge=1, le=1_000, description="containment: symbols (words of text) per k-mer")

    @model_validator(mode="after")
    def _kmers_go_with_containment(self) -> "SimilarityGroups":
        if "k" in self.model_fields_set and self.measure != "containment":
            raise ValueError("'k' goes with measure 'containment': set it, or leave 'k' out")
        return self


class RowCounts(StrictModel):
    """Rows of each split."""

    train: int = Field(ge=1)
    dev: int = Field(ge=1)
    test: int = Field(ge=1)


class Dataset(StrictModel):
    """A task: labelled sequences, and how they are split and scored."""

    domain: Name = Field(description="domain that the sequences come from: text, protein, dna, ...")
    source: DataSource
    reader: Reader
    alphabet: Alphabet
    type: TaskType = Field(
        "classification",
        description="what is predicted: one class, a number, or any number of labels (multi-label, "
        "each predicted where its probability is above 0.5)",
    )
    metric: MetricName | None = Field(
        None,
        description="headline metric; default accuracy, macro_f1 where a class has more than 80 % "
        "of the training rows; spearman for regression; micro_f1 for multi-label",
    )
    labels: tuple[str, ...] | None = Field(
        None,
        description="classes to keep, in order; default: all, sorted. Rows of another class are "
        "left out; of multi-label, rows lose other labels",
    )
    label_map: dict[str, str] = Field(
        {},
        description='classes to rename or join, as `{"-": normal, "*": anomaly}`, where * is '
        "every label that is not named",
    )
    positive: str | None = Field(
        None,
        description="of two classes, the one that F1, AUC and average precision are of; default: "
        "the rarer one in training",
    )
    max_length: int = Field(
        128, ge=2, le=LONGEST, description="symbols kept of a sequence or window"
    )
    windows: Windows | None = None
    split: SplitPolicy = SplitPolicy()
    duplicates: Literal["group", "drop"] = Field(
        "group", description="equal sequences: keep them on one side of the split, or keep one"
    )
    similarity_groups: SimilarityGroups | None = Field(
        None,
        description="keep similar sequences, and those similar to them, on one side of the split "
        "(single linkage); an official split loses the training rows that straddle it",
    )
    unseen_labels: Literal["error", "drop"] = Field(
        "error",
        description="dev and test rows of a class without training rows: refuse the data set, or "
        "drop the rows (of multi-label: the label) and count them",
    )
    rows: RowCounts | None = Field(
        None, description="how many rows the prepared data set has, where known in advance"
    )
    about: RowCounts | None = Field(
        None,
        description="about how many rows each split has (windows, where sequences are cut), for "
        "plans made before the data is fetched",
    )
    title: str = Field("", description="one line that describes the data set")
    licence: str = "not stated"
    citation: str = ""
    notes: str = Field("", description="for the data set's page: choices, differences, checks")
    checked: Literal["real", "copy", "sample"] | None = Field(
        None,
        description="for the data set's page: whether its reader was run on the real files, on "
        "their rows in another form, or on samples of their form only",
    )

    @model_validator(mode="before")
    @classmethod
    def _named_alphabet(cls, value: object) -> object:
        if isinstance(value, dict) and isinstance(value.get("alphabet"), dict):
            value = {**value, "alphabet": _from_preset(value["alphabet"])}
        elif isinstance(value, dict) and isinstance(value.get("alphabet"), str):
            value = {**value, "alphabet": _from_preset({"preset": value["alphabet"]})}
        return value

    @model_validator(mode="after")
    def _metric_fits_type(self) -> "Dataset":
        if self.metric is not None and self.metric not in METRICS_OF[self.type]:
            raise ValueError(
                f"metric {self.metric} does not go with type {self.type}: use one of "
                f"{', '.join(METRICS_OF[self.type])}, or change 'type'"
            )
        if self.windows is not None and self.reader.sequence2 is not None:
            raise ValueError("'windows' cut single sequences: leave it out with 'sequence2'")
        if len(set(self.labels or ())) != len(self.labels or ()):
            raise ValueError("'labels' names a class twice")
        for key in ("labels", "label_map", "positive"):
            if self.type == "regression" and getattr(self, key):
                raise ValueError(f"'{key}' is about classes: leave it out with type regression")
        if self.type == "multi-label" and self.positive is not None:
            raise ValueError("'positive' is of two classes: leave it out with type multi-label")
        return self

    @model_validator(mode="after")
    def _labels_are_read_as_the_type_says(self) -> "Dataset":
        joined = self.reader.set_separator is not None
        if self.type == "multi-label" and not joined:
            raise ValueError(
                "type multi-label: set 'label_separator' of the reader, as ';' for a column of "
                "'nucleus; membrane', or list several columns of 0 and 1 as its 'label'"
            )
        if self.type != "multi-label" and joined:
            key = "label_separator" if self.reader.label_separator else "label"
            raise ValueError(f"'{key}' of the reader gives several labels: set 'type: multi-label'")
        return self

    @property
    def row_length(self) -> int:
        """How many symbols are kept of a sequence or window at most."""
        size = self.windows.size if self.windows else self.max_length
        return min(size, self.max_length)

    @property
    def reach(self) -> int | None:
        """How many symbols of a sequence are read at most, all its windows together; None: all."""
        if self.windows is None:
            return self.max_length
        limit = self.windows.limit
        return None if limit is None else self.row_length * limit

    @property
    def headline(self) -> str:
        """The metric that the matrix shows; DEFAULT_METRIC where the classes' sizes choose it."""
        defaults = {"regression": "spearman", "multi-label": "micro_f1"}
        return self.metric or defaults.get(self.type, DEFAULT_METRIC)


def _from_preset(value: dict[str, object]) -> dict[str, object]:
    """Return an alphabet's fields, with those of its `preset` where it has none of its own."""
    fields = dict(value)
    name = fields.pop("preset", None)
    if name is None:
        return fields
    if name not in PRESETS:
        raise ValueError(f"alphabet '{name}' is unknown: {suggest(str(name), PRESETS)}")
    return {**PRESETS[str(name)].model_dump(), **fields}
