"""Work that a GPU repeats: recorded once for each shape as a CUDA graph, then replayed.

A step of a small encoder is about a thousand kernels of a few microseconds; started one by one
from Python they take longer to start than to run. A replay starts them all at once.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

from polymath.training.acceleration.cpu_kernels import fast_dropout
from polymath.training.batches import BatchShape
from polymath.util.job_log import LOGGER

Work = Callable[[torch.Tensor, BatchShape], torch.Tensor]
# Records work on fixed tensors; returns what repeats it, and its output, which a repeat renews.
Capture = Callable[[Callable[[], torch.Tensor]], tuple[Callable[[], None], torch.Tensor]]
# A shape must come this often as it is before it is worth recording; libraries choose their
# kernels and make their workspaces meanwhile.
WARM_UP = 2


@dataclass(frozen=True)
class _Graph:
    rows: torch.Tensor
    replay: Callable[[], None]
    output: torch.Tensor


@dataclass
class CapturedFunction:
    """Calls `work(rows, shape)`, recording each shape that recurs if there is a recorder.

    Work may read the host's values only through `shape`, must not ask the device for a
    value, and must leave everything that it changes in the same tensors. The output is
    valid until the next call.
    """

    work: Work
    record: Capture | None
    _seen: dict[BatchShape, int] = field(default_factory=dict)
    _recordings: dict[BatchShape, _Graph] = field(default_factory=dict)

    def __call__(self, rows: torch.Tensor, shape: BatchShape) -> torch.Tensor:
        if self.record is None:
            return self.work(rows, shape)
        recording = self._recordings.get(shape)
        if recording is None:
            self._seen[shape] = self._seen.get(shape, 0) + 1
            if self._seen[shape] <= WARM_UP:
                return self.work(rows, shape)
            recording = self._make(rows, shape)
            if recording is None:
                return self.work(rows, shape)
            self._recordings[shape] = recording
        recording.rows.copy_(rows)
        recording.replay()
        return recording.output

    def _make(self, rows: torch.Tensor, shape: BatchShape) -> _Graph | None:
        """Record a shape; None, and never again, if the model's code cannot be recorded."""
        assert self.record is not None
        fixed = rows.clone()
        try:
            replay, output = self.record(lambda: self.work(fixed, shape))
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            LOGGER.warning(
                "this model cannot be recorded (%s): it runs step by step, more slowly", reason
            )
            self.record = None
            return None
        return _Graph(fixed, replay, output)


class ReplicateStream:
    """Where one replicate's work is queued: a CUDA stream with its own random numbers.

    Replicates in streams of their own run side by side, and none's dropout depends on another's.
    On the CPU a stream is the process itself.
    """

    def __init__(self, device: str) -> None:
        self.on_gpu = device == "cuda"
        if self.on_gpu:
            self._stream = torch.cuda.Stream()
            self._generator = torch.Generator("cuda")
            self._pool = torch.cuda.graph_pool_handle()

    @property
    def capture(self) -> Capture | None:
        """What records work in this stream."""
        return self._record if self.on_gpu else None

    @contextmanager
    def activate(self) -> Iterator[None]:
        """Queue what happens in the block here, drawing from this stream's random numbers."""
        if not self.on_gpu:
            yield
            return
        default = torch.cuda.default_generators[torch.cuda.current_device()]
        others = default.graphsafe_get_state()
        default.graphsafe_set_state(self._generator)
        try:
            with torch.cuda.stream(self._stream):
                yield
        finally:
            default.graphsafe_set_state(others)

    @contextmanager
    def seeded(self, seed: int) -> Iterator[None]:
        """Draw what is random in the block, one step, from this seed."""
        if self.on_gpu:
            self._generator.manual_seed(seed)
            yield
            return
        torch.default_generator.manual_seed(seed)
        with fast_dropout(seed):
            yield

    def _record(self, work: Callable[[], torch.Tensor]) -> tuple[Callable[[], None], torch.Tensor]:
        graph = torch.cuda.CUDAGraph()
        # Other streams go on while this one records: their calls must not end the recording.
        with torch.cuda.graph(
            graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
        ):
            output = work()
        return graph.replay, output
