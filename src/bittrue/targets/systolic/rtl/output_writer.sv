// Puts the outputs of a layer into the activation memory: output tile after output tile, position after position.
module output_writer
    import systolic_pkg::*;
#(
    parameter int COLS      = 8,
    parameter int OUT_BITS  = 16,
    parameter int LANES     = 8,
    parameter int LANE_BITS = 4,
    parameter int PARTS     = 1   // lanes of a value of full width
) (
    input  logic                            clk,
    input  logic                            start,   // a layer begins
    /* verilator lint_off UNUSEDSIGNAL */  // every module needs other fields
    input  layer_t                          layer,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic                            valid,
    input  logic                            ends_tile,
    input  logic [COLS-1:0][OUT_BITS-1:0]   out,
    output logic                            write,
    output addr_t                           write_addr,
    output dim_t                            write_lane,
    output dim_t                            write_count,
    output logic [LANES-1:0][LANE_BITS-1:0] write_data
);
    function automatic dim_t lanes_of(dim_t channels);
        return layer.store_half[0] || PARTS == 1 ? channels : {channels[14:0], 1'b0};
    endfunction

    addr_t tile_addr, position;
    dim_t  channels_left, taken, width;
    logic  wraps;
    logic [LANES-1:0][LANE_BITS-1:0] full, half;

    assign taken       = channels_left < layer.tile_channels ? channels_left : layer.tile_channels;
    assign width       = lanes_of(layer.tile_channels);
    assign wraps       = write_lane + width >= dim_t'(LANES);
    assign write       = valid && layer.store[0];
    assign write_addr  = tile_addr + position;
    assign write_count = lanes_of(taken);
    assign write_data  = layer.store_half[0] ? half : full;

    for (genvar j = 0; j < LANES; j++) begin : g_lane
        if (j < COLS * PARTS) begin : g_full
            assign full[j] = LANE_BITS'(out[j/PARTS] >> (j % PARTS * LANE_BITS));
        end else begin : g_no_full
            assign full[j] = '0;
        end
        if (j < COLS) begin : g_half
            assign half[j] = LANE_BITS'(out[j]);
        end else begin : g_no_half
            assign half[j] = '0;
        end
    end

    always_ff @(posedge clk) begin
        if (start) begin
            tile_addr     <= layer.out_addr;
            write_lane    <= layer.out_lane;
            channels_left <= layer.channels;
            position      <= '0;
        end else if (valid && ends_tile) begin
            tile_addr     <= wraps ? tile_addr + layer.out_plane : tile_addr;
            write_lane    <= wraps ? write_lane + width - dim_t'(LANES) : write_lane + width;
            channels_left <= channels_left - taken;
            position      <= '0;
        end else if (valid) begin
            position <= position + 1'b1;
        end
    end
endmodule
