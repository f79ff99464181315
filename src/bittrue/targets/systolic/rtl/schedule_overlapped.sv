// The overlapped schedule: while the positions of one pass stream, the weights of the next pass go into the shadow
// registers; nothing drains between passes, and only the positions that an output needs are streamed.
//
//   PRELOAD   LOADS cycles                    weights of the first pass
//   per pass (output tile, input tile, kernel position):
//   STREAM    out_h * out_w cycles            one position per cycle, straight into the accumulators
//   STALL     until a pass has taken max(LOADS, 2) cycles, which is when the next weights are there
module schedule_overlapped
    import systolic_pkg::*;
#(
    parameter int LANES      = 8,
    parameter int WIDTH      = 8,
    parameter int LOADS      = 4,  // cycles that the weights of a pass take
    parameter int INDEX_BITS = 2
) (
    input  logic                  clk,
    input  logic                  rst,
    input  logic                  start,
    /* verilator lint_off UNUSEDSIGNAL */  // every module needs other fields
    input  layer_t                layer,
    /* verilator lint_on UNUSEDSIGNAL */
    input  segment_t              segment,
    output logic                  next_segment,
    output logic                  load_valid,
    output logic [INDEX_BITS-1:0] load_index,
    output read_t                 read,
    output sum_t                  sum,
    output logic                  streams,
    output logic                  finished  // in the cycle of the layer's last position
);
    typedef enum logic [1:0] {
        IDLE,
        PRELOAD,
        STREAM,
        STALL
    } state_t;

    state_t                state;
    logic [INDEX_BITS:0]   loads_left;
    addr_t                 passes_left, passes_to_load, position;
    logic                  pass_ends, weights_ready, next_pass;
    dim_t                  kernel_y, kernel_x, position_y, position_x, y, x;
    addr_t                 kernel_offset, position_offset, tile_addr;
    logic                  kernel_first, kernel_last, position_first, position_last, tile_first, tile_last;

    walk u_positions (
        .clk, .restart(start), .step(streams), .rows(layer.out_h), .cols(layer.out_w), .step_y(layer.stride_y),
        .step_x(layer.stride_x), .add_y(layer.stride_pitch), .add_x(addr_t'(layer.stride_x)), .y(position_y),
        .x(position_x), .offset(position_offset), .first(position_first), .last(position_last)
    );
    walk u_kernel (
        .clk, .restart(start), .step(pass_ends), .rows(layer.kernel_h), .cols(layer.kernel_w),
        .step_y(layer.dilation_y), .step_x(layer.dilation_x), .add_y(layer.kernel_pitch),
        .add_x(addr_t'(layer.dilation_x)), .y(kernel_y), .x(kernel_x), .offset(kernel_offset), .first(kernel_first),
        .last(kernel_last)
    );
    input_tiles #(
        .LANES(LANES), .WIDTH(WIDTH)
    ) u_tiles (
        .clk, .start, .step(pass_ends && kernel_last && !finished), .plane(layer.in_plane), .segment, .next_segment,
        .addr(tile_addr), .lane(read.lane), .first(tile_first), .last(tile_last)
    );

    assign streams       = state == STREAM;
    assign pass_ends     = streams && position_last;
    assign finished      = pass_ends && passes_left == addr_t'(1);
    assign weights_ready = loads_left <= (INDEX_BITS + 1)'(1);
    // A pass takes two cycles at least: that long the table of segments needs.
    assign next_pass     = (pass_ends && !finished && weights_ready && !position_first)
                         || (state == STALL && weights_ready) || (state == PRELOAD && weights_ready);

    assign y            = position_y + kernel_y - layer.pad_top;
    assign x            = position_x + kernel_x - layer.pad_left;
    assign read.valid   = streams;
    assign read.swap    = position_first;
    assign read.padding = y >= layer.in_h || x >= layer.in_w;  // negative values wrap to large ones
    assign read.addr    = tile_addr + layer.in_origin + kernel_offset + position_offset;

    assign sum.valid     = streams;
    assign sum.begins    = passes_left == layer.passes && position_first;
    assign sum.take_max  = layer.take_max[0];
    assign sum.first     = tile_first && kernel_first;
    assign sum.last      = tile_last && kernel_last;
    assign sum.ignore    = sum.take_max && read.padding;
    assign sum.tile_ends = sum.last && position_last;
    assign sum.addr      = position;

    assign load_valid = loads_left != '0;
    assign load_index = INDEX_BITS'(LOADS) - INDEX_BITS'(loads_left);

    always_ff @(posedge clk) begin
        if (start) begin
            state          <= PRELOAD;
            loads_left     <= (INDEX_BITS + 1)'(LOADS);
            passes_left    <= layer.passes;
            passes_to_load <= layer.passes - 1'b1;
            position       <= '0;
        end else begin
            if (next_pass) state <= STREAM;
            else if (finished) state <= IDLE;
            else if (pass_ends) state <= STALL;
            if (next_pass && passes_to_load != '0) begin
                loads_left     <= (INDEX_BITS + 1)'(LOADS);
                passes_to_load <= passes_to_load - 1'b1;
            end else if (load_valid) begin
                loads_left <= loads_left - 1'b1;
            end
            if (pass_ends) passes_left <= passes_left - 1'b1;
            if (streams) position <= position_last ? '0 : position + 1'b1;
        end
        if (rst) begin
            state      <= IDLE;
            loads_left <= '0;
        end
    end
endmodule
