"""Capture repeated GPU work as one CUDA graph per batch shape, then replay it.

A step of a small encoder is about a thousand kernels of a few microseconds; launched one by one
from Python they take longer to launch than to run. A replay launches them all at once.
"""

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
# Calls with a shape before its capture: libraries choose kernels and allocate workspaces.
WARM_UP = 2


@dataclass(frozen=True)
class _Graph:
    rows: torch.Tensor
    replay: Callable[[], None]
    output: torch.Tensor


@dataclass
class CapturedFunction:
    """Call `work(rows, shape)`; with `capture`, replay each shape that recurs.

    The work may read host values through `shape` only, must not synchronise with the device, and
    must update its state in place. The output is valid until the next call.
    """

    work: Work
    capture: Capture | None
    _seen: dict[BatchShape, int] = field(default_factory=dict)
    _graphs: dict[BatchShape, _Graph] = field(default_factory=dict)

    def __call__(self, rows: torch.Tensor, shape: BatchShape) -> torch.Tensor:
        if self.capture is None:
            return self.work(rows, shape)
        graph = self._graphs.get(shape)
        if graph is None:
            self._seen[shape] = self._seen.get(shape, 0) + 1
            if self._seen[shape] <= WARM_UP:
                return self.work(rows, shape)
            graph = self._capture_shape(rows, shape)
            if graph is None:
                return self.work(rows, shape)
            self._graphs[shape] = graph
        graph.rows.copy_(rows)
        graph.replay()
        return graph.output

    def _capture_shape(self, rows: torch.Tensor, shape: BatchShape) -> _Graph | None:
        """Capture a shape; None, and no more attempts, if the model's code cannot be captured."""
        assert self.capture is not None
        static_rows = rows.clone()
        try:
            replay, output = self.capture(lambda: self.work(static_rows, shape))
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            LOGGER.warning(
                "this model cannot be captured as a CUDA graph (%s): its steps run more slowly",
                reason,
            )
            self.capture = None
            return None
        return _Graph(static_rows, replay, output)


class ReplicateStream:
    """A CUDA stream with its own random number generator, one per replicate.

    Replicates on streams of their own run side by side, with independent dropout. On the CPU work
    runs in the process itself.
    """

    def __init__(self, device: str) -> None:
        self.on_gpu = device == "cuda"
        if self.on_gpu:
            self._stream = torch.cuda.Stream()
            self._generator = torch.Generator("cuda")
            self._pool = torch.cuda.graph_pool_handle()

    @property
    def capture(self) -> Capture | None:
        """Return what captures work on this stream; None on the CPU."""
        return self._capture_work if self.on_gpu else None

    @contextmanager
    def activate(self) -> Iterator[None]:
        """Queue the block's work on this stream, with its random number generator."""
        if not self.on_gpu:
            yield
            return
        default = torch.cuda.default_generators[torch.cuda.current_device()]
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
        # Other streams keep running: their calls must not invalidate this capture.
        with torch.cuda.graph(
            graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
        ):
            output = work()
        return graph.replay, output
