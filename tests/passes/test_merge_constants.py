"""MergeConstants."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from pass_cases import check_text, check_values
from strategies import graphs

from bittrue.ir import Graph
from bittrue.passes import MergeConstants


def test_constants_of_one_type_shape_and_values_become_one() -> None:
    check_text(MergeConstants(), """
        graph "g"
        @w1: i4[2,2] = [[1, -2], [3, 0]]
        @w2: i4[2,2] = [[1, -2], [3, 0]]
        @wider: i5[2,2] = [[1, -2], [3, 0]]
        @longer: i4[1,2] = [[1, -2]]
        @other: i4[2,2] = [[1, -2], [3, 1]]
        @flat: i4[4] = [1, -2, 3, 0]
        %x = Input(tensor=u4[2])
        %a = Linear(%x, @w1)
        %b = Linear(%x, @w2)
        %c = Linear(%x, @wider)
        %d = Linear(%x, @longer)
        %e = Linear(%x, @other)
        output %a, %b, %c, %d, %e
    """, """
        graph "g"
        @w1: i4[2,2] = [[1, -2], [3, 0]]
        @wider: i5[2,2] = [[1, -2], [3, 0]]
        @longer: i4[1,2] = [[1, -2]]
        @other: i4[2,2] = [[1, -2], [3, 1]]
        @flat: i4[4] = [1, -2, 3, 0]
        %x = Input(tensor=u4[2])
        %a = Linear(%x, @w1)
        %b = Linear(%x, @w1)
        %c = Linear(%x, @wider)
        %d = Linear(%x, @longer)
        %e = Linear(%x, @other)
        output %a, %b, %c, %d, %e
    """)


@given(graphs(["lookup", "requant", "linear"], max_nodes=8), st.integers(0, 2**32))
@settings(deadline=None, max_examples=150)
def test_values_on_random_graphs(graph: Graph, seed: int) -> None:
    check_values(MergeConstants(), graph, seed)
