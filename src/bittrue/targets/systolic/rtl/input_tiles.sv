// The input tiles of an output tile, segment by segment: where the next ROWS channels are, and which tiles are the first
// and the last. `step` goes on to the next input tile, over the ends of segments and of output tiles.
module input_tiles
    import systolic_pkg::*;
#(
    parameter int LANES = 8,  // lanes of the activation memory
    parameter int WIDTH = 8   // lanes of an input tile
) (
    input  logic     clk,
    input  logic     start,        // load the first segment of a layer
    input  logic     step,
    input  addr_t    plane,
    input  segment_t segment,      // the one that follows
    output logic     next_segment, // it is taken: fetch another one
    output addr_t    addr,
    output dim_t     lane,
    output logic     first,        // the first input tile of an output tile
    output logic     last          // the last one
);
    dim_t steps;
    logic ends_tile, ends_segment, wraps;

    assign ends_segment = steps == dim_t'(1);
    assign last         = ends_segment && ends_tile;
    assign next_segment = start || (step && ends_segment);
    assign wraps        = lane + dim_t'(WIDTH) >= dim_t'(LANES);

    always_ff @(posedge clk) begin
        if (next_segment) begin
            addr      <= segment.addr;
            lane      <= segment.lane;
            steps     <= segment.steps;
            ends_tile <= segment.last[0];
            first     <= start || ends_tile;
        end else if (step) begin
            addr  <= wraps ? addr + plane : addr;
            lane  <= wraps ? lane + dim_t'(WIDTH) - dim_t'(LANES) : lane + dim_t'(WIDTH);
            steps <= steps - 1'b1;
            first <= 1'b0;
        end
    end
endmodule
