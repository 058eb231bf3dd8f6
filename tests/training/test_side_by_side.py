"""The estimate of a replicate's memory."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from polymath.models.build import build_classifier
from polymath.training.acceleration.side_by_side import (
    BYTES_PER_PARAMETER,
    MARGIN,
    count_that_fit,
    estimate_memory,
)
from polymath.training.batches import Batch
from support.families import Checkpoint


def test_memory_grows_with_the_batch_and_with_its_length(checkpoint: Checkpoint) -> None:
    model = build_classifier(checkpoint("bert"), "scratch", 3, 0, 0.0)
    weights = MARGIN * BYTES_PER_PARAMETER * model.num_parameters()

    def activations(rows: int, length: int) -> float:
        ids = torch.full((rows, length), 8)
        batch = Batch(ids, torch.ones_like(ids), torch.zeros(rows))
        return estimate_memory(model, batch, "fp32") - weights

    assert activations(16, 20) / activations(8, 20) == pytest.approx(2, rel=0.02)
    assert activations(8, 40) / activations(8, 20) == pytest.approx(2, rel=0.02)
    model.set_attn_implementation("eager")  # keeps a square of the length
    assert 2.1 < activations(8, 40) / activations(8, 20) < 4


def test_memory_of_one_linear_layer_is_what_autograd_keeps() -> None:
    class OneLayer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(10, 3)

        def num_parameters(self) -> int:
            return 33

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            return SimpleNamespace(logits=self.layer(input_ids.float()))

    ids = torch.ones(4, 10, dtype=torch.long)
    batch = Batch(ids, None, torch.zeros(4))
    model: Any = OneLayer()
    # The layer's input (4 × 10 floats), the log-probabilities (4 × 3 floats), the targets
    # (4 longs), and the loss' total weight (one float).
    kept = 4 * 10 * 4 + 4 * 3 * 4 + 4 * 8 + 4
    assert estimate_memory(model, batch, "fp32") == int(MARGIN * (16 * 33 + kept))


def test_as_many_replicates_side_by_side_as_fit() -> None:
    assert count_that_fit(needed=10, free=100, wanted=20) == 9
    assert count_that_fit(needed=10, free=100, wanted=3) == 3
    assert count_that_fit(needed=1000, free=100, wanted=3) == 1
    assert count_that_fit(needed=1, free=1000, wanted=50) == 32, "torch's streams"
