// The accelerator: it runs a whole network, from the image that the host loads to the accumulators of the last layer.
//
//   program -> controller -> schedule -> activation memory -> array -> (psum memory) -> accumulator -> output stages
//                                              ^                                                           |
//                                              +------------------------- output writer <------------------+
//
// Around it are four read-only memories with one cycle of latency, each read strictly in order for an image: the program
// (layers), the segments (input channels of every output tile), the weights, and the channels (bias and requantization of
// every output tile). OVERLAPPED chooses the schedule; the psum memory exists in the plain one only.
module systolic_core
    import systolic_pkg::*;
#(
    parameter int ROWS        = 8,
    parameter int COLS        = 8,
    parameter int ACT_BITS    = 4,
    parameter int WEIGHT_BITS = 4,
    parameter int PSUM_BITS   = 16,
    parameter int ACC_BITS    = 32,
    parameter int MUL_BITS    = 32,
    parameter int OUT_BITS    = 16,
    parameter int SCALED_BITS = 64,    // of what the output stages round
    parameter int SLOPE_BITS  = 31,    // of the multiplier of negative values; 1 is enough for ReLU
    parameter bit SUBWORD     = 1'b0,
    parameter bit OVERLAPPED  = 1'b1,
    parameter int LOAD_LANES  = 1,     // columns whose weights arrive in one cycle
    parameter int ACT_DEPTH   = 1024,  // words of the activation memory
    parameter int ACC_DEPTH   = 1024,  // output positions of the largest layer
    parameter int PSUM_DEPTH  = 1024,  // partial sums of the largest input tile
    localparam int Parts       = SUBWORD ? 2 : 1,
    localparam int LaneBits    = ACT_BITS / Parts,
    localparam int Lanes       = Parts * (ROWS > COLS ? ROWS : COLS),
    localparam int ChannelBits = ACC_BITS + MUL_BITS + SCALED_BITS + 6
) (
    input  logic clk,
    input  logic rst,
    input  logic start,
    output logic busy,

    output logic                              host_request,  // load the next tensors, then say `host_done`
    input  logic                              host_done,
    input  logic                              host_write,
    input  addr_t                             host_addr,
    input  dim_t                              host_lane,
    input  dim_t                              host_count,
    input  logic [Lanes-1:0][LaneBits-1:0]    host_data,

    output addr_t                             program_addr,
    input  layer_t                            program_data,
    output addr_t                             segment_addr,
    input  segment_t                          segment_data,
    output addr_t                             weight_addr,
    input  logic [LOAD_LANES-1:0][ROWS-1:0][Parts-1:0][WEIGHT_BITS-1:0] weight_data,
    output addr_t                             channel_addr,
    input  logic [COLS-1:0][ChannelBits-1:0]  channel_data,

    output logic                              psum_valid,
    output logic [COLS-1:0][PSUM_BITS-1:0]    psum,
    output logic                              acc_valid,
    output logic [COLS-1:0][ACC_BITS-1:0]     acc,
    output logic                              out_valid,
    output logic [COLS-1:0][OUT_BITS-1:0]     out,

    output logic                              layer_done,
    output logic                              streams,  // for the report: what the cycle is spent on
    output logic                              sums,
    output logic                              loads,
    output logic                              drains,
    output logic                              stores
);
    localparam int Latency   = ROWS + COLS;  // address of a position -> its partial sums
    localparam int OutDelay  = 3;            // accumulator -> output
    localparam int Loads     = (COLS + LOAD_LANES - 1) / LOAD_LANES;
    localparam int IndexBits = Loads > 1 ? $clog2(Loads) : 1;

    typedef struct packed {
        logic [ACC_BITS-1:0]    bias;
        logic [MUL_BITS-1:0]    multiplier;
        logic [SCALED_BITS-1:0] offset;
        logic [5:0]             shift;
    } channel_t;

    layer_t                layer;      // the one that streams
    layer_t                out_layer;  // the one whose sums are in the output stages
    read_t                 read;
    sum_t                  sum, accumulated;
    logic                  schedule_start, schedule_finished, next_segment, load_valid, load_arrives;
    logic [IndexBits-1:0]  load_index, index_arrives;
    logic                  acc_begins, acc_ends_tile, out_begins, out_ends_tile;
    logic [COLS-1:0][PSUM_BITS-1:0] gathered;   // the partial sum that `accumulated` belongs to
    logic [COLS-1:0][ACC_BITS-1:0]  bias;

    controller u_controller (
        .clk, .rst, .start, .busy, .host_request, .host_done, .program_addr, .program_data, .layer, .schedule_start,
        .schedule_finished, .drains, .layer_done
    );

    if (OVERLAPPED) begin : g_overlapped
        schedule_overlapped #(
            .LANES(Lanes), .WIDTH(Parts * ROWS), .LOADS(Loads), .INDEX_BITS(IndexBits)
        ) u_schedule (
            .clk, .rst, .start(schedule_start), .layer, .segment(segment_data), .next_segment, .load_valid,
            .load_index, .read, .sum, .streams, .finished(schedule_finished)
        );
        delay #(.WIDTH($bits(sum_t)), .DEPTH(Latency - 1)) u_sum (.clk, .data_in(sum), .data_out(accumulated));
        assign gathered = psum;
    end else begin : g_plain
        addr_t psum_addr, filled;
        logic  psum_restart;
        schedule_plain #(
            .LANES(Lanes), .WIDTH(Parts * ROWS), .LOADS(Loads), .INDEX_BITS(IndexBits), .DRAIN(Latency)
        ) u_schedule (
            .clk, .rst, .start(schedule_start), .layer, .segment(segment_data), .next_segment, .load_valid,
            .load_index, .read, .sum, .psum_addr, .psum_restart, .streams, .finished(schedule_finished)
        );
        always_ff @(posedge clk) begin
            if (psum_restart) filled <= '0;
            else filled <= filled + addr_t'(psum_valid);
        end
        assign accumulated = sum;
        memory #(.WIDTH(COLS * PSUM_BITS), .DEPTH(PSUM_DEPTH)) u_psums (
            .clk, .write(psum_valid), .write_addr(filled), .write_data(psum), .read_addr(psum_addr),
            .read_data(gathered)
        );
