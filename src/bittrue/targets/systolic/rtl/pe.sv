// Processing element: one multiplier, one adder, one stationary weight.
//
// Activations move to the right, partial sums move down, weights move to the left while they are loaded.
module pe #(
    parameter int ACT_BITS    = 4,
    parameter int WEIGHT_BITS = 4,
    parameter int PSUM_BITS   = 16
) (
    input  logic                          clk,
    input  logic                          weight_shift,
    input  logic signed [WEIGHT_BITS-1:0] weight_in,
    output logic signed [WEIGHT_BITS-1:0] weight_out,
    input  logic signed [ACT_BITS:0]      act_in,    // one bit more than the data: holds signed and unsigned values
    output logic signed [ACT_BITS:0]      act_out,
    input  logic signed [PSUM_BITS-1:0]   psum_in,
    output logic signed [PSUM_BITS-1:0]   psum_out
);
    logic signed [WEIGHT_BITS-1:0] weight;

    assign weight_out = weight;

    // Both factors are extended before the multiplication: a cast around the product would cut it to the wider factor.
    always_ff @(posedge clk) begin
        if (weight_shift) weight <= weight_in;
        act_out  <= act_in;
        psum_out <= psum_in + PSUM_BITS'(act_in) * PSUM_BITS'(weight);
    end
endmodule
