// The accelerator: sequencer, array, partial-sum memory, accumulator, one output stage per column.
//
// It computes one tile (COLS output channels x ROWS input channels, all kernel positions) per `start`. Whoever feeds it
// holds the tile's weights, activations and address list in memories with one cycle of read latency, and keeps
// the configuration stable while `busy`. Accumulators survive from one tile to the next: `first_tile` starts them
// from the bias, `last_tile` sends them through the output stages.
module systolic_core #(
    parameter int ROWS        = 8,
    parameter int COLS        = 8,
    parameter int ACT_BITS    = 4,
    parameter int WEIGHT_BITS = 4,
    parameter int PSUM_BITS   = 16,
    parameter int ACC_BITS    = 32,
    parameter int MUL_BITS    = 32,
    parameter int OUT_BITS    = 16,
    parameter int ADDR_BITS   = 11,
    // Output stage of one channel, as in the files: bias, multiplier, offset, shift, slope_multiplier, slope_shift,
    // rounding, lo, hi.
    localparam int STAGE_BITS = ACC_BITS + MUL_BITS + 63 + 6 + 31 + 5 + 2 + 2 * (OUT_BITS + 1)
) (
    input  logic                             clk,
    input  logic                             rst,
    input  logic                             start,
    output logic                             busy,
    output logic [63:0]                      cycles,

    input  logic [ADDR_BITS-1:0]             n_nij,       // padded positions
    input  logic [ADDR_BITS-1:0]             n_kij,       // kernel positions
    input  logic [ADDR_BITS-1:0]             n_out,       // output positions
    input  logic                             first_tile,
    input  logic                             last_tile,
    input  logic                             act_signed,
    input  logic [COLS-1:0][STAGE_BITS-1:0]  stage,

    output logic [ADDR_BITS-1:0]             weight_addr,
    input  logic [ROWS-1:0][WEIGHT_BITS-1:0] weight_data,
    output logic [ADDR_BITS-1:0]             act_addr,
    input  logic [ROWS-1:0][ACT_BITS-1:0]    act_data,
    output logic [ADDR_BITS-1:0]             map_addr,
    input  logic [ADDR_BITS-1:0]             map_data,

    output logic                             psum_valid,
    output logic [ADDR_BITS-1:0]             psum_addr,
    output logic [COLS-1:0][PSUM_BITS-1:0]   psum,
    output logic                             acc_valid,
    output logic [ADDR_BITS-1:0]             acc_addr,
    output logic [COLS-1:0][ACC_BITS-1:0]    acc,
    output logic                             out_valid,
    output logic [ADDR_BITS-1:0]             out_addr,
    output logic [COLS-1:0][OUT_BITS-1:0]    out
);
    localparam int PSUM_DELAY = ROWS + COLS;  // address of an activation -> its partial sums
    localparam int OUT_DELAY  = 3;            // accumulator -> output
    localparam int FLUSH      = 2 + OUT_DELAY;

    typedef struct packed {
        logic [ACC_BITS-1:0] bias;
        logic [MUL_BITS-1:0] multiplier;
        logic [62:0]         offset;
        logic [5:0]          shift;
        logic [30:0]         slope_multiplier;
        logic [4:0]          slope_shift;
        logic [1:0]          rounding;
        logic [OUT_BITS:0]   lo;
        logic [OUT_BITS:0]   hi;
    } stage_t;

    logic                           weight_valid, act_valid, map_valid, map_first, map_last;
    logic [ADDR_BITS-1:0]           map_out;
    logic [COLS-1:0][PSUM_BITS-1:0] gathered;
    logic [COLS-1:0][ACC_BITS-1:0]  bias;

    sequencer #(
        .COLS(COLS), .ADDR_BITS(ADDR_BITS), .DRAIN(PSUM_DELAY), .FLUSH(FLUSH)
    ) u_sequencer (
        .clk, .rst, .start, .busy, .cycles, .n_nij, .n_kij, .n_out, .weight_addr, .weight_valid, .act_addr, .act_valid,
        .map_addr, .map_valid, .map_first, .map_last, .map_out
    );

    systolic_array #(
        .ROWS(ROWS), .COLS(COLS), .ACT_BITS(ACT_BITS), .WEIGHT_BITS(WEIGHT_BITS), .PSUM_BITS(PSUM_BITS)
    ) u_array (
        .clk, .act_signed, .act(act_data), .weight_shift(weight_valid), .weight_column(weight_data), .psum
    );

    // Partial sums leave the array PSUM_DELAY cycles after the address of their activations and fill the memory in
    // order: kernel position major, padded position minor.
    logic [PSUM_DELAY-2:0] act_flight;
    always_ff @(posedge clk) begin
        act_flight <= rst ? '0 : (PSUM_DELAY - 1)'({act_flight, act_valid});
        psum_addr  <= start ? '0 : psum_addr + ADDR_BITS'(psum_valid);
    end
    assign psum_valid = act_flight[PSUM_DELAY-2];

    memory #(.WIDTH(COLS * PSUM_BITS), .ADDR_BITS(ADDR_BITS)) u_psums (
        .clk, .write(psum_valid), .write_addr(psum_addr), .write_data(psum), .read_addr(map_data), .read_data(gathered)
    );

    accumulator #(
        .COLS(COLS), .PSUM_BITS(PSUM_BITS), .ACC_BITS(ACC_BITS), .ADDR_BITS(ADDR_BITS)
    ) u_accumulator (
        .clk, .rst, .first_tile, .bias, .map_valid, .map_first, .map_last, .map_out, .psum(gathered),
        .acc_valid, .acc_addr, .acc
    );

    logic [OUT_DELAY-1:0]                out_flight;
    logic [OUT_DELAY-1:0][ADDR_BITS-1:0] out_addr_flight;
    always_ff @(posedge clk) begin
        out_flight      <= rst ? '0 : {out_flight[OUT_DELAY-2:0], acc_valid & last_tile};
        out_addr_flight <= {out_addr_flight[OUT_DELAY-2:0], acc_addr};
    end
    assign out_valid = out_flight[OUT_DELAY-1];
    assign out_addr  = out_addr_flight[OUT_DELAY-1];

    for (genvar c = 0; c < COLS; c++) begin : g_stage
        stage_t fields;
        assign fields  = stage[c];
        assign bias[c] = fields.bias;
        output_stage #(
            .ACC_BITS(ACC_BITS), .MUL_BITS(MUL_BITS), .OUT_BITS(OUT_BITS)
        ) u_stage (
            .clk, .acc(acc[c]), .multiplier(fields.multiplier), .offset(fields.offset), .shift(fields.shift),
            .slope_multiplier(fields.slope_multiplier), .slope_shift(fields.slope_shift), .rounding(fields.rounding),
            .lo(fields.lo), .hi(fields.hi), .out(out[c])
        );
    end
endmodule
