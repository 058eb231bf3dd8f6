"""What a masked language model is pre-trained on: a task's rows, or generated sequences."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tokenizers import Tokenizer

from polymath.data.synthetic import bits, generate
from polymath.experiment.synthetic import DEV_SEQUENCES, DOMAIN, SyntheticData
from polymath.tokenization.task_data import Task, read_task
from polymath.tokenization.tokenizers import ordinary_tokens
from polymath.training.job import PretrainingJob
from polymath.util.errors import PolymathError
from polymath.util.seeds import derive_seed, hash_order
from polymath.util.storage import read_table

# On a task's own rows, the curve is scored on so many of those that it is trained on.
SCORED = 256


@dataclass(frozen=True)
class Corpus:
    """Rows to train on (`train`) and to score the curve on (`dev`); no test rows.

    Attributes:
        task: its rows, as every learner reads them; labels have no meaning.
        mapping: (symbols,) the token id of each symbol id.
        about: a line for the log.
    """

    task: Task
    mapping: NDArray[np.int64]
    about: str = ""


def read_corpus(job: PretrainingJob, tokenizer: Tokenizer) -> Corpus:
    """Return what a job's model is trained on.

    Args:
        tokenizer: of the base model.

    Raises:
        PolymathError: if the base has fewer tokens than there are synthetic symbols.
    """
    if job.source.synthetic is not None:
        return _generate(job.source.synthetic, job.seed, tokenizer)
    assert job.tokens is not None
    assert job.vocabulary is not None
    task = read_task(job.tokens)
    rows = _own_rows(task.rows, job.seed) if job.own else _without_test(task.rows)
    table = read_table(job.vocabulary)
    first = table[table["replicate"] == 0].sort_values("symbol_id")
    return Corpus(Task(rows, task.metadata), first["token_id"].to_numpy(dtype=np.int64))


def _without_test(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["split"] != "test"].reset_index(drop=True)


def _own_rows(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return a task's training rows, and some of them once more to score the curve on.

    Neither the development set nor the test set is looked at, as the model is compared with others
    on both.
    """
    train = rows[rows["split"] == "train"]
    chosen = hash_order(sorted(train.index), derive_seed(seed, "resampling"))[:SCORED]
    scored = train.loc[chosen].assign(split="dev")
    return pd.concat([train, scored], ignore_index=True)


def _generate(source: SyntheticData, seed: int, tokenizer: Tokenizer) -> Corpus:
    # Of no replicate's mapping: one that had these tokens would be unlike the others.
    tokens = hash_order(list(ordinary_tokens(tokenizer)), derive_seed(seed, "synthetic", 1))
    if source.symbols > len(tokens):
        raise PolymathError(
            f"synthetic: symbols: {source.symbols:,} is more than the base model's "
            f"{len(tokens):,} tokens: lower it, or choose a base with a larger vocabulary"
        )
    count = source.sequences + DEV_SEQUENCES
    stream = derive_seed(seed, "synthetic")
    names = [f"{DOMAIN}:{number}" for number in range(count)]
    rows = pd.DataFrame(
        {
            "id": names,
            "item": names,
            "window": 0,
            "split": ["train"] * source.sequences + ["dev"] * DEV_SEQUENCES,
            "label": "any",
            "length": source.length,
            "ids": list(generate(source, count, stream)),
        }
    )
    metadata = {"type": "classification", "labels": ["any"], "domain": DOMAIN}
    mapping = np.array(tokens[: source.symbols], dtype=np.int64)
    entropy = bits(source, stream) / source.length
    about = f"synthetic {source.kind}: {entropy:.2f} bits per symbol of {source.symbols}"
    return Corpus(Task(rows, metadata), mapping, about)
