"""Every byte of every file of one tiny layer, computed by hand, in the three built-in layouts.

Two channels of 2 x 3 positions, a kernel of 1 x 2, two output channels, an array of 2 x 2:

    channel 0   0 1 2    weights of output 0: kij 0 (1, 3), kij 1 (-2, -8)   bias  1
                3 2 1    weights of output 1: kij 0 (-1, 0), kij 1 (7, 2)    bias -3
    channel 1   3 0 1    (first the weight of channel 0, then of channel 1)
                1 2 0

    position            0          1          2          3          4          5
    (channel 0, 1)      0 3        1 0        2 1        3 1        2 2        1 0
    psum kij 0, out 0   0+9=9      1+0=1      2+3=5      3+3=6      2+6=8      1+0=1
    psum kij 0, out 1   0          -1         -2         -3         -2         -1
    psum kij 1, out 0   0-24=-24   -2-0=-2    -4-8=-12   -6-8=-14   -4-16=-20  -2-0=-2
    psum kij 1, out 1   0+6=6      7+0=7      14+2=16    21+2=23    14+4=18    7+0=7

    output position     (0, 0)       (0, 1)          (1, 0)          (1, 1)
    reads psums of      0 and 1      1 and 2         3 and 4         4 and 5
    accumulator 0       1+9-2=8      1+1-12=-10      1+6-20=-13      1+8-2=7
    accumulator 1       -3+0+7=4     -3-1+16=12      -3-3+18=12      -3-2+7=2

The output stage halves what is negative, divides by 4, rounds half up: 8 -> 2, -10 -> -5/4 -> -1, -13 -> -6.5/4 -> -2,
7 -> 1.75 -> 2; 4 -> 1, 12 -> 3, 12 -> 3, 2 -> 0.5 -> 1. There are 6 padded positions, so addresses of kij 1 start at 6.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bittrue.ir import Graph, GraphBuilder, IntArray, IntType, Rounding
from bittrue.ir.ops import Conv, Requant
from bittrue.targets.systolic.vectors import Choice, Place, built_in, plan_vectors, read_vectors, write_vectors

ACTIVATIONS_2 = """\
1100
0001
0110
0111
1010
0001
"""

ACTIVATIONS_4 = """\
00110000
00000001
00010010
00010011
00100010
00000001
"""

WEIGHTS_KIJ0 = """\
00110001
00001111
"""

WEIGHTS_KIJ1 = """\
10001110
00100111
"""

PSUMS = """\
00000000000000000000000000001001
11111111111111110000000000000001
11111111111111100000000000000101
11111111111111010000000000000110
11111111111111100000000000001000
11111111111111110000000000000001
00000000000001101111111111101000
00000000000001111111111111111110
00000000000100001111111111110100
00000000000101111111111111110010
00000000000100101111111111101100
00000000000001111111111111111110
"""

ACCUMULATORS = """\
0000000000000000000000000000010000000000000000000000000000001000
0000000000000000000000000000110011111111111111111111111111110110
0000000000000000000000000000110011111111111111111111111111110011
0000000000000000000000000000001000000000000000000000000000000111
"""

OUTPUTS = """\
00000000000000010000000000000010
00000000000000111111111111111111
00000000000000111111111111111110
00000000000000010000000000000010
"""

ADDRESSES = """\
00000000000
00000000111
00000000001
00000001000
00000000011
00000001010
00000000100
00000001011
"""

STAGES = (
    # bias 1 and -3 (32 bit), multiplier 1 (32); offset 0 (63), shift 2 (6); slope 1 (31) / 2**1 (5), half up (2),
    # -8 and 7 (17)
    "00000000000000000000000000000001" "00000000000000000000000000000001"
    "000000000000000000000000000000000000000000000000000000000000000" "000010"
    "0000000000000000000000000000001" "00001" "00" "11111111111111000" "00000000000000111\n"
    "11111111111111111111111111111101" "00000000000000000000000000000001"
    "000000000000000000000000000000000000000000000000000000000000000" "000010"
    "0000000000000000000000000000001" "00001" "00" "11111111111111000" "00000000000000111\n"
)

OWN_NAMES = {
    "activation": "#time0row1[msb-lsb],time0row0[msb-lsb]#\n#time1row1[msb-lsb],time1row0[msb-lsb]#\n#....#\n",
    "weight": "#col0row1[msb-lsb],col0row0[msb-lsb]#\n#col1row1[msb-lsb],col1row0[msb-lsb]#\n#....#\n",
    "psum": "#time0col1[msb-lsb],time0col0[msb-lsb]#\n#time1col1[msb-lsb],time1col0[msb-lsb]#\n#....#\n",
    "out": "#out0col1[msb-lsb],out0col0[msb-lsb]#\n#out1col1[msb-lsb],out1col0[msb-lsb]#\n#....#\n",
    "acc": "#gather0address[msb-lsb]#\n#gather1address[msb-lsb]#\n#....#\n",
    "stage":
        "#col0bias[msb-lsb],col0multiplier[msb-lsb],col0offset[msb-lsb],col0shift[msb-lsb],"
        "col0slope_multiplier[msb-lsb],col0slope_shift[msb-lsb],col0rounding[msb-lsb],col0lo[msb-lsb],col0hi[msb-lsb]#\n"
        "#col1bias[msb-lsb],col1multiplier[msb-lsb],col1offset[msb-lsb],col1shift[msb-lsb],"
        "col1slope_multiplier[msb-lsb],col1slope_shift[msb-lsb],col1rounding[msb-lsb],col1lo[msb-lsb],col1hi[msb-lsb]#\n"
        "#....#\n",
}

# As the course has them, `lst` included.
TIME_ROW = "#time0row1[msb-lsb],time0row0[msb-lst],...,time0row0[msb-lst]#\n" \
    "#time1row1[msb-lsb],time1row0[msb-lst],...,time1row0[msb-lst]#\n#.....#\n"
COL_ROW = "#col0row1[msb-lsb],col0row0[msb-lst],...,col0row0[msb-lst]#\n" \
    "#col1row1[msb-lsb],col1row0[msb-lst],...,col1row0[msb-lst]#\n#.....#\n"
TIME_COL = "#time0col1[msb-lsb],time0col0[msb-lst],...,time0col0[msb-lst]#\n" \
    "#time1col1[msb-lsb],time1col0[msb-lst],...,time1col0[msb-lst]#\n#.....#\n"
OUT_COL = "#out0col1[msb-lsb],out0col0[msb-lst],...,out0col0[msb-lst]#\n" \
    "#out1col1[msb-lsb],out1col0[msb-lst],...,out1col0[msb-lst]#\n#.....#\n"

WANTED = {
    "bittrue": {
        "layers/00_conv/image0/activation_tile0.txt": OWN_NAMES["activation"] + ACTIVATIONS_2,
        "layers/00_conv/weight_itile0_otile0_kij0.txt": OWN_NAMES["weight"] + WEIGHTS_KIJ0,
        "layers/00_conv/weight_itile0_otile0_kij1.txt": OWN_NAMES["weight"] + WEIGHTS_KIJ1,
        "layers/00_conv/image0/psum_itile0_otile0.txt": OWN_NAMES["psum"] + PSUMS,
        "layers/00_conv/image0/acc_out_otile0.txt": OWN_NAMES["out"] + ACCUMULATORS,
        "layers/00_conv/image0/out_otile0.txt": OWN_NAMES["out"] + OUTPUTS,
        "layers/00_conv/stage_otile0.txt": OWN_NAMES["stage"] + STAGES,
        "layers/00_conv/acc.txt": OWN_NAMES["acc"] + ADDRESSES,
    },
    "course": {
        "00_conv/image0/activation_tile0.txt": TIME_ROW + ACTIVATIONS_4,
        "00_conv/image0/weight_itile0_otile0_kij0.txt": COL_ROW + WEIGHTS_KIJ0,
        "00_conv/image0/weight_itile0_otile0_kij1.txt": COL_ROW + WEIGHTS_KIJ1,
        "00_conv/image0/psum.txt": TIME_COL + PSUMS,
        "00_conv/image0/out.txt": OUT_COL + OUTPUTS,
        "00_conv/image0/acc.txt": ADDRESSES,
    },
    "course-2bit": {
        "00_conv/image0/activation_2b.txt": TIME_ROW + ACTIVATIONS_2,
        "00_conv/image0/weight_0_v2.txt": COL_ROW + WEIGHTS_KIJ0,
        "00_conv/image0/weight_1_v2.txt": COL_ROW + WEIGHTS_KIJ1,
        "00_conv/image0/psum_v2.txt": TIME_COL + PSUMS,
        "00_conv/image0/output_v2.txt": TIME_ROW + OUTPUTS,
    },
}


def tiny_layer() -> tuple[Graph, dict[str, IntArray]]:
    builder = GraphBuilder("tiny")
    x = builder.input("x", (2, 2, 3), "u2")
    weights = np.array([[[[1, -2]], [[3, -8]]], [[[-1, 7]], [[0, 2]]]])
    acc = builder.add("conv", Conv(), x, builder.constant("w", weights, "i4"), builder.constant("b", [1, -3], "i4"))
    op = Requant(IntType(4, True), -8, 7, Rounding.HALF_UP, 1, 1)
    out = builder.add("act", op, acc, builder.constant("m", [1], "i4"), builder.constant("o", [0], "i4"),
                      builder.constant("s", [2], "u4"))
    return builder.build(out), {"x": np.array([[[[0, 1, 2], [3, 2, 1]], [[3, 0, 1], [1, 2, 0]]]])}


def written(folder: Path, template: str, rows: int = 2, cols: int = 2) -> Path:
    graph, inputs = tiny_layer()
    write_vectors(graph, inputs, plan_vectors(graph, 1, Choice(built_in(template), rows, cols)), folder)
    return folder


@pytest.mark.parametrize("template", WANTED)
def test_every_byte_is_the_one_computed_by_hand(template: str, tmp_path: Path) -> None:
    folder = written(tmp_path / "v", template)
    found = {path.relative_to(folder).as_posix(): path.read_bytes().decode() for path in folder.rglob("*.txt")}
    assert found == WANTED[template]


def test_files_of_several_tiles_stand_one_after_the_other(tmp_path: Path) -> None:
    """On an array of 1 x 1 there are 2 x 2 tiles; the names of the 2-bit course hold no tile number."""
    folder = written(tmp_path / "v", "course-2bit", 1, 1) / "00_conv/image0"
    data = {path.name: path.read_text().splitlines()[3:] for path in folder.glob("*.txt")}
    channel_0, channel_1 = ["00", "01", "10", "11", "10", "01"], ["11", "00", "01", "01", "10", "00"]
    assert data["activation_2b.txt"] == channel_0 + channel_1
    assert data["weight_0_v2.txt"] == ["0001", "0011", "1111", "0000"]  # 1, 3 of output 0; -1, 0 of output 1
    assert data["weight_1_v2.txt"] == ["1110", "1000", "0111", "0010"]  # -2, -8; 7, 2
    psums = [int(line, 2) - (int(line, 2) >> 15 << 16) for line in data["psum_v2.txt"]]
    assert psums[:12] == [0, 1, 2, 3, 2, 1, 0, -2, -4, -6, -4, -2]  # otile 0, itile 0: kij 0, kij 1
    assert psums[12:24] == [9, 0, 3, 3, 6, 0, -24, 0, -8, -8, -16, 0]  # otile 0, itile 1
    assert psums[24:30] == [0, -1, -2, -3, -2, -1]  # otile 1, itile 0, kij 0
    assert psums[36:] == [0] * 6 + [6, 0, 2, 2, 4, 0]  # otile 1, itile 1
    outputs = [int(line, 2) - (int(line, 2) >> 15 << 16) for line in data["output_v2.txt"]]
    assert outputs == [2, -1, -2, 2, 1, 3, 3, 1]  # otile 0, otile 1


def test_the_files_are_read_back_as_the_numbers_computed_by_hand(tmp_path: Path) -> None:
    layer = read_vectors(written(tmp_path / "v", "course")).layers["conv"]
    assert layer["activation"][Place(0, None, 0)].tolist() == [[0, 3], [1, 0], [2, 1], [3, 1], [2, 2], [1, 0]]
    assert layer["weight"][Place(0, 0, 0, 1)].tolist() == [[-2, -8], [7, 2]]
    assert layer["psum"][Place(0, 0, 0, 1)].tolist() == [[-24, 6], [-2, 7], [-12, 16], [-14, 23], [-20, 18], [-2, 7]]
    assert layer["out"][Place(0, 0)].tolist() == [[2, 1], [-1, 3], [-2, 3], [2, 1]]
    assert layer["acc"][Place(0, None, None, 1)].tolist() == [[7], [8], [10], [11]]
