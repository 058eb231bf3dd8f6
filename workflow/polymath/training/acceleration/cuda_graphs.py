"""Capture repeated GPU work as one CUDA graph per batch shape, then replay it.

A step of a small encoder is about a thousand kernels of a few microseconds; launched one by one
from Python they take longer to launch than to run. A replay launches them all at once.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

from polymath.training.acceleration.cpu_kernels import fast_dropout
from polymath.training.batches import BatchShape
from polymath.util.job_log import LOGGER

Work = Callable[[torch.Tensor, BatchShape], torch.Tensor]
# Captures work on static tensors; returns a replay function and the output that it fills.
Capture = Callable[[Callable[[], torch.Tensor]], tuple[Callable[[], None], torch.Tensor]]
# A capture takes as long as two or three steps; fewer replays than this would not repay it.
MIN_REPLAYS = 4


@dataclass
class CaptureHistory:
    """What the streams of one process learn from each other: all train models of one kind.

    Attributes:
        warmed: the work and the shapes that were computed before, so that libraries have chosen
            and loaded their kernels.
        failed: whether a capture has failed; the reasons after the first one are consequences.
    """

    warmed: set[tuple[str, BatchShape]] = field(default_factory=set)
    failed: bool = False


@dataclass(frozen=True)
class _Graph:
    rows: torch.Tensor
    replay: Callable[[], None]
    output: torch.Tensor


class CapturedFunction:
    """Call `work(rows, shape)`; on a stream that captures, replay each shape that recurs.

    The work may read host values through `shape` only, must not synchronise with the device, must
    update its state in place, and must not keep a tensor that it makes: the next replay of another
    shape overwrites it. The output is valid until the next call.
    """

    def __init__(
        self, name: str, work: Work, stream: "ReplicateStream", planned: Counter[BatchShape]
    ) -> None:
        """Prepare without computing anything.

        Args:
            name: of the work, the same for all replicates.
            planned: how often each shape will be called.
        """
        self.name, self.work, self.capture = name, work, stream.capture
        self.history, self.planned = stream.history, planned
        self.graphs: dict[BatchShape, _Graph] = {}
        self._begun = False

    def __call__(self, rows: torch.Tensor, shape: BatchShape) -> torch.Tensor:
        if self.capture is None:
            return self.work(rows, shape)
        self.planned[shape] -= 1
        if shape not in self.graphs and self._is_worth_capturing(shape):
            self._capture_shape(rows, shape)
        graph = self.graphs.get(shape)
        if graph is None:
            self._begun = True
            self.history.warmed.add((self.name, shape))
            return self.work(rows, shape)
        graph.rows.copy_(rows)
        graph.replay()
        return graph.output

    def _is_worth_capturing(self, shape: BatchShape) -> bool:
        """Return whether a shape recurs often enough, and the work is warmed up.

        The first call always computes: it makes the optimiser's state and the stream's workspaces.
        """
        warm = self._begun and (self.name, shape) in self.history.warmed
        return warm and self.planned[shape] + 1 >= MIN_REPLAYS

    def _capture_shape(self, rows: torch.Tensor, shape: BatchShape) -> None:
        """Capture a shape; attempt none again if the model's code cannot be captured.

        Raises:
            torch.OutOfMemoryError: if the device's memory does not suffice.
        """
        assert self.capture is not None
        static_rows = rows.clone()
        try:
            replay, output = self.capture(lambda: self.work(static_rows, shape))
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            if not self.history.failed:
                reason = str(error).partition("\n")[0]
                LOGGER.warning(
                    "this model cannot be captured as a CUDA graph (%s): its steps run more slowly",
                    reason,
                )
            self.history.failed, self.capture = True, None
        else:
            self.graphs[shape] = _Graph(static_rows, replay, output)


class ReplicateStream:
    """A CUDA stream with its own random number generator, one per replicate.

    Replicates on streams of their own run side by side, with independent dropout. On the CPU work
    runs in the process itself. The graphs of a stream live as long as the stream: destroying one
    frees workspaces that the others still use (pytorch issue 193402).
    """

    def __init__(self, device: str, history: CaptureHistory | None = None) -> None:
        self.on_gpu = device == "cuda"
        self.history = history or CaptureHistory()
        if self.on_gpu:
            torch.cuda.init()  # before it the tuple of default generators is empty
            self._stream = torch.cuda.Stream()
            self._generator = torch.Generator("cuda")
            self._pool = torch.cuda.graph_pool_handle()
            self._graphs: list[torch.cuda.CUDAGraph] = []

    @property
    def capture(self) -> Capture | None:
        """Return what captures work on this stream; None on the CPU."""
        return self._capture_work if self.on_gpu else None

    @property
    def buckets(self) -> bool:
        """Whether lengths of batches are rounded up, so that few shapes recur often."""
        return self.capture is not None

    @contextmanager
    def activate(self) -> Iterator[None]:
        """Queue the block's work on this stream, with its random number generator."""
        if not self.on_gpu:
            yield
            return
        default = _default_generator()
        previous = default.graphsafe_get_state()
        default.graphsafe_set_state(self._generator)
        try:
            with torch.cuda.stream(self._stream):
                yield
        finally:
            default.graphsafe_set_state(previous)

    @contextmanager
    def seeded(self, seed: int) -> Iterator[None]:
        """Seed the random numbers of the block, one step."""
        if self.on_gpu:
            self._generator.manual_seed(seed)
            yield
            return
        torch.default_generator.manual_seed(seed)
        with fast_dropout(seed):
            yield

    def _capture_work(
        self, work: Callable[[], torch.Tensor]
    ) -> tuple[Callable[[], None], torch.Tensor]:
        graph = torch.cuda.CUDAGraph()
        self._graphs.append(graph)
        try:
            # Other streams keep running: their calls must not invalidate this capture.
            with torch.cuda.graph(
                graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
            ):
                output = work()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError:
            self._renew_generator()
            raise
        return graph.replay, output

    def _renew_generator(self) -> None:
        """Replace the generator after a failed capture, which may never have ended for the old one.

        Drawing from that would then be an error (torch before 2.13).
        """
        seed = self._generator.initial_seed()
        self._generator = torch.Generator("cuda").manual_seed(seed)
        _default_generator().graphsafe_set_state(self._generator)


def _default_generator() -> torch.Generator:
    return torch.cuda.default_generators[torch.cuda.current_device()]
