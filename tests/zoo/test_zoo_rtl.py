"""Every network of the zoo in RTL: from image to logits, next to nothing left to the host, 0 differences."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_zoo import NEW, frozen

from bittrue.frontends.brevitas import input_integers
from bittrue.targets.systolic import TARGET

CONFIGURATIONS: dict[str, dict[str, int | str]] = {
    "vgg16-w4a2": {"rows": 8, "cols": 8, "subword": 1},
    "resnet20": {"rows": 8, "cols": 16, "subword": 1},
    "resnet8": {"rows": 16, "cols": 8},
    "lenet5": {"schedule": "plain"},
}
"""8x8 with the overlapped schedule where nothing is said."""

HOST = {"max7800x-mnist": ("conv4.pool",)}
"""What the array leaves to the host: averages that round towards zero."""


@pytest.mark.slow
@pytest.mark.parametrize("name", NEW)
def test_whole_networks_in_rtl(name: str, tmp_path: Path) -> None:
    model, images = frozen(name)
    inputs = {key: values[:1] for key, values in input_integers(model, images).items()}
    plan = TARGET.plan(model.graph, CONFIGURATIONS.get(name))
    TARGET.emit(model.graph, plan, inputs, tmp_path / "p")
    report = TARGET.verify(tmp_path / "p", ("simulation",), model.graph)
    assert (report.problems, report.differences, report.host) == ((), 0, HOST.get(name, ()))
    assert {layer.op for layer in report.layers} >= {"Conv", "Linear"}
    compared = {kind for layer in report.layers for kind in layer.compared}
    assert compared == {"psum", "acc", "out", "counter"}
