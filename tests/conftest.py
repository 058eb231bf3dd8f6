"""What several tests share: small random checkpoints of each family, and a tiny experiment."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

ROOT = Path(__file__).parents[1]
Note = tuple[int, float, float]
WORDS = [f"w{number}" for number in range(200)]
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
UNUSED = ["[unused0]", "[unused1]"]

# One small configuration a family; the vocabulary is SPECIALS + UNUSED + WORDS.
FAMILIES: dict[str, dict[str, object]] = {
    "bert": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
             "intermediate_size": 64, "max_position_embeddings": 64},
    "roberta": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
                "intermediate_size": 64, "max_position_embeddings": 66},
    "albert": {"hidden_size": 32, "embedding_size": 16, "num_hidden_layers": 2,
               "num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 64},
    "electra": {"hidden_size": 32, "embedding_size": 16, "num_hidden_layers": 2,
                "num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 64},
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64,
                   "max_position_embeddings": 64},
    "modernbert": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
                   "intermediate_size": 64, "max_position_embeddings": 64,
                   "global_attn_every_n_layers": 1},
    "deberta-v2": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
                   "intermediate_size": 64, "max_position_embeddings": 64,
                   "relative_attention": True, "position_buckets": 16, "share_att_key": True,
                   "pos_att_type": ["p2c", "c2p"], "norm_rel_ebd": "layer_norm",
                   "position_biased_input": False},  # as DeBERTa-v3 is
    "esm": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
            "intermediate_size": 64, "max_position_embeddings": 66, "token_dropout": True,
            "position_embedding_type": "rotary", "mask_token_id": 4},  # as ESM-2 is
}  # fmt: skip
# These count positions from the padding token, which they have at 1.
PADDING = {"roberta": 1, "esm": 1}


# Tests that need more than a Python environment, and the command that installs it and runs them.
ASKED_FOR = {"slurm": "make slurm-test", "browser": "make browser-test"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add an option for each kind of test that runs only when asked for."""
    for name, command in ASKED_FOR.items():
        parser.addoption(f"--{name}", action="store_true", help=f"run the tests of {command}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave tests that need more to their own commands, where they must run, and begin with those
    that take longest, so that no process of `make test` is left with them at the end.
    """
    items.sort(key=lambda item: item.path.parent.name not in ("workflow", "real"))
    for item in items:
        for name, command in ASKED_FOR.items():
            if item.get_closest_marker(name) and not config.getoption(f"--{name}"):
                item.add_marker(pytest.mark.skip(reason=f"run by {command}"))


def small_tokenizer() -> Tokenizer:
    """A word-level tokenizer that frames a text as BERT does."""
    vocabulary = {token: number for number, token in enumerate([*SPECIALS, *UNUSED, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(SPECIALS)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    return tokenizer


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Small models are slower on more threads, and reproducible on one."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that builds a family's small random checkpoint, once a session."""
    built: dict[str, Path] = {}

    def build(family: str) -> Path:
        if family not in built:
            import torch
            from transformers import AutoConfig, AutoModelForMaskedLM

            folder = tmp_path_factory.mktemp(family)
            size = len(SPECIALS) + len(UNUSED) + len(WORDS)
            config = AutoConfig.for_model(
                family, vocab_size=size, pad_token_id=PADDING.get(family, 0), bos_token_id=2,
                eos_token_id=3, cls_token_id=2, sep_token_id=3, **FAMILIES[family],
            )  # fmt: skip
            torch.manual_seed(7)
            AutoModelForMaskedLM.from_config(config).save_pretrained(folder)
            small_tokenizer().save(str(folder / "tokenizer.json"))
            built[family] = folder
        return built[family]

    return build


def write_dna_csv(path: Path, rows: int = 120) -> Path:
    """A two-class task that a model can learn: the class is the commonest base."""
    import numpy as np

    generator = np.random.default_rng(1)
    lines = ["seq,y"]
    for number in range(rows):
        base = "AC"[number % 2]
        rest = "".join(generator.choice(list("ACGT"), 14))
        lines.append(f"{base * 10}{rest},{'even' if number % 2 == 0 else 'odd'}")
    path.write_text("\n".join(lines) + "\n")
    return path


def tiny_config(folder: Path, checkpoint_folder: Path) -> dict[str, object]:
    """An experiment of seconds: own data, own random checkpoint, two conditions."""
    write_dna_csv(folder / "own data.csv")
    return {
        "results": "results",
        "seed": 1,
        "replicates": 2,
        "tasks": ["odd"],
        "models": ["small"],
        "initialisations": ["pretrained", "scratch"],
        "mappings": ["random"],
        "fractions": [1],
        "recipes": {"tiny": {"learning_rate": 0.003, "batch_size": 8, "steps": 20,
                             "evaluations": 2, "precision": "fp32"}},
        "datasets": {
            "odd": {
                "domain": "dna",
                "source": {"kind": "path", "path": "own data.csv"},
                "reader": {"format": "csv", "sequence": "seq", "label": "y"},
                "alphabet": "dna",
                "max_length": 40,
            }
        },
        "checkpoints": {"small": {"source": {"kind": "path", "path": str(checkpoint_folder)}}},
    }  # fmt: skip


def write_midi(path: Path, notes: list[Note], drums: list[Note] | None = None) -> Path:
    """Write notes (pitch, start, end), drums apart, to a MIDI file."""
    import pretty_midi

    midi = pretty_midi.PrettyMIDI()
    for part, is_drum in ((notes, False), (drums or [], True)):
        instrument = pretty_midi.Instrument(program=0, is_drum=is_drum)
        instrument.notes = [pretty_midi.Note(80, pitch, start, end) for pitch, start, end in part]
        midi.instruments.append(instrument)
    path.parent.mkdir(parents=True, exist_ok=True)
    midi.write(str(path))
    return path


def heed_signals() -> None:
    """Let a child process heed SIGINT and SIGHUP even if the tests themselves were started in the
    background or under nohup, which ignore them.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def write_config(config: dict[str, object], path: Path) -> Path:
    """Write a configuration; JSON is YAML."""
    path.write_text(json.dumps(config))
    return path