`ifndef SYNTHESIS
        always_ff @(posedge clk) begin
            assert (!sum.valid || psum_addr < filled)
            else $fatal(1, "ASSERT a partial sum is gathered before it is there: %0d of %0d", psum_addr, filled);
        end
`endif  // SYNTHESIS
    end
    assign sums  = sum.valid;
    assign loads = load_valid;

    // All three tables are read in order; a network begins with their first words.
    always_ff @(posedge clk) begin
        segment_addr <= segment_addr + addr_t'(next_segment);
        weight_addr  <= weight_addr + addr_t'(load_valid);
        channel_addr <= channel_addr + addr_t'(accumulated.valid && accumulated.tile_ends);
        if (rst || !busy) {segment_addr, weight_addr, channel_addr} <= '0;
    end

    // ---- activations ---------------------------------------------------------------------------------------------
    logic                           store;
    addr_t                          store_addr;
    dim_t                           store_lane, store_count;
    logic [Lanes-1:0][LaneBits-1:0] store_data;
    logic [ROWS-1:0][Parts-1:0][LaneBits-1:0] act;

    assign stores = store;
    activation_memory #(
        .LANES(Lanes), .LANE_BITS(LaneBits), .READ_LANES(Parts * ROWS), .DEPTH(ACT_DEPTH)
    ) u_activations (
        .clk, .read_addr(read.addr), .read_lane(read.lane), .read_plane(layer.in_plane), .read_data(act),
        .write(store || host_write), .write_addr(host_write ? host_addr : store_addr),
        .write_lane(host_write ? host_lane : store_lane), .write_plane(host_write ? '0 : out_layer.out_plane),
        .write_count(host_write ? host_count : store_count), .write_data(host_write ? host_data : store_data)
    );

    logic padding_arrives, swap_arrives, signed_arrives;
    always_ff @(posedge clk) begin
        padding_arrives <= read.padding;
        swap_arrives    <= read.valid && read.swap;
        signed_arrives  <= layer.act_signed[0];
        load_arrives    <= load_valid;
        index_arrives   <= load_index;
    end

    // ---- array ---------------------------------------------------------------------------------------------------
    logic [LOAD_LANES-1:0][ROWS-1:0][Parts-1:0][WEIGHT_BITS-1:0] weights;

    // Without subword mode both halves of a multiplier have the same weight: the first half of the word holds them all.
    if (SUBWORD) begin : g_weights
        for (genvar j = 0; j < LOAD_LANES; j++) begin : g_segment
            for (genvar r = 0; r < ROWS; r++) begin : g_row
                assign weights[j][r] = layer.subword[0] ? weight_data[j][r] : {2{weight_data[j][r][0]}};
            end
        end
    end else begin : g_whole_weights
        assign weights = weight_data;
    end

    systolic_array #(
        .ROWS(ROWS), .COLS(COLS), .ACT_BITS(ACT_BITS), .WEIGHT_BITS(WEIGHT_BITS), .PSUM_BITS(PSUM_BITS),
        .SUBWORD(SUBWORD), .LOAD_LANES(LOAD_LANES), .LOADS(Loads), .INDEX_BITS(IndexBits)
    ) u_array (
        .clk, .act_signed(signed_arrives), .split(layer.subword[0]), .swap(swap_arrives),
        .act(padding_arrives ? '0 : act), .load_valid(load_arrives), .load_index(index_arrives),
        .load_weight(weights), .psum
    );
    delay #(.WIDTH(1), .DEPTH(Latency)) u_psum_valid (.clk, .data_in(read.valid), .data_out(psum_valid));

    // ---- accumulators --------------------------------------------------------------------------------------------
    accumulator #(
        .COLS(COLS), .PSUM_BITS(PSUM_BITS), .ACC_BITS(ACC_BITS), .DEPTH(ACC_DEPTH)
    ) u_accumulator (
        .clk, .rst, .sum(accumulated), .psum(gathered), .bias, .acc_begins, .acc_valid, .acc_ends_tile, .acc
    );

    // ---- outputs -------------------------------------------------------------------------------------------------
    // A layer's first sum brings its settings along: it comes when the last output of the layer before has left.
    always_ff @(posedge clk) begin
        if (acc_begins) out_layer <= layer;
        out_begins <= acc_begins;
    end
    delay #(.WIDTH(2), .DEPTH(OutDelay)) u_out_valid (
        .clk, .data_in({acc_valid, acc_ends_tile}), .data_out({out_valid, out_ends_tile})
    );
    for (genvar c = 0; c < COLS; c++) begin : g_stage
        channel_t channel;
        assign channel = channel_data[c];
        assign bias[c] = channel.bias;
        output_stage #(
            .ACC_BITS(ACC_BITS), .MUL_BITS(MUL_BITS), .OUT_BITS(OUT_BITS), .SCALED_BITS(SCALED_BITS),
            .SLOPE_BITS(SLOPE_BITS)
        ) u_stage (
            .clk, .acc(acc[c]), .multiplier(channel.multiplier), .offset(channel.offset), .shift(channel.shift),
            .slope_multiplier(out_layer.slope_multiplier[SLOPE_BITS-1:0]), .slope_shift(out_layer.slope_shift[4:0]),
            .rounding(out_layer.rounding[1:0]), .lo(out_layer.lo[OUT_BITS:0]), .hi(out_layer.hi[OUT_BITS:0]),
            .out(out[c])
        );
    end
    output_writer #(
        .COLS(COLS), .OUT_BITS(OUT_BITS), .LANES(Lanes), .LANE_BITS(LaneBits), .PARTS(Parts)
    ) u_writer (
        .clk, .start(out_begins), .layer(out_layer), .valid(out_valid), .ends_tile(out_ends_tile), .out, .write(store),
        .write_addr(store_addr), .write_lane(store_lane), .write_count(store_count), .write_data(store_data)
    );

`ifndef SYNTHESIS
    always_ff @(posedge clk) begin
        if (!rst) begin
            assert (!(store && host_write))
            else $fatal(1, "ASSERT the host writes while a layer stores its outputs");
            assert (!host_write || host_request)
            else $fatal(1, "ASSERT the host writes without having been asked");
            assert (!(swap_arrives && load_arrives && index_arrives != '0))
            else $fatal(1, "ASSERT a pass begins before its weights have arrived");
            assert (!read.valid || read.padding || read.addr < addr_t'(ACT_DEPTH))
            else $fatal(1, "ASSERT read beyond the activation memory: address %0d of %0d", read.addr, ACT_DEPTH);
            assert (!sum.valid || sum.addr < addr_t'(ACC_DEPTH))
            else $fatal(1, "ASSERT more output positions than accumulators: %0d of %0d", sum.addr, ACC_DEPTH);
        end
    end
`endif  // SYNTHESIS
endmodule
