"""Read the test images many times over with one of the models that make_models.py wrote, in onnxruntime.

    energyprof sweep --set model=fp32,int8,pruned,narrow samples/compression/classify.py
    energyprof compare sweep-classify -o front.svg

It imports neither torch nor scikit-learn: the networks shall be compared, not how long a program takes to start.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from energyprof import metric, stage, units

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


@stage("load")
def load(folder: Path, model: str) -> tuple[InferenceSession, np.ndarray, np.ndarray]:
    """Return the model, ready to be called, the test images and what they show."""
    try:
        from onnxruntime import InferenceSession, SessionOptions
    except ImportError:
        raise SystemExit("onnxruntime is missing; try: pip install 'energyprof[sample-compression]'") from None

    path = folder / f"{model}.onnx"
    if not path.exists():
        raise SystemExit(f"{path} is missing; write it with: python samples/compression/make_models.py")
    options = SessionOptions()
    options.intra_op_num_threads = 1  # for images this small, more threads mostly wait for each other
    options.inter_op_num_threads = 1
    tests = np.load(folder / "test.npz")
    return InferenceSession(path, options, providers=["CPUExecutionProvider"]), tests["images"], tests["labels"]


@stage("classify", after="load")
def classify(session: InferenceSession, images: np.ndarray, batch: int) -> np.ndarray:
    """Return what each image shows, `batch` of them read at once."""
    read = [
        session.run(["classes"], {"images": images[start : start + batch]})[0].argmax(1)
        for start in range(0, len(images), batch)
    ]
    units("image", len(images))
    return np.concatenate(read)


def main() -> None:
    """Read the images and print how right the model is."""
    parser = argparse.ArgumentParser(description="Read scanned digits with one of the compressed models.")
    parser.add_argument("--model", default="fp32", choices=("fp32", "int8", "pruned", "narrow"))
    parser.add_argument("--models", type=Path, default=Path("models"), help="folder to read from (default: models)")
    parser.add_argument("--batch", type=int, default=60, help="images read at once (default: 60)")
    parser.add_argument("--quick", action="store_true", help="twice over: for tests")
    args = parser.parse_args()

    session, images, labels = load(args.models, args.model)
    right = 0.0
    for _ in range(2 if args.quick else 600):
        right = float((classify(session, images, args.batch) == labels).mean())
    metric("accuracy", right)
    size_kb = (args.models / f"{args.model}.onnx").stat().st_size / 1000
    print(f"{args.model}: accuracy {right:.1%} on {len(labels)} test images, a file of {size_kb:.0f} kB")


if __name__ == "__main__":
    main()
