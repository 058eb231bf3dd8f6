"""Probes on models whose answers are known in closed form."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from polymath.analysis.trainability.measures import (
    Loss,
    Weights,
    ascent_sharpness,
    gradient_cosines,
    jacobian_singular_values,
    noise_sensitivity,
    norm_gains,
    top_eigenvalue,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def quadratic(eigenvalues: list[float]) -> tuple[Loss, Weights, Tensor, Tensor]:
    """½ x'Ax + b'x of two named tensors; A has the eigenvalues. Returns A and b too."""
    size = len(eigenvalues)
    rotation = torch.linalg.qr(torch.randn(size, size, generator=generator(), dtype=torch.double))[
        0
    ]
    a = rotation @ torch.diag(torch.tensor(eigenvalues, dtype=torch.double)) @ rotation.T
    b = torch.randn(size, generator=generator(1), dtype=torch.double)
    point = torch.randn(size, generator=generator(2), dtype=torch.double)

    def loss(weights: Weights) -> Tensor:
        x = torch.cat([weights["left"], weights["right"]])
        return x @ a @ x / 2 + b @ x

    return loss, {"left": point[:2], "right": point[2:]}, a, b


def vector_of(weights: Weights) -> Tensor:
    return torch.cat([weights["left"], weights["right"]])


def test_gradients_of_linear_regression_have_the_cosines_of_their_closed_form() -> None:
    """The gradient of (w'x - y)² is 2 (w'x - y) x."""
    w = torch.tensor([1.0, -1.0])
    data = [(torch.tensor([1.0, 0.0]), 0.0), (torch.tensor([1.0, 1.0]), 1.0),
            (torch.tensor([-2.0, 0.0]), 0.0)]  # fmt: skip

    def loss_of(x: Tensor, y: float) -> Loss:
        return lambda weights: (weights["w"] @ x - y) ** 2

    found = gradient_cosines([loss_of(x, y) for x, y in data], {"w": w})
    # Gradients: 2 (1) [1, 0]; 2 (-1) [1, 1]; 2 (-2) [-2, 0], of pairs 01, 02, 12.
    assert found.tolist() == pytest.approx([-(0.5**0.5), 1.0, -(0.5**0.5)])


def test_the_jacobian_of_a_linear_map_has_the_maps_singular_values() -> None:
    matrix = torch.randn(5, 12, generator=generator(), dtype=torch.double)
    x = torch.randn(3, 4, dtype=torch.double)
    found = jacobian_singular_values(lambda value: matrix @ value.flatten(), x)
    assert found.numpy() == pytest.approx(np.linalg.svd(matrix.numpy(), compute_uv=False))


def test_an_orthogonal_network_is_isometric_and_a_deep_random_one_is_not() -> None:
    d, depth = 40, 10
    rotations = [
        torch.linalg.qr(torch.randn(d, d, generator=generator(n)))[0] for n in range(depth)
    ]
    gaussians = [torch.randn(d, d, generator=generator(n)) / d**0.5 for n in range(depth)]

    def chain(matrices: list[Tensor]) -> Callable[[Tensor], Tensor]:
        def function(x: Tensor) -> Tensor:
            for matrix in matrices:
                x = matrix @ x
            return x

        return function

    values = jacobian_singular_values(chain(rotations), torch.zeros(d))
    assert values.numpy() == pytest.approx(1, abs=1e-4)
    spread = jacobian_singular_values(chain(gaussians), torch.zeros(d))
    assert spread[0] > 3
    assert spread[d // 2] < 0.5


def test_noise_raises_a_quadratic_by_half_its_trace() -> None:
    """E ½ e'Ae is ½ s² times the trace of A weighted by the tensors' mean squares."""
    loss, weights, a, _ = quadratic([3.0, 1.0, 0.5, 2.0, 4.0])
    rises = noise_sensitivity(loss, weights, 0.1, 4000, generator(5))
    squares = torch.cat([part.square().mean().expand(len(part)) for part in weights.values()])
    expected = float((torch.diag(a) * squares).sum()) * 0.1**2 / 2
    assert float(rises.mean()) == pytest.approx(expected, rel=0.05)
    assert (rises > 0).all()  # the slope is left out: A is positive
    assert len(noise_sensitivity(loss, weights, 0.1, 3, generator())) == 3


def test_sharpness_along_the_gradient_of_a_quadratic() -> None:
    loss, weights, a, b = quadratic([3.0, 1.0, 0.5, 2.0, 4.0])
    g = a @ vector_of(weights) + b
    unit = g / g.norm()
    expected = 0.05 * g.norm() + 0.05**2 * (unit @ a @ unit) / 2
    assert ascent_sharpness(loss, weights, 0.05) == pytest.approx(float(expected), rel=1e-9)


@pytest.mark.parametrize("eigenvalues", [[3.0, 1.0, 0.5, 2.0, 4.5], [3.0, 1.0, 0.5, 2.0, -4.5]])
def test_the_largest_eigenvalue_of_a_quadratic_is_found_with_its_sign(
    eigenvalues: list[float],
) -> None:
    loss, weights, _, _ = quadratic(eigenvalues)
    found = top_eigenvalue(loss, weights, 100, generator())
    assert found.value == pytest.approx(eigenvalues[-1], rel=1e-6)
    assert found.residual < 1e-3
    assert top_eigenvalue(loss, weights, 2, generator()).residual > 0.05


def test_the_hessian_of_logistic_regression() -> None:
    """It is X' diag(p (1 - p)) X / n."""
    x = torch.randn(50, 4, generator=generator(), dtype=torch.double)
    y = (torch.rand(50, generator=generator(1)) > 0.5).double()
    w = torch.randn(4, generator=generator(2), dtype=torch.double)

    def loss(weights: Weights) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(x @ weights["w"], y)

    p = torch.sigmoid(x @ w)
    hessian = x.T @ ((p * (1 - p))[:, None] * x) / 50
    found = top_eigenvalue(loss, {"w": w}, 200, generator())
    assert found.value == pytest.approx(float(torch.linalg.eigvalsh(hessian)[-1]), rel=1e-6)


def test_gains_are_those_of_all_norms() -> None:
    model = nn.Sequential(nn.LayerNorm(3), nn.Linear(3, 3), nn.RMSNorm(3))
    model[0].weight.data = torch.tensor([1.0, 2.0, 3.0])
    assert [gain.tolist() for gain in norm_gains(model)] == [[1.0, 2.0, 3.0], [1.0, 1.0, 1.0]]
