"""The engines that the benchmark compares, each in its own process, so that no engine's idle threads disturb another.

A worker answers requests (batch, repetitions) with (wall seconds, CPU seconds) for that many runs.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np
from networks import CLASSES, IMAGE, NETWORKS, VGG16

Run = Callable[[Any], object]


def fast(network: str, threads: int) -> Run:
    """bittrue's fast executor."""
    from bittrue.engine.fast import FastExecutor

    executor = FastExecutor(_network(network).graph(), threads=threads)
    return lambda x: executor.predict({"x": x})


def onnx_runtime(network: str, threads: int) -> Run:
    """ONNX Runtime on the static int8 (QDQ) model, all graph optimizations on."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(_network(network).qdq(), options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x})


def brevitas(network: str, threads: int) -> Run:
    """The fake-quantized model (w8a8) in PyTorch, evaluation mode; VGG16 only."""
    import torch
    from brevitas import nn as qnn

    torch.set_num_threads(threads)
    layers: list[torch.nn.Module] = [qnn.QuantIdentity()]
    inputs = IMAGE[0]
    for channels in VGG16:
        if channels:
            layers += [qnn.QuantConv2d(inputs, channels, 3, padding=1, weight_bit_width=8), qnn.QuantReLU(bit_width=8)]
            inputs = channels
        else:
            layers.append(torch.nn.MaxPool2d(2))
    layers += [torch.nn.Flatten(), qnn.QuantLinear(inputs, CLASSES, bias=True, weight_bit_width=8)]
    model = torch.nn.Sequential(*layers)
    model.train()
    model(torch.rand(4, *IMAGE))  # the quantizers take their scales from it
    model.eval()

    def run(x: Any) -> object:
        with torch.no_grad():
            return model(torch.from_numpy(x).float() / 256)

    return run


PEERS: dict[str, Callable[[str, int], Run]] = {"bittrue": fast, "ONNX Runtime int8": onnx_runtime,
                                               "Brevitas fake-quant": brevitas}


def available(network: str) -> list[str]:
    """Peers that can run a network here."""
    trained = network == "VGG16" and all(importlib.util.find_spec(name) for name in ("torch", "brevitas"))
    return [name for name in PEERS if name != "Brevitas fake-quant" or trained]


def _network(name: str) -> Any:
    return next(network for network in NETWORKS if network.name == name)


def _serve(peer: str, network: str, threads: int, pipe: Connection) -> None:
    run = PEERS[peer](network, threads)
    images = np.random.default_rng(1).integers(0, 256, (64, *IMAGE)).astype(np.uint8)
    pipe.send("ready")
    while (request := pipe.recv()) is not None:
        batch, repetitions = request
        x = np.ascontiguousarray(images[:batch])
        run(x)
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(repetitions):
            run(x)
        pipe.send((time.perf_counter() - wall, time.process_time() - cpu))


class Worker:
    """A peer in its own process."""

    def __init__(self, peer: str, network: str, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=_serve, args=(peer, network, threads, theirs), daemon=True)
        self.process.start()
        theirs.close()
        self.pipe.recv()

    def measure(self, batch: int, repetitions: int) -> tuple[float, float]:
        """(wall, CPU) seconds of that many runs, after one that does not count."""
        self.pipe.send((batch, repetitions))
        wall, cpu = self.pipe.recv()
        return wall, cpu

    def close(self) -> None:
        """End the process."""
        self.pipe.send(None)
        self.process.join()
