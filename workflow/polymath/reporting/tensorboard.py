"""Learning curves as TensorBoard event files."""

import math
import shutil
from pathlib import Path

from tensorboardX import SummaryWriter

from polymath.experiment.paths import ResultPaths
from polymath.util.storage import read_with_metadata


def write_events(results: ResultPaths, folder: Path) -> int:
    """Write one event file per replicate of each finished condition; return their number.

    Earlier contents of `folder` are removed. Times are seconds of training.
    """
    shutil.rmtree(folder, ignore_errors=True)
    count = 0
    for path in results.all_curves():
        curves, metadata = read_with_metadata(path)
        condition = path.parent.relative_to(results.runs)
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
