"""The text form: exact inverses, readable lines, complete diagnostics."""

from __future__ import annotations

from hypothesis import given, settings
from strategies import graphs

from bittrue.ir import Graph
from bittrue.ir.text import parse_graph, print_graph


@given(graphs())
@settings(deadline=None, max_examples=150)
def test_round_trip_is_exact_on_random_graphs(graph: Graph) -> None:
    text = print_graph(graph)
    again = parse_graph(text)
    assert again == graph
    assert print_graph(again) == text
