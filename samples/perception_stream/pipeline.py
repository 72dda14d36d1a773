"""Look for faces in a stream of frames that arrive at a fixed rate: wait, capture, shrink, detect, place boxes.

The frames are photographs over which a camera pans and zooms; the detector is trained first, in seconds, on real faces.
All pictures come with scikit-image, nothing is downloaded.

    energyprof run samples/perception_stream/pipeline.py               # what does a frame cost, and what the waiting?
    energyprof run samples/perception_stream/pipeline.py --wait ask    # the same, asking for the next frame all along
    energyprof run samples/perception_stream/pipeline.py --threads 2   # hurry, then wait longer
    python samples/perception_stream/pipeline.py --quick               # runs as well on its own
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from camera import SCENERY, STREAMED, Box, Frame, capture, photograph
from detector import FaceNet, boxes, detect, pyramid, squares, train
from frame_clock import FrameClock
from torch import Tensor

import energyprof
from energyprof import stage

FITS = 0.4
"""A box is right where it overlaps the face by so much of their union."""


@dataclass(frozen=True)
class Pictures:
    """Photographs to stream, by name; faces and two kinds of others to learn from, (count, 1, height, width)."""

    photos: dict[str, Tensor]
    faces: Tensor
    others: Tensor
    scenery: Tensor


@dataclass
class Score:
    """How right the boxes were: frames with a face, those of them in which it was found, and boxes on no face."""

    with_face: int = 0
    found: int = 0
    false_alarms: int = 0

    def count(self, face: Box | None, found: list[Box]) -> None:
        """Compare the boxes of a frame with what is there."""
        right = [face is not None and box.overlap(face) >= FITS for box in found]
        self.with_face += face is not None
        self.found += any(right)
        self.false_alarms += right.count(False)


@stage("load")
def load() -> Pictures:
    """Return the pictures that come with scikit-image."""
    try:
        from skimage.data import lfw_subset

        photos = {name: photograph(name) for name in STREAMED}
        scenery = torch.cat([squares(photograph(name)) for name in SCENERY])
    except ImportError as error:
        raise SystemExit(f"scikit-image is missing ({error}); try: pip install 'energyprof[vision-sample]'") from None
    small = torch.as_tensor(lfw_subset(), dtype=torch.float32).unsqueeze(1)
    return Pictures(photos, faces=small[:100], others=small[100:], scenery=scenery)


def sleep_until(due_s: float) -> None:
    """Let the processor rest until then."""
    with stage("wait"):
        time.sleep(max(0.0, due_s - time.perf_counter()))


def ask_until(due_s: float) -> None:
    """Ask whether it is time yet, again and again."""
    with stage("wait"):
        while time.perf_counter() < due_s:
            pass


WAITS: dict[str, Callable[[float], None]] = {"sleep": sleep_until, "ask": ask_until}


@stage("look", after="train")
def look(net: FaceNet, frame: Frame) -> list[Box]:
    """Return where there are faces in the frame."""
    return boxes(detect(net, pyramid(frame.pixels)))


@stage("stream", after="train")
def stream(net: FaceNet, photos: dict[str, Tensor], clock: FrameClock) -> Score:
    """Look at every frame that the clock gives, on the device that the network is on."""
    device = next(net.parameters()).device
    score = Score()
    for number in clock:
        with stage("capture") as captured:
            frame = capture(photos, number, clock.frames)
            frame = captured.output(Frame(frame.pixels.to(device), frame.face))
        score.count(frame.face, look(net, frame))
        energyprof.units("frame")
    return score


def main() -> None:
    """Train the detector, stream, and print what was found and what came too late."""
    parser = argparse.ArgumentParser(description="Look for faces in a stream of frames at a fixed rate.")
    parser.add_argument("--quick", action="store_true", help="hardly trained, two seconds of stream: for tests")
    parser.add_argument("--fps", type=float, default=10.0, help="frames a second (10)")
    parser.add_argument("--seconds", type=float, help="length of the stream (20)")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch (1)")
    parser.add_argument("--wait", choices=WAITS, default="sleep", help="how the next frame is waited for (sleep)")
    parser.add_argument("--device", default="cpu", help="where the detector runs, in torch's words (cpu)")
    args = parser.parse_args()
    seconds = args.seconds or (2.0 if args.quick else 20.0)
    torch.manual_seed(7)
    torch.set_num_threads(args.threads)

    pictures = load()
    net = train(pictures.faces, pictures.others, pictures.scenery, steps=20 if args.quick else 300).to(args.device)
    clock = FrameClock(round(seconds * args.fps), 1 / args.fps, time.perf_counter, WAITS[args.wait])
    score = stream(net, pictures.photos, clock)

    missed = clock.missed / clock.frames
    energyprof.metric("frames missed", missed)
    energyprof.metric("faces found", score.found / max(1, score.with_face))
    print(f"perception: {clock.frames} frames at {args.fps:g} a second, {missed:.1%} missed their deadline")
    print(f"faces: found in {score.found} of {score.with_face} frames with one, {score.false_alarms} false alarms")


if __name__ == "__main__":
    main()
