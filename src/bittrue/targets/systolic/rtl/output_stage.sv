// Requantization of one channel, three cycles long:
//
//   out = clamp(round(slope(acc * multiplier + offset) / 2**shift), lo, hi)
//
// `slope` multiplies negative values by slope_multiplier / 2**slope_shift; its division is part of the one shift, so
// there is one rounding. 64 bits hold every intermediate of a graph that passed the verifier (magnitudes below 2**62).
module output_stage #(
    parameter int ACC_BITS = 32,
    parameter int MUL_BITS = 32,
    parameter int OUT_BITS = 16
) (
    input  logic                       clk,
    input  logic signed [ACC_BITS-1:0] acc,
    input  logic signed [MUL_BITS-1:0] multiplier,
    input  logic signed [62:0]         offset,
    input  logic        [5:0]          shift,
    input  logic        [30:0]         slope_multiplier,
    input  logic        [4:0]          slope_shift,
    input  logic        [1:0]          rounding,
    input  logic signed [OUT_BITS:0]   lo,      // one bit more than the output: it may be signed or unsigned
    input  logic signed [OUT_BITS:0]   hi,
    output logic        [OUT_BITS-1:0] out
);
    localparam logic [1:0] HALF_UP = 2'd0, HALF_EVEN = 2'd1, HALF_AWAY = 2'd2, FLOOR = 2'd3;

    logic signed [63:0] scaled, sloped, quotient, rounded;
    logic        [63:0] dropped, below_half;
    logic        [5:0]  steps;
    logic               half, rest, up;

    always_ff @(posedge clk) scaled <= 64'(acc) * 64'(multiplier) + 64'(offset);

    always_ff @(posedge clk) begin
        sloped <= scaled < 0 ? scaled * 64'(slope_multiplier) : scaled;
        steps  <= scaled < 0 ? shift + 6'(slope_shift) : shift;
    end

    // The dropped bits are compared with one half: `half` is their highest bit, `rest` is set when a lower one is.
    always_comb begin
        quotient   = sloped >>> steps;
        dropped    = unsigned'(sloped) & ~(~64'd0 << steps);
        below_half = ~(~64'd0 << steps) >> 1;
        half       = (dropped & ~below_half) != 0;
        rest       = (dropped & below_half) != 0;
        unique case (rounding)
            HALF_UP:   up = half;
            HALF_EVEN: up = half & (rest | quotient[0]);
            HALF_AWAY: up = half & (rest | ~sloped[63]);
            FLOOR:     up = 1'b0;
        endcase
        rounded = quotient + 64'(up);
    end

    always_ff @(posedge clk) out <= OUT_BITS'(rounded < 64'(lo) ? 64'(lo) : rounded > 64'(hi) ? 64'(hi) : rounded);
endmodule
