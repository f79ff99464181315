"""RemoveDead."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from pass_cases import check_text, check_values
from strategies import graphs

from bittrue.ir import Graph
from bittrue.passes import RemoveDead


def test_unused_nodes_and_constants_go_and_inputs_stay() -> None:
    check_text(RemoveDead(), """
        graph "g"
        @used: i4[1,3] = [[1, -2, 3]]
        @unused: i4[1,3] = [[1, -2, 4]]
        @gone: i4[1,3] = [[1, -2, 5]]
        %x = Input(tensor=u4[3])
        %spare = Input(tensor=u4[3])
        %a = Linear(%x, @used)
        %b = Linear(%x, @gone)
        %c = Add(%b, %a, out=i32)
        %d = Relu(%a)
        output %d
    """, """
        graph "g"
        @used: i4[1,3] = [[1, -2, 3]]
        %x = Input(tensor=u4[3])
        %spare = Input(tensor=u4[3])
        %a = Linear(%x, @used)
        %d = Relu(%a)
        output %d
    """)


def test_an_output_that_others_read_stays() -> None:
    text = """
        graph "g"
        %x = Input(tensor=i4[3])
        %a = Relu(%x)
        %b = Abs(%a)
        output %b, %a
    """
    check_text(RemoveDead(), text, text)


@given(graphs(dead=True), st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_values_on_random_graphs(graph: Graph, seed: int) -> None:
    check_values(RemoveDead(), graph, seed)
