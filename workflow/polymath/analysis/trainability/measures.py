"""How trainable a model is where it begins: gradients, Jacobian, noise, norms, curvature.

Everything is exact but for the drawn noise and the stopping of the power iteration. A loss is a
function of all parameters by name, so that nothing is changed in place.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import grad, jacrev, jvp

from polymath.experiment.analyses import JACOBIAN_CHUNK
from polymath.models.parts import is_norm

Weights = dict[str, Tensor]
Loss = Callable[[Weights], Tensor]


def gradient_cosines(losses: Sequence[Loss], weights: Weights) -> Tensor:
    """Return the cosine of the gradients of each pair of losses, as a vector of the pairs.

    Gradient confusion is high where some pairs point against each other: the smallest cosine is
    far below 0. Near 0 throughout, a step on one batch leaves the others alone.

    Source: K. Sankararaman, S. De, Z. Xu, W. R. Huang, T. Goldstein, The impact of neural network
    overparameterization on gradient confusion and stochastic gradient descent, ICML 2020,
    definition 2.1; by cosine as in their experiments.
    """
    gradients = [_flat(grad(loss)(weights)) for loss in losses]
    unit = torch.stack([gradient / gradient.norm() for gradient in gradients])
    first, second = torch.triu_indices(len(unit), len(unit), offset=1)
    return (unit @ unit.T)[first, second]


def jacobian_singular_values(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return the singular values of the Jacobian of a function at x, falling.

    With dynamical isometry all are near 1: signals and gradients keep their length whatever their
    direction.

    Source: J. Pennington, S. Schoenholz, S. Ganguli, Resurrecting the sigmoid in deep learning
    through dynamical isometry, NeurIPS 2017.

    Args:
        function: of a tensor of x's shape to a vector (m,).

    Returns:
        (min(m, x.numel()),) in float64.
    """
    jacobian = jacrev(function, chunk_size=JACOBIAN_CHUNK)(x)
    return torch.linalg.svdvals(jacobian.flatten(start_dim=1).double())


def noise_sensitivity(
    loss: Loss, weights: Weights, scale: float, draws: int, generator: torch.Generator
) -> Tensor:
    """Return how much the loss rises in the mean of +e and -e, for each draw of a noise e.

    The noise of each tensor is Gaussian, its deviation `scale` times the root mean square of the
    tensor's entries. Taking both signs leaves out the slope, whose mean is 0.

    Source: B. Neyshabur, S. Bhojanapalli, D. McAllester, N. Srebro, Exploring generalization in
    deep learning, NeurIPS 2017 (there: expected sharpness).

    Args:
        generator: on the CPU, so that the same noise is drawn on any device.

    Returns:
        (draws,).
    """
    plain = loss(weights)
    rises = []
    for _ in range(draws):
        noise = {
            name: scale * value.square().mean().sqrt()
            * torch.randn(value.shape, generator=generator).to(value)
            for name, value in weights.items()
        }  # fmt: skip
        both = [loss(_moved(weights, noise, sign)) for sign in (1.0, -1.0)]
        rises.append((both[0] + both[1]) / 2 - plain)
    return torch.stack(rises)


def ascent_sharpness(loss: Loss, weights: Weights, radius: float) -> float:
    """Return how much the loss rises by a step of length `radius` along the gradient.

    Source: P. Foret, A. Kleiner, H. Mobahi, B. Neyshabur, Sharpness-aware minimization for
    efficiently improving generalization, ICLR 2021, eq. 2.
    """
    gradient = grad(loss)(weights)
    step = radius / _flat(gradient).norm()
    return float(loss(_moved(weights, gradient, step)) - loss(weights))


@dataclass(frozen=True)
class Eigenvalue:
    """The Hessian's eigenvalue of the largest size, and how far its vector is from being one.

    `residual` is |Hv - λv| / |λ| for the unit vector v: 0 where the iteration has converged.
    """

    value: float
    residual: float


def top_eigenvalue(
    loss: Loss, weights: Weights, iterations: int, generator: torch.Generator
) -> Eigenvalue:
    """Return the Hessian's eigenvalue of the largest size by power iteration.

    The sharpness of a minimum (N. Keskar et al., On large-batch training for deep learning:
    generalization gap and sharp minima, ICLR 2017) to second order. Products of Hessian and vector
    are exact: forward over reverse (B. Pearlmutter, Fast exact multiplication by the Hessian,
    Neural Computation 6, 1994).

    Args:
        generator: on the CPU; of the first vector.
    """
    slope: Callable[[Weights], Weights] = grad(loss)
    vector = {
        name: torch.randn(value.shape, generator=generator).to(value)
        for name, value in weights.items()
    }
    value = residual = float("nan")
    for _ in range(iterations):
        length = _flat(vector).norm()
        vector = {name: value / length for name, value in vector.items()}
        product = jvp(slope, (weights,), (vector,))[1]
        value = float(_flat(vector) @ _flat(product))
        residual = float((_flat(product) - value * _flat(vector)).norm()) / abs(value)
        vector = product
    return Eigenvalue(value, residual)


def norm_gains(model: nn.Module) -> Iterator[nn.Parameter]:
    """Yield the gain of each normalisation layer (LayerNorm, RMSNorm), as it occurs in the model.

    Its scale decides how large a step a sublayer makes, and outliers in it carry much of what
    pre-training learned.

    Source: O. Kovaleva, S. Kulshreshtha, A. Rogers, A. Rumshisky, BERT busters: outlier dimensions
    that disrupt Transformers, Findings of ACL 2021.
    """
    for module in model.modules():
        if is_norm(module):
            yield module.get_parameter("weight")


def _flat(tensors: Weights) -> Tensor:
    return torch.cat([value.flatten() for value in tensors.values()])


def _moved(weights: Weights, direction: Weights, length: float | Tensor) -> Weights:
    return {name: value + length * direction[name] for name, value in weights.items()}
