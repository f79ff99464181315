// The plain schedule, nothing overlapped. Per output tile and input tile:
//
//   for every kernel position:  LOAD      LOADS cycles    the weights
//                               STREAM    n_nij cycles    every position of the padded image, into the psum memory
//                               DRAINING  DRAIN cycles    until the last partial sum is there
//   then                        GATHER    n_out * n_kij   one partial sum per column and cycle from the psum memory into
//                                                         the accumulators; output position major
module schedule_plain
    import systolic_pkg::*;
#(
    parameter int LANES      = 8,
    parameter int WIDTH      = 8,
    parameter int LOADS      = 8,
    parameter int INDEX_BITS = 3,
    parameter int DRAIN      = 16
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
    output addr_t                 psum_addr,     // of the partial sum that is gathered
    output logic                  psum_restart,  // an input tile begins: fill the psum memory from 0
    output logic                  streams,
    output logic                  finished       // in the cycle of the layer's last partial sum
);
    typedef enum logic [2:0] {
        IDLE,
        LOAD,
        STREAM,
        DRAINING,
        GATHER
    } state_t;

    state_t state;
    dim_t   count;   // cycles spent in LOAD or DRAINING
    addr_t  passes_left, position;
    logic   begins;  // nothing was gathered yet
    logic   gathers, load_ends, pass_ends, drain_ends, gather_ends;
    dim_t   padded_y, padded_x, out_y, out_x, kernel_y, kernel_x, y, x, gather_y, gather_x;
    addr_t  padded_offset, out_offset, kernel_offset, tile_addr;
    logic   padded_first, padded_last, out_last, kernel_first, kernel_last, tile_first, tile_last;

    walk u_padded (
        .clk, .restart(start), .step(streams), .rows(layer.padded_h), .cols(layer.padded_w), .step_y(dim_t'(1)),
        .step_x(dim_t'(1)), .add_y(addr_t'(layer.in_w)), .add_x(addr_t'(1)), .y(padded_y), .x(padded_x),
        .offset(padded_offset), .first(padded_first), .last(padded_last)
    );
    walk u_kernel (
        .clk, .restart(start), .step(drain_ends || gathers), .rows(layer.kernel_h), .cols(layer.kernel_w),
        .step_y(layer.dilation_y), .step_x(layer.dilation_x), .add_y(layer.gather_kernel), .add_x(layer.gather_step),
        .y(kernel_y), .x(kernel_x), .offset(kernel_offset), .first(kernel_first), .last(kernel_last)
    );
    /* verilator lint_off PINCONNECTEMPTY */
    walk u_outputs (
        .clk, .restart(start), .step(gathers && kernel_last), .rows(layer.out_h), .cols(layer.out_w),
        .step_y(layer.stride_y), .step_x(layer.stride_x), .add_y(layer.gather_pitch),
        .add_x(addr_t'(layer.stride_x)), .y(out_y), .x(out_x), .offset(out_offset), .first(), .last(out_last)
    );
    /* verilator lint_on PINCONNECTEMPTY */
    input_tiles #(
        .LANES(LANES), .WIDTH(WIDTH)
    ) u_tiles (
        .clk, .start, .step(gather_ends && !finished), .plane(layer.in_plane), .segment, .next_segment,
        .addr(tile_addr), .lane(read.lane), .first(tile_first), .last(tile_last)
    );

    assign streams     = state == STREAM;
    assign gathers     = state == GATHER;
    assign load_ends   = state == LOAD && count + 1'b1 == dim_t'(LOADS);
    assign pass_ends   = streams && padded_last;
    assign drain_ends  = state == DRAINING && count + 1'b1 == dim_t'(DRAIN);
    assign gather_ends = gathers && out_last && kernel_last;
    assign finished    = gather_ends && passes_left == '0;

    assign y            = padded_y - layer.pad_top;
    assign x            = padded_x - layer.pad_left;
    assign read.valid   = streams;
    assign read.swap    = padded_first;
    assign read.padding = y >= layer.in_h || x >= layer.in_w;  // negative values wrap to large ones
    assign read.addr    = tile_addr + layer.in_origin + padded_offset;

    assign gather_y      = out_y + kernel_y - layer.pad_top;
    assign gather_x      = out_x + kernel_x - layer.pad_left;
    assign psum_addr     = out_offset + kernel_offset;
    assign psum_restart  = start || gather_ends;
    assign sum.valid     = gathers;
    assign sum.begins    = begins;
    assign sum.take_max  = layer.take_max[0];
    assign sum.first     = tile_first && kernel_first;
    assign sum.last      = tile_last && kernel_last;
    assign sum.ignore    = sum.take_max && (gather_y >= layer.in_h || gather_x >= layer.in_w);
    assign sum.tile_ends = tile_last && kernel_last && out_last;
    assign sum.addr      = position;

    assign load_valid = state == LOAD;
    assign load_index = INDEX_BITS'(count);

    always_ff @(posedge clk) begin
        if (start) begins <= 1'b1;
        else if (gathers) begins <= 1'b0;
        if (start) passes_left <= layer.passes;
        else if (pass_ends) passes_left <= passes_left - 1'b1;
        if (start || gather_ends) position <= '0;
        else if (gathers && kernel_last) position <= position + 1'b1;
        count <= load_ends || drain_ends || !(state == LOAD || state == DRAINING) ? '0 : count + 1'b1;
        if (start) state <= LOAD;
        else if (load_ends) state <= STREAM;
        else if (pass_ends) state <= DRAINING;
        else if (drain_ends) state <= kernel_last ? GATHER : LOAD;
        else if (gather_ends) state <= finished ? IDLE : LOAD;
        if (rst) state <= IDLE;
    end
endmodule
