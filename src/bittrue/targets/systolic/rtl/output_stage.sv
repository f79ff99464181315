// Requantization of one channel, three cycles long:
//
//   out = clamp(round(slope(acc * multiplier + offset) / 2**shift), lo, hi)
//
// `slope` multiplies negative values by slope_multiplier / 2**slope_shift; its division is part of the one shift, so
// there is one rounding. ReLU is a slope of 0. SCALED_BITS hold every intermediate of the network, by proof: 64 are enough
// for any graph that passed the verifier. Accumulator, multiplier, offset and shift come together; the rest is the layer's.
module output_stage #(
    parameter int ACC_BITS    = 32,
    parameter int MUL_BITS    = 32,
    parameter int OUT_BITS    = 16,
    parameter int SCALED_BITS = 64,
    parameter int SLOPE_BITS  = 31
) (
    input  logic                   clk,
    input  logic [ACC_BITS-1:0]    acc,
    input  logic [MUL_BITS-1:0]    multiplier,
    input  logic [SCALED_BITS-1:0] offset,
    input  logic [5:0]             shift,
    input  logic [SLOPE_BITS-1:0]  slope_multiplier,
    input  logic [4:0]             slope_shift,
    input  logic [1:0]             rounding,
    input  logic [OUT_BITS:0]      lo,  // one bit more than the output: it may be signed or unsigned
    input  logic [OUT_BITS:0]      hi,
    output logic [OUT_BITS-1:0]    out
);
    localparam logic [1:0] HalfUp = 2'd0, HalfEven = 2'd1, HalfAway = 2'd2;  // 3 is the floor

    logic signed [SCALED_BITS-1:0] scaled, sloped, quotient, rounded, lowest, highest;
    logic        [SCALED_BITS-1:0] kept, dropped, below_half;
    logic        [5:0]             own_shift;
    logic        [6:0]             steps;
    logic                          half, rest, up;

    always_ff @(posedge clk) begin
        scaled    <= SCALED_BITS'(signed'(acc)) * SCALED_BITS'(signed'(multiplier)) + signed'(offset);
        own_shift <= shift;
    end

    always_ff @(posedge clk) begin
        sloped <= scaled < 0 ? scaled * SCALED_BITS'(signed'({1'b0, slope_multiplier})) : scaled;
        steps  <= scaled < 0 ? 7'(own_shift) + 7'(slope_shift) : 7'(own_shift);
    end

    // The dropped bits are compared with one half: `half` is their highest bit, `rest` is set when a lower one is. A
    // shift over the whole width leaves copies of the sign, of which the highest bit is one.
    always_comb begin
        quotient   = sloped >>> steps;
        kept       = {SCALED_BITS{1'b1}} << steps;
        dropped    = unsigned'(sloped) & ~kept;
        below_half = ~kept >> 1;
        half       = (dropped & ~below_half) != 0;
        rest       = (dropped & below_half) != 0;
        case (rounding)
            HalfUp:   up = half;
            HalfEven: up = half & (rest | quotient[0]);
            HalfAway: up = half & (rest | ~sloped[SCALED_BITS-1]);
            default:  up = 1'b0;
        endcase
        rounded = up ? quotient + SCALED_BITS'(1) : quotient;
        lowest  = SCALED_BITS'(signed'(lo));
        highest = SCALED_BITS'(signed'(hi));
    end

    always_ff @(posedge clk) begin
        out <= OUT_BITS'(rounded < lowest ? lowest : rounded > highest ? highest : rounded);
    end
endmodule
