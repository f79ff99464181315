// The weight-stationary array: ROWS x COLS processing elements between an input skew and an output deskew.
//
// Row = input channel (two of them in subword mode), column = output channel. One position enters per cycle, and
// ROWS + COLS - 1 cycles later its COLS partial sums leave together: psum[c] = sum over r of act[r] * weight[r][c].
//
// The columns are cut into LOAD_LANES segments. Every segment has a bus of its own along the rows, which brings the
// weights of one of its columns per cycle; the index says which. Only neighbours are connected.
module systolic_array #(
    parameter int ROWS        = 8,
    parameter int COLS        = 8,
    parameter int ACT_BITS    = 4,
    parameter int WEIGHT_BITS = 4,
    parameter int PSUM_BITS   = 16,
    parameter bit SUBWORD     = 1'b0,
    parameter int LOAD_LANES  = 1,
    parameter int LOADS       = 8,  // columns of a segment
    parameter int INDEX_BITS  = 3,
    localparam int Parts      = SUBWORD ? 2 : 1,
    localparam int LaneBits   = ACT_BITS / Parts
) (
    input  logic                                                         clk,
    input  logic                                                         act_signed,
    input  logic                                                         split,  // subword mode
    input  logic                                                         swap,
    input  logic [ROWS-1:0][Parts-1:0][LaneBits-1:0]                     act,
    input  logic                                                         load_valid,
    input  logic [INDEX_BITS-1:0]                                        load_index,
    input  logic [LOAD_LANES-1:0][ROWS-1:0][Parts-1:0][WEIGHT_BITS-1:0]  load_weight,
    output logic [COLS-1:0][PSUM_BITS-1:0]                               psum
);
    localparam int ActWidth = Parts * (LaneBits + 1);
    localparam int BusWidth = 1 + INDEX_BITS + Parts * WEIGHT_BITS;

    logic [ROWS-1:0][ActWidth:0]                               entering, skewed;
    logic [LOAD_LANES-1:0][ROWS-1:0][BusWidth-1:0]             arriving;
    logic [ROWS-1:0][COLS:0][ActWidth:0]                       act_wire;   // with the swap bit
    /* verilator lint_off UNUSEDSIGNAL */  // a bus ends at the end of its segment
    logic [ROWS-1:0][COLS:0][BusWidth-1:0]                     bus_wire;
    /* verilator lint_on UNUSEDSIGNAL */
    logic [ROWS:0][COLS-1:0][PSUM_BITS-1:0]                    psum_wire;

    for (genvar r = 0; r < ROWS; r++) begin : g_row
        logic [Parts-1:0][LaneBits:0] extended;
        for (genvar p = 0; p < Parts; p++) begin : g_part
            // A low half has a sign of its own in subword mode only.
            logic has_sign;
            assign has_sign    = act_signed && (split || p == Parts - 1);
            assign extended[p] = {has_sign & act[r][p][LaneBits-1], act[r][p]};
        end
        assign entering[r]    = {swap, extended};
        assign act_wire[r][0] = skewed[r];
        assign bus_wire[r][0] = '0;
        for (genvar c = 0; c < COLS; c++) begin : g_col
            logic [BusWidth-1:0] bus;
            if (c % LOADS == 0) begin : g_segment
                assign bus = arriving[c/LOADS][r];
            end else begin : g_inner
                assign bus = bus_wire[r][c];
            end
            pe #(
                .ACT_BITS(ACT_BITS), .WEIGHT_BITS(WEIGHT_BITS), .PSUM_BITS(PSUM_BITS), .SUBWORD(SUBWORD),
                .INDEX_BITS(INDEX_BITS), .INDEX(c % LOADS)
            ) u_pe (
                .clk, .split,
                .swap_in(act_wire[r][c][ActWidth]), .swap_out(act_wire[r][c+1][ActWidth]),
                .act_in(act_wire[r][c][ActWidth-1:0]), .act_out(act_wire[r][c+1][ActWidth-1:0]),
                .bus_valid_in(bus[BusWidth-1]), .bus_valid_out(bus_wire[r][c+1][BusWidth-1]),
                .bus_index_in(bus[BusWidth-2-:INDEX_BITS]), .bus_index_out(bus_wire[r][c+1][BusWidth-2-:INDEX_BITS]),
                .bus_weight_in(bus[Parts*WEIGHT_BITS-1:0]),
                .bus_weight_out(bus_wire[r][c+1][Parts*WEIGHT_BITS-1:0]),
                .psum_in(psum_wire[r][c]), .psum_out(psum_wire[r+1][c])
            );
        end
    end

    for (genvar j = 0; j < LOAD_LANES; j++) begin : g_bus
        logic [ROWS-1:0][BusWidth-1:0] sent, late;
        for (genvar r = 0; r < ROWS; r++) begin : g_lane
            assign sent[r] = {load_valid, load_index, load_weight[j][r]};
        end
        delay #(.WIDTH(ROWS * BusWidth), .DEPTH(j * LOADS)) u_delay (.clk, .data_in(sent), .data_out(late));
        skew #(.LANES(ROWS), .WIDTH(BusWidth)) u_skew (.clk, .lanes_in(late), .lanes_out(arriving[j]));
    end

    assign psum_wire[0] = '0;
    skew #(.LANES(ROWS), .WIDTH(ActWidth + 1)) u_skew (.clk, .lanes_in(entering), .lanes_out(skewed));
    skew #(.LANES(COLS), .WIDTH(PSUM_BITS), .REVERSE(1'b1)) u_deskew (
        .clk, .lanes_in(psum_wire[ROWS]), .lanes_out(psum)
    );
endmodule
