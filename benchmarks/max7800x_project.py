"""From a network description and a checkpoint to a C project, in fresh processes: bittrue beside ai8xize.

Usage: python benchmarks/max7800x_project.py [--peer FOLDER] [--peer-python PYTHON] [--rounds N] [--only TEXT] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from networks_max7800x import NETWORKS

from bittrue.targets.max7800x.ai8x import save_checkpoint, write_description
from bittrue.targets.max7800x.device import DEVICES
from bittrue.targets.max7800x.legalize import legalize
from bittrue.targets.max7800x.place import place

OURS = (sys.executable, "-c", "from bittrue.cli import main; main()", "import", "ai8x")
PEER = ("ai8xize.py", "--no-version-check", "--no-progress", "--yamllint", "none", "--overwrite")

PUBLIC = (
    ("ai85-facedet-tinierssd", "trained/ai85-facedet-tinierssd-qat8-q", "both", ("--fifo", "--overlap-data")),
    ("ai87-facedet-tinierssd", "trained/ai87-facedet-tinierssd-qat8-q", "max78002", ()),
    ("ai87-kws20-v3-hwc", "trained/ai87-kws20_v3-qat8-q", "both", ()),
    ("aisegment-unet-large-fakept", "trained/ai85-aisegment-unet-large-fakept-q", "both", ("--overlap-data",)),
    ("camvid-unet-large-fakept", "trained/ai85-camvid-unet-large-fakept-q", "both", ("--overlap-data",)),
    ("cats-dogs-hwc", "trained/ai85-catsdogs-qat8-q", "both", ("--fifo",)),
    ("cats-dogs-hwc-no-fifo", "trained/ai85-catsdogs-qat8-q", "max78002", ()),
    ("cifar10-nas", "trained/ai85-cifar10-qat8-q", "both", ()),
    ("faceid", "tests/test-faceid-qat8-q", "both", ("--fifo",)),
    ("kws20-hwc", "trained/ai85-kws20-qat8-q", "both", ()),
    ("kws20-v3-hwc", "trained/ai85-kws20_v3-qat8-q", "both", ()),
    ("mnist-chw-ai85", "trained/ai85-mnist-qat8-q", "both", ()),
    ("mnist-chw-extrasmall-ai85", "trained/ai85-mnist-extrasmall-qat8-q", "both", ()),
    ("svhn-tinierssd", "trained/ai85-svhn-tinierssd-qat8-q", "both", ("--overlap-data",)),
)
"""Networks of the peer's checkout: description, checkpoint, chips, options of both programs."""


@dataclass(frozen=True)
class Case:
    """One network on one chip."""

    name: str
    device: str
    config: Path
    checkpoint: Path
    options: tuple[str, ...] = ()

    def ours(self, folder: Path) -> list[str]:
        """Our command."""
        options = ["--fifo", "fifo"] if "--fifo" in self.options else []
        options += [option for option in self.options if option != "--fifo"]
        return [*OURS, "-c", str(self.config), "-k", str(self.checkpoint), "--target", self.device,
                "-o", str(folder), "--project", str(folder / "project"), *options]

    def peers(self, python: str, folder: Path) -> list[str]:
        """The peer's command."""
        return [python, *PEER, "--test-dir", str(folder), "--prefix", self.name, "--device", self.device.upper(),
                "--config-file", str(self.config), "--checkpoint-file", str(self.checkpoint), *self.options]


@dataclass(frozen=True)
class Timing:
    """Seconds of every round; the peer's are missing without it, or where it refuses the network."""

    case: Case
    ours: tuple[float, ...]
    peers: tuple[float, ...]

    @property
    def ratio(self) -> float | None:
        """Median over the rounds of the peer's time divided by ours in the same round."""
        pairs = [peer / own for own, peer in zip(self.ours, self.peers, strict=False)]
        return median(pairs) if pairs else None


def own_cases(folder: Path) -> Iterator[Case]:
    """The networks of this folder, placed and written as descriptions and checkpoints."""
    for name, (device, build) in NETWORKS.items():
        chip = DEVICES[device]
        arrangement = legalize(build(), chip)
        placement = place(arrangement, chip)
        config, checkpoint = folder / f"{name}.yaml", folder / f"{name}.pth.tar"
        config.write_text(write_description(arrangement.network, placement, name, name), encoding="utf-8")
        save_checkpoint(arrangement.network, checkpoint, name)
        yield Case(name, device, config, checkpoint)


def public_cases(peer: Path) -> Iterator[Case]:
    """The networks of the peer's checkout."""
    for name, checkpoint, chips, options in PUBLIC:
        for device in DEVICES if chips == "both" else (chips,):
            yield Case(name, device, peer / "networks" / f"{name}.yaml", peer / f"{checkpoint}.pth.tar", options)


def seconds(command: Sequence[str], cwd: Path) -> float | None:
    """The wall time of a process; None when it fails."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    begin = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          check=False)
    return time.perf_counter() - begin if done.returncode == 0 else None


def measure(case: Case, peer: Path | None, python: str, rounds: int) -> Timing:
    """Both programs in turn."""
    ours: list[float] = []
    peers: list[float] = []
    with TemporaryDirectory() as folder:
        work = Path(folder)
        for _ in range(rounds):
            own = seconds(case.ours(work / "ours"), work)
            other = seconds(case.peers(python, work / "peer"), peer) if peer is not None and own is not None else None
            if own is None:
                break
            ours.append(own)
            peers += [] if other is None else [other]
    return Timing(case, tuple(ours), tuple(peers))


def row(timing: Timing) -> str:
    """A line of the table."""
    def shown(values: Sequence[float]) -> str:
        return f"{median(values):8.2f}" if values else "       -"
    ratio = "" if timing.ratio is None else f"{timing.ratio:7.1f}"
    return f"{timing.case.name:30} {timing.case.device} {shown(timing.ours)} {shown(timing.peers)} {ratio}"


def main() -> None:
    """Print a line per network, then the ratios over all."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--peer", type=Path, default=os.environ.get("BITTRUE_AI8X"), help="a checkout of "
                         "ai8x-synthesis [BITTRUE_AI8X]")
    options.add_argument("--peer-python", default=os.environ.get("BITTRUE_AI8X_PYTHON", sys.executable),
                         help="a Python with what it needs [BITTRUE_AI8X_PYTHON]")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--only", default="", help="networks whose names hold this text")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    peer = Path(given.peer).resolve() if given.peer else None
    with TemporaryDirectory() as folder:
        cases = list(public_cases(peer) if peer is not None else own_cases(Path(folder)))
        measure(cases[-1], peer, given.peer_python, 1)  # so that both have compiled modules and files in memory
        timings = []
        for case in (case for case in cases if given.only in case.name):
            timings.append(measure(case, peer, given.peer_python, given.rounds))
            print(row(timings[-1]), file=sys.stderr if given.json else sys.stdout, flush=True)
    report(timings, given.json)


def report(timings: Sequence[Timing], as_json: bool) -> None:
    """The ratios over all networks."""
    ratios = sorted(timing.ratio for timing in timings if timing.ratio is not None)
    if as_json:
        print(json.dumps({"networks": [{"name": t.case.name, "device": t.case.device, "ours": t.ours,
                                        "peer": t.peers, "ratio": t.ratio} for t in timings]}, indent=2))
    elif ratios:
        print(f"{len(ratios)} networks: median ratio {median(ratios):.1f}, {ratios[0]:.1f} to {ratios[-1]:.1f}")


if __name__ == "__main__":
    main()
