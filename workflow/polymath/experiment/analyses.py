"""The configuration of the analyses beside the matrix."""

from pydantic import Field

from polymath.experiment.base import StrictModel

# Sizes that determine memory: here, so that cost estimates read them without importing torch.
READING_BATCH = 16  # sequences whose states and attention are read
BLOCKS = 20  # of sequences, to resample; more take more memory and change intervals little
JACOBIAN_CHUNK = 64  # rows of a Jacobian: each is a backward pass


class Representations(StrictModel):
    """Compare the hidden states of a text model, a random one and an in-domain one."""

    tokens: int = Field(
        20_000,
        ge=100,
        le=10_000_000,
        description="tokens of dev and test to compare on, whole sequences",
    )
    items: int = Field(
        300,
        ge=10,
        le=100_000,
        description="sequences for RSA and for the matching of attention heads",
    )
    replicates: int = Field(
        1, ge=1, le=1_000, description="of each model; comparing two random models takes one more"
    )
    bootstraps: int = Field(30, ge=2, le=100_000, description="resamples per interval")
    permutations: int = Field(
        19, ge=1, le=100_000, description="exchanges of sequences per null distribution"
    )


class Probes(StrictModel):
    """Measure how trainable each model is before training."""

    replicates: int = Field(
        3, ge=1, le=1_000, description="of each condition, at most the experiment's"
    )
    examples: int = Field(
        32, ge=1, le=100_000, description="training rows whose loss is perturbed and differentiated"
    )
    gradients: int = Field(16, ge=2, le=10_000, description="batches whose gradients are compared")
    batch_size: int = Field(8, ge=1, le=100_000, description="training rows per batch")
    sequences: int = Field(4, ge=1, le=10_000, description="training rows whose Jacobian is taken")
    noise: float = Field(
        0.05,
        gt=0,
        le=1_000,
        description="standard deviation of parameter noise, relative to each tensor",
    )
    draws: int = Field(8, ge=1, le=10_000, description="draws of noise, each with both signs")
    radius: float = Field(0.05, gt=0, le=1_000, description="length of the step along the gradient")
    iterations: int = Field(
        30, ge=2, le=100_000, description="steps of the power iteration for the curvature"
    )
