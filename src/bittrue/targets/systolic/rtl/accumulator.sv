// Adds up the partial sums of an output position, COLS channels side by side, or finds their maximum. The sums of all
// positions wait in a memory between kernel positions and between input tiles.
//
// `sum` says what to do with the partial sum that comes one cycle after it.
module accumulator
    import systolic_pkg::*;
#(
    parameter int COLS      = 8,
    parameter int PSUM_BITS = 16,
    parameter int ACC_BITS  = 32,
    parameter int DEPTH     = 1024
) (
    input  logic                           clk,
    input  logic                           rst,
    input  sum_t                           sum,
    input  logic [COLS-1:0][PSUM_BITS-1:0] psum,
    input  logic [COLS-1:0][ACC_BITS-1:0]  bias,
    output logic                           acc_begins, // the first sum of a layer is here
    output logic                           acc_valid,  // the sum is complete
    output logic                           acc_ends_tile,
    output logic [COLS-1:0][ACC_BITS-1:0]  acc
);
    sum_t                          now;
    addr_t                         previous_addr;
    logic                          previous_valid, repeated;
    logic [COLS-1:0][ACC_BITS-1:0] stored, previous;

    always_ff @(posedge clk) begin
        now            <= sum;
        previous       <= acc;
        previous_addr  <= now.addr;
        previous_valid <= now.valid;
        if (rst) now.valid <= 1'b0;
    end

    // The sum that was just written is not in the word that was read in the same cycle.
    assign repeated = previous_valid && previous_addr == now.addr;

    for (genvar c = 0; c < COLS; c++) begin : g_col
        logic signed [ACC_BITS-1:0] base, value;
        assign base   = now.first ? bias[c] : repeated ? previous[c] : stored[c];
        assign value  = ACC_BITS'(signed'(psum[c]));
        assign acc[c] = now.ignore ? base : !now.take_max ? base + value : value > base ? value : base;
    end
    assign acc_begins    = now.valid && now.begins;
    assign acc_valid     = now.valid && now.last;
    assign acc_ends_tile = now.valid && now.tile_ends;

    memory #(.WIDTH(COLS * ACC_BITS), .DEPTH(DEPTH)) u_sums (
        .clk, .write(now.valid), .write_addr(now.addr), .write_data(acc), .read_addr(sum.addr), .read_data(stored)
    );
endmodule
