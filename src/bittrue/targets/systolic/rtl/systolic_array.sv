// The weight-stationary array: ROWS x COLS processing elements between an input skew and an output deskew.
//
// Row = input channel, column = output channel. One vector of activations enters per cycle, and ROWS + COLS - 1 cycles
// later its COLS partial sums leave together: psum[c] = sum over r of act[r] * weight[r][c].
// Weights enter at the right edge, one column per cycle with `weight_shift`, column 0 first; after COLS cycles it has
// reached the left edge. Only neighbours are connected.
module systolic_array #(
    parameter int ROWS        = 8,
    parameter int COLS        = 8,
    parameter int ACT_BITS    = 4,
    parameter int WEIGHT_BITS = 4,
    parameter int PSUM_BITS   = 16
) (
    input  logic                             clk,
    input  logic                             act_signed,
    input  logic [ROWS-1:0][ACT_BITS-1:0]    act,
    input  logic                             weight_shift,
    input  logic [ROWS-1:0][WEIGHT_BITS-1:0] weight_column,
    output logic [COLS-1:0][PSUM_BITS-1:0]   psum
);
    logic        [ROWS-1:0][ACT_BITS:0]  extended, skewed;
    logic        [COLS-1:0][PSUM_BITS-1:0] bottom;
    logic signed [ACT_BITS:0]            act_wire    [ROWS][COLS+1];
    logic signed [WEIGHT_BITS-1:0]       weight_wire [ROWS][COLS+1];
    logic signed [PSUM_BITS-1:0]         psum_wire   [ROWS+1][COLS];

    for (genvar r = 0; r < ROWS; r++) begin : g_row
        assign extended[r] = {act_signed & act[r][ACT_BITS-1], act[r]};
        assign act_wire[r][0] = skewed[r];
        assign weight_wire[r][COLS] = weight_column[r];
        for (genvar c = 0; c < COLS; c++) begin : g_col
            pe #(
                .ACT_BITS(ACT_BITS), .WEIGHT_BITS(WEIGHT_BITS), .PSUM_BITS(PSUM_BITS)
            ) u_pe (
                .clk, .weight_shift,
                .weight_in(weight_wire[r][c+1]), .weight_out(weight_wire[r][c]),
                .act_in(act_wire[r][c]), .act_out(act_wire[r][c+1]),
                .psum_in(psum_wire[r][c]), .psum_out(psum_wire[r+1][c])
            );
        end
    end

    for (genvar c = 0; c < COLS; c++) begin : g_edge
        assign psum_wire[0][c] = '0;
        assign bottom[c] = psum_wire[ROWS][c];
    end

    skew #(.LANES(ROWS), .WIDTH(ACT_BITS + 1), .REVERSE(1'b0)) u_skew (.clk, .lanes_in(extended), .lanes_out(skewed));
    skew #(.LANES(COLS), .WIDTH(PSUM_BITS), .REVERSE(1'b1)) u_deskew (.clk, .lanes_in(bottom), .lanes_out(psum));
endmodule
