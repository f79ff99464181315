"""The networks of GAP9's benchmark, trained for a few steps and frozen, in a folder; with a look at their outputs.

    python benchmarks/networks_gap9.py FOLDER [NAME ...]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from bittrue.engine.fast import FastExecutor
from bittrue.frontends.brevitas import input_integers
from bittrue.zoo.gap9 import NETWORKS
from bittrue.zoo.gap9.frozen import Trained, trained

HEADER = ("network", "MACs", "parameters", "float loss", "int8 loss", "certificate", "outputs", "differ")


def stored(name: str, folder: Path) -> Path:
    """`<name>.onnx` in the folder, with its certificate beside it; made there unless it is there already."""
    path = folder / f"{name}.onnx"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        trained(name).frozen.save(path)
    return path


def outputs(made: Trained) -> np.ndarray:
    """What the integer graph makes of four samples, (4, outputs)."""
    graph = made.frozen.graph
    values = FastExecutor(graph).predict(input_integers(made.frozen, made.data.batch(4)[0]))
    return values[graph.outputs[0]]


def row(name: str, folder: Path) -> tuple[str, ...]:
    """A line of the table: losses of both models, and how many outputs differ between the samples."""
    made, network = trained(name), NETWORKS[name]
    folder.mkdir(parents=True, exist_ok=True)
    made.frozen.save(folder / name)
    found = outputs(made)
    differ = int((found != found[0]).any(axis=0).sum())
    return (name, f"{network.macs:,}", f"{network.parameters:,}", *(f"{loss:.3f}" for loss in made.losses()),
            made.frozen.certificate.verdict, str(found.shape[1]), str(differ))


def main() -> None:
    """Freeze the networks and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", choices=[*NETWORKS, []])
    options = parser.parse_args()
    print("| " + " | ".join(HEADER) + " |\n" + "|---" * len(HEADER) + "|")
    for name in options.names or NETWORKS:
        print("| " + " | ".join(row(name, options.folder)) + " |", flush=True)


if __name__ == "__main__":
    main()
