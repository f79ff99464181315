"""Post-training quantization: scales from calibration data, range equalization before, bias correction after."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from ..errors import BadInput, declare, fail
from .capture import Captured, capture
from .data import DataSet
from .modules import Kind
from .quiet import quiet
from .scales import set_activation_scales

with quiet():
    from brevitas.fx import Graph as BrevitasGraph
    from brevitas.fx import GraphModule as BrevitasGraphModule
    from brevitas.graph.calibrate import bias_correction_mode
    from brevitas.graph.equalize import EqualizeGraph
    from brevitas.nn.utils import merge_bn

declare({"BT2035": "a calibration setting is out of range"})


def calibrate(model: nn.Module, data: DataSet, *, batches: int = 16, batch_size: int = 64,
              bias_correction: bool = False) -> nn.Module:
    """Set the activation scales of a quantized model from training images, in place, and return it in evaluation mode.

    Takes `batches` batches spread evenly over the training split. With `bias_correction`, the mean error that quantized
    weights and inputs make in each output channel of a layer is then added to its bias (Nagel et al. 2019; a layer
    without bias gets one). Raises `BadInput` (BT2035).
    """
    if batches < 1 or batch_size < 1:
        fail(BadInput, "BT2035", "calibrate", f"{batches} batches of {batch_size} images", "use at least 1 of both")
    model.eval()
    set_activation_scales(model, ((x,) for x in _batches(data, batches, batch_size)))
    if bias_correction:
        with torch.no_grad(), bias_correction_mode(model):
            for x in _batches(data, batches, batch_size):
                model(x)
    return model


def equalize(model: nn.Module, *, example_input: Tensor) -> nn.Module:
    """A plain model that computes the same (up to float rounding), with batch norms merged into the layers and weight
    ranges evened out between neighbouring layers (Nagel et al. 2019), so that per-tensor quantization loses less. Do
    this before `quantize`. Raises as `quantize` does for what cannot be captured."""
    captured = capture(model, (example_input,))
    _merge_batch_norms(captured)
    EqualizeGraph().apply(_for_brevitas(captured.module))  # changes the weights of the modules that both graphs hold
    return captured.module.train(model.training)


def _merge_batch_norms(captured: Captured) -> None:
    """Fold every batch norm that alone reads a layer into that layer."""
    module = captured.module
    for norm in [node for node, kind in captured.kinds.items() if kind is Kind.NORM]:
        layer: Any = norm.args[0]
        if captured.kinds.get(layer) is Kind.LAYER and len(layer.users) == 1 and not _reused(module, layer, norm):
            merge_bn(module.get_submodule(layer.target), module.get_submodule(str(norm.target)))
            norm.replace_all_uses_with(layer)
            module.graph.erase_node(norm)
    module.delete_all_unused_submodules()
    module.recompile()


def _reused(module: fx.GraphModule, *nodes: fx.Node) -> bool:
    targets = [node.target for node in module.graph.nodes]
    return any(targets.count(node.target) > 1 for node in nodes)


def _for_brevitas(module: fx.GraphModule) -> BrevitasGraphModule:
    """The same graph over the same modules, in the older copy of torch.fx that Brevitas' graph passes insist on."""
    graph = BrevitasGraph()
    copies: dict[fx.Node, Any] = {}
    for node in module.graph.nodes:
        args, kwargs = fx.map_arg((node.args, dict(node.kwargs)), copies.__getitem__)
        copies[node] = graph.create_node(node.op, node.target, args, kwargs, node.name)
    return BrevitasGraphModule(module, graph)


def _batches(data: DataSet, batches: int, batch_size: int) -> Iterator[Tensor]:
    """Evenly spread over the training split: its images may be sorted by class."""
    images = min(batches * batch_size, len(data.train_y))
    chosen = np.linspace(0, len(data.train_y) - 1, images).astype(np.int64)
    count = -(-images // batch_size)
    for number in range(count):
        yield torch.from_numpy(data.normalization(data.train_pixels[chosen[number::count]]))
