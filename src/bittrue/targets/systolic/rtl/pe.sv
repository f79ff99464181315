// Processing element: a multiplier, an adder, a stationary weight, and its successor in a shadow register.
//
// Activations and weights move to the right, partial sums move down. A weight is taken from the bus when its index is
// this PE's; `swap` comes with the first activation that needs it. Both travel like the activations, so every PE does the
// same thing ROW + COLUMN cycles after the first one, and never waits for its neighbours.
//
// With SUBWORD the multiplier is made of two halves. One activation of full width uses both with the same weight;
// in subword mode (`split`) two activations of half the width meet two weights and their products are added.
module pe #(
    parameter int ACT_BITS    = 4,
    parameter int WEIGHT_BITS = 4,
    parameter int PSUM_BITS   = 16,
    parameter bit SUBWORD     = 1'b0,
    parameter int INDEX_BITS  = 3,
    parameter int INDEX       = 0,
    localparam int Parts      = SUBWORD ? 2 : 1,
    localparam int PartBits   = ACT_BITS / Parts + 1  // a sign bit more than the data: for signed and unsigned values
) (
    input  logic                                clk,
    input  logic                                split,
    input  logic                                swap_in,
    output logic                                swap_out,
    input  logic [Parts-1:0][PartBits-1:0]      act_in,
    output logic [Parts-1:0][PartBits-1:0]      act_out,
    input  logic                                bus_valid_in,
    output logic                                bus_valid_out,
    input  logic [INDEX_BITS-1:0]               bus_index_in,
    output logic [INDEX_BITS-1:0]               bus_index_out,
    input  logic [Parts-1:0][WEIGHT_BITS-1:0]   bus_weight_in,
    output logic [Parts-1:0][WEIGHT_BITS-1:0]   bus_weight_out,
    input  logic [PSUM_BITS-1:0]                psum_in,
    output logic [PSUM_BITS-1:0]                psum_out
);
    logic [Parts-1:0][WEIGHT_BITS-1:0] shadow, active, weight;
    logic signed [PSUM_BITS-1:0]       product;

    assign weight = swap_in ? shadow : active;

    // Both factors are extended before the multiplication: a cast around the product would cut it to the wider factor.
    if (SUBWORD) begin : g_two
        logic signed [PSUM_BITS-1:0] low, high;
        assign low     = PSUM_BITS'(signed'(act_in[0])) * PSUM_BITS'(signed'(weight[0]));
        assign high    = PSUM_BITS'(signed'(act_in[1])) * PSUM_BITS'(signed'(weight[1]));
        assign product = low + (split ? high : high <<< (ACT_BITS / 2));
    end else begin : g_one
        logic unused_split;
        assign unused_split = split;
        assign product      = PSUM_BITS'(signed'(act_in[0])) * PSUM_BITS'(signed'(weight[0]));
    end

    always_ff @(posedge clk) begin
        if (bus_valid_in && bus_index_in == INDEX_BITS'(INDEX)) shadow <= bus_weight_in;
        active         <= weight;
        act_out        <= act_in;
        swap_out       <= swap_in;
        bus_valid_out  <= bus_valid_in;
        bus_index_out  <= bus_index_in;
        bus_weight_out <= bus_weight_in;
        psum_out       <= psum_in + product;
    end
endmodule
