// Walks over the positions of a rectangle row by row, and begins again after the last one.
//
// `y`, `x` and `offset` count from 0: whoever nests two walks adds them up.
module walk
    import systolic_pkg::*;
(
    input  logic  clk,
    input  logic  restart,
    input  logic  step,
    input  dim_t  rows,
    input  dim_t  cols,
    input  dim_t  step_y,  // distance of two rows, of two columns
    input  dim_t  step_x,
    input  addr_t add_y,   // the same as distances of addresses
    input  addr_t add_x,
    output dim_t  y,
    output dim_t  x,
    output addr_t offset,
    output logic  first,
    output logic  last
);
    dim_t  row, col;
    addr_t row_offset;
    logic  row_ends;

    assign row_ends = col + 1'b1 == cols;
    assign first    = row == '0 && col == '0;
    assign last     = row_ends && row + 1'b1 == rows;

    always_ff @(posedge clk) begin
        if (restart || (step && last)) begin
            {row, col, y, x, row_offset, offset} <= '0;
        end else if (step && row_ends) begin
            row        <= row + 1'b1;
            y          <= y + step_y;
            row_offset <= row_offset + add_y;
            offset     <= row_offset + add_y;
            {col, x}   <= '0;
        end else if (step) begin
            col    <= col + 1'b1;
            x      <= x + step_x;
            offset <= offset + add_x;
        end
    end
endmodule
