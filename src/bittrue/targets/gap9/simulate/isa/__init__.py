"""The instruction set: one table of rows, from which the decoder, the dispatch and the page of instructions follow."""
