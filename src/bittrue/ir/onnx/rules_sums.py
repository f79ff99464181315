"""Rules of the sums of products: convolutions, fully connected layers, matrix products."""

from __future__ import annotations

from ..ops import Conv, ConvTranspose, Linear, MatMul
from ..types import Shape, TensorType
from .lowering import Body, Layout, Lowered, Site, Standard, rule
from .products import Factor, Product, is_plain, weight_layout, weight_zero_point
from .protos import Ref

FULLY_CONNECTED = Product("MatMulInteger")
CONVOLUTION = Product("ConvInteger", attributes={
    "strides": Ref("stride"), "pads": Ref("pads"), "dilations": Ref("dilation"), "group": Ref("groups", many=False)})
TRANSPOSED_CONVOLUTION = Product("ConvInteger", attributes={
    "dilations": Ref("dilation"), "group": Ref("groups", many=False)})


@rule(Conv)
def conv(op: Conv, site: Site) -> Lowered:
    """`ConvInteger`, with the bias added and wide operands cut into bytes where needed."""
    x, weight = site.operands[:2]
    if len(site.operands) == 2 and is_plain(x.elem, weight.elem, site.out.elem):
        return Standard("ConvInteger", {"strides": op.stride, "pads": op.pads, "dilations": op.dilation,
                                        "group": op.groups}, {1: weight_layout(weight.elem)},
                        weight_zero_point(weight.elem))
    body = Body()
    acc = CONVOLUTION.sum(body, Factor("x", x.elem), Factor("weight", weight.elem))
    return body.finish(_with_bias(body, acc, site, len(x.shape) - 1), site.out.elem.dtype)


@rule(Linear)
def linear(op: Linear, site: Site) -> Lowered:
    """`MatMulInteger`; the weight is stored as (inputs, outputs)."""
    x, weight = site.operands[:2]
    if len(site.operands) == 2 and is_plain(x.elem, weight.elem, site.out.elem):
        return Standard("MatMulInteger", {}, {1: weight_layout(weight.elem, transposed=True)},
                        weight_zero_point(weight.elem))
    body = Body(layouts={1: Layout(transposed=True)})
    acc = FULLY_CONNECTED.sum(body, Factor("x", x.elem), Factor("weight", weight.elem))
    return body.finish(_with_bias(body, acc, site, 0), site.out.elem.dtype)


@rule(MatMul)
def matmul(op: MatMul, site: Site) -> Lowered:
    """`MatMulInteger` of two activations."""
    a, b = site.operands
    if is_plain(a.elem, b.elem, site.out.elem) and not b.elem.signed:
        return Standard("MatMulInteger")
    body = Body()
    return body.finish(FULLY_CONNECTED.sum(body, Factor("a", a.elem), Factor("b", b.elem)), site.out.elem.dtype)


@rule(ConvTranspose)
def conv_transpose(op: ConvTranspose, site: Site) -> Lowered:
    """A function: zeros between the elements of x, then a plain convolution with the mirrored kernel."""
    x, weight = site.operands[:2]
    body = Body()
    kernel = weight.shape[2:]
    stuffed = _stuffed(body, op, x, kernel)
    mirrored = _mirrored(body, op, weight)
    acc = TRANSPOSED_CONVOLUTION.sum(body, Factor(stuffed, x.elem), Factor(mirrored, weight.elem))
    return body.finish(_with_bias(body, acc, site, len(kernel)), site.out.elem.dtype)


def _stuffed(body: Body, op: ConvTranspose, x: TensorType, kernel: Shape) -> str:
    """x (N, I, *S) with stride - 1 zeros behind every element, and zeros around it or elements cut off, so that the
    windows of the mirrored kernel are the outputs."""
    rank = len(kernel)
    name = "x" if x.elem.bits <= 8 else body.cast("x")
    split = body.op("Unsqueeze", name, body.constant(tuple(3 + 2 * axis for axis in range(rank))))
    behind = tuple(end for s in op.stride for end in (0, s - 1))
    spread = body.op("Pad", split, body.constant((0,) * (2 + 2 * rank) + (0, 0, *behind)))
    long = tuple(size * s for size, s in zip(x.shape[1:], op.stride, strict=True))
    flat = body.op("Reshape", spread, body.constant((0, 0, *long)))
    reach = tuple((k - 1) * d for k, d in zip(kernel, op.dilation, strict=True))
    before = tuple(r - p for r, p in zip(reach, op.pads[:rank], strict=True))
    after = tuple(r - p + extra - (s - 1) for r, p, extra, s in
                  zip(reach, op.pads[rank:], op.output_padding, op.stride, strict=True))
    return _resized(body, flat, long, before, after)


def _resized(body: Body, x: str, size: Shape, before: tuple[int, ...], after: tuple[int, ...]) -> str:
    """x (N, I, *size) with zeros added before and after each spatial axis, or elements removed where negative."""
    added = tuple(max(0, n) for n in (0, 0, *before, 0, 0, *after))
    starts = tuple(max(0, -n) for n in before)
    ends = tuple(max(0, b) + n + a for b, n, a in
                 zip(before, size, after, strict=True))
    padded = body.op("Pad", x, body.constant(added))
    return body.op("Slice", padded, body.constant(starts), body.constant(ends),
                   body.constant(tuple(range(2, 2 + len(size)))))


def _mirrored(body: Body, op: ConvTranspose, weight: TensorType) -> str:
    """The weight (I, O/groups, *K) as that of a convolution, (O, I/groups, *K), mirrored along K."""
    inputs, outputs, *kernel = weight.shape
    rank, per_group = len(kernel), inputs // op.groups
    name = body.op("Reshape", "weight", body.constant((op.groups, per_group, outputs, *kernel)))
    name = body.op("Transpose", name, perm=(0, 2, 1, *range(3, 3 + rank)))
    name = body.op("Reshape", name, body.constant((op.groups * outputs, per_group, *kernel)))
    last, before_first = (body.constant((end,) * rank) for end in (-1, -(1 << 31)))
    axes = body.constant(tuple(range(2, 2 + rank)))
    return body.op("Slice", name, last, before_first, axes, last)


def _with_bias(body: Body, acc: str, site: Site, spatial_axes: int) -> str:
    if len(site.operands) == 2:
        return acc
    bias = body.cast("bias")
    if spatial_axes:
        bias = body.op("Unsqueeze", bias, body.constant(tuple(range(1, 1 + spatial_axes))))
    return body.op("Add", acc, bias)
