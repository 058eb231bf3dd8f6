"""Damaged files of models: each is refused by name, or a whole model; nothing hangs or grows."""

import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import psutil
import pytest
import torch
from transformers import AutoModel, AutoModelForMaskedLM

from polymath.experiment.sources import PathSource
from polymath.models.build import build_classifier
from polymath.models.convert.fetch_model import fetch_model
from polymath.util.errors import PolymathError
from polymath.util.storage import read_json, write_json
from support import quiet
from support.families import Checkpoint
from support.mutations import mutate_bytes, mutate_json
from support.onnx_export import export

pytestmark = pytest.mark.full
MUTATIONS, WARM_UP = 500, 50
SECONDS, MEGABYTES = 120, 50  # of one load; that a process may grow in all later ones


@pytest.fixture
def _no_hangs() -> Iterator[None]:
    """End the test, by a signal, at a load that lasts."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt("a load takes too long")

    before = signal.signal(signal.SIGALRM, interrupt)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def write_weights(kind: str, source: Path) -> Path:
    """Write a folder's weights in another form instead; return the file."""
    if kind == "bin":
        file = source / "pytorch_model.bin"
        torch.save(AutoModelForMaskedLM.from_pretrained(source).state_dict(), file)
    elif kind == "onnx":
        file = source / "any.onnx"
        export(AutoModel.from_pretrained(source), file)
    else:
        return source / ("config.json" if kind == "config" else "model.safetensors")
    (source / "model.safetensors").unlink()
    return file


def load(source: Path, target: Path) -> torch.Tensor:
    """Fetch a folder's model and build it; return the logits of a sequence."""
    manifest = target / "models" / "odd" / "manifest.json"
    fetch_model(PathSource(kind="path", path=str(source)), manifest, quiet, target / "lock.json")
    folder = manifest.parent if (manifest.parent / "config.json").exists() else source
    model = build_classifier(folder, "pretrained", 2, 5, None).eval()
    with torch.no_grad():
        tokens = torch.tensor([[2, 7, 8, 3]])
        return model(input_ids=tokens, attention_mask=torch.ones_like(tokens)).logits


def outcome(source: Path, target: Path, note: str) -> str | None:
    """Return why a folder's model is refused; None if it makes a whole model."""
    try:
        logits = load(source, target)
    except PolymathError as error:
        return str(error)
    except Exception as error:
        error.add_note(note)
        raise
    return None if logits.shape == (1, 2) else ""


@pytest.mark.usefixtures("_no_hangs")
@pytest.mark.parametrize("kind", ["bin", "onnx", "safetensors", "config"])
def test_a_damaged_file_is_named_or_makes_a_whole_model(
    kind: str, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    source = tmp_path / "mine"
    shutil.copytree(checkpoint("bert"), source)
    file = write_weights(kind, source)
    if kind == "safetensors":  # without it, the folder is converted: its reader is another
        plain = read_json(source / "config.json")
        bare = {key: value for key, value in plain.items() if key != "model_type"}
    content, outcomes, memory = file.read_bytes(), Counter[str](), 0
    for number in range(MUTATIONS):
        random = Random(f"{kind}/{number}")
        mutate = mutate_json if kind == "config" and number % 4 else mutate_bytes
        file.write_bytes(mutate(content, random))
        if kind == "safetensors":
            write_json(bare if number % 2 else plain, source / "config.json")
        target = tmp_path / str(number)
        signal.alarm(SECONDS)
        refusal = outcome(source, target, f"mutation {number}")
        assert refusal is None or any(str(place) in refusal for place in (source, target)), number
        outcomes["refused" if refusal else "whole"] += 1
        shutil.rmtree(target, ignore_errors=True)
        if number == WARM_UP:
            memory = psutil.Process().memory_info().rss
    signal.alarm(0)
    assert psutil.Process().memory_info().rss < memory + MEGABYTES * 2**20
    assert min(outcomes["whole"], outcomes["refused"]) > MUTATIONS // 20, outcomes
