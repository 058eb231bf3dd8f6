"""Learning curves as TensorBoard event files, for those who compare runs there."""

import math
import shutil
from pathlib import Path

from tensorboardX import SummaryWriter

from polymath.util.storage import read_with_metadata


def write_events(results: Path, folder: Path) -> int:
    """Write an event file for each replicate of each finished condition; return their number.

    What was in `folder` is removed. Times are seconds of training.
    """
    shutil.rmtree(folder, ignore_errors=True)
    count = 0
    for path in sorted((results / "runs").rglob("curves.parquet")):
        curves, metadata = read_with_metadata(path)
        condition = path.parent.relative_to(results / "runs")
        for replicate, curve in curves.groupby("replicate"):
            with SummaryWriter(str(folder / condition / f"replicate={replicate}")) as writer:
                for point in curve.itertuples():
                    tags = {
                        f"dev/{metadata['metric']}": point.dev_score,
                        "train/loss": point.train_loss,
                    }
                    for tag, value in tags.items():
                        if not math.isnan(value):
                            writer.add_scalar(tag, value, point.step, walltime=point.seconds)
            count += 1
    return count
