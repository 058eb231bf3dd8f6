"""A loss whose classes count alike: each weighs inversely to its share of the training rows."""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from transformers import PreTrainedModel

from polymath.training.batches import Batch
from polymath.training.loop import Loss, forward


def balanced_weights(targets: NDArray[np.float64], classes: int) -> torch.Tensor:
    """Return (classes,) fp32 weights n / (K n_c), as scikit-learn's `balanced`.

    K counts the classes that occur, so that the mean over rows is 1; the others have weight 0.

    Args:
        targets: (n,) class numbers of the training rows.
    """
    counts = np.bincount(targets.astype(int), minlength=classes)
    occurring = np.count_nonzero(counts)
    weights = len(targets) / (occurring * np.maximum(counts, 1)) * (counts > 0)
    return torch.tensor(weights, dtype=torch.float32)


def balanced_label_weights(targets: NDArray[np.float64]) -> torch.Tensor:
    """Return (2, labels) fp32 weights: of rows that lack a label, and of those that have it.

    For each label they are the balanced weights of its two kinds of rows.

    Args:
        targets: (n, labels) 0 and 1 of the training rows.
    """
    return torch.stack([balanced_weights(of_label, 2) for of_label in targets.T], dim=1)


def weighted_set_loss(weights: torch.Tensor) -> Loss:
    """Return the mean over rows and labels of binary cross-entropy times its weight.

    Args:
        weights: (2, labels) on the model's device.
    """

    def loss(model: PreTrainedModel, batch: Batch, precision: str) -> torch.Tensor:
        of_target = torch.where(batch.targets > 0, weights[1], weights[0])
        return F.binary_cross_entropy_with_logits(
            forward(model, batch, precision), batch.targets.float(), weight=of_target
        )

    return loss


def weighted_loss(weights: torch.Tensor) -> Loss:
    """Return the mean over a batch's rows of cross-entropy times the weight of the true class.

    It divides by the number of rows, not by their weights: so the gradient is that of the whole
    training split on average, and micro-batches add up to their batch.

    Args:
        weights: (classes,) on the model's device.
    """

    def loss(model: PreTrainedModel, batch: Batch, precision: str) -> torch.Tensor:
        targets = batch.targets.long()
        losses = F.cross_entropy(forward(model, batch, precision), targets, reduction="none")
        return (losses * weights.index_select(0, targets)).mean()

    return loss
