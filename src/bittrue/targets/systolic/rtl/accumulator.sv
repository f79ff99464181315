// Adds up the partial sums of one output position, COLS channels side by side, and keeps the sums between the
// input-channel tiles of a layer.
//
// Works behind the sequencer: in the cycle of `map_valid` the address of a partial sum comes from the address list;
// one cycle later the partial sum and the old accumulator come from their memories and are added.
module accumulator #(
    parameter int COLS      = 8,
    parameter int PSUM_BITS = 16,
    parameter int ACC_BITS  = 32,
    parameter int ADDR_BITS = 11
) (
    input  logic                           clk,
    input  logic                           rst,
    input  logic                           first_tile,  // start from the bias instead of the kept sums
    input  logic [COLS-1:0][ACC_BITS-1:0]  bias,

    input  logic                           map_valid,
    input  logic                           map_first,
    input  logic                           map_last,
    input  logic [ADDR_BITS-1:0]           map_out,
    input  logic [COLS-1:0][PSUM_BITS-1:0] psum,

    output logic                           acc_valid,
    output logic [ADDR_BITS-1:0]           acc_addr,
    output logic [COLS-1:0][ACC_BITS-1:0]  acc
);
    logic                          valid, first, last;
    logic [COLS-1:0][ACC_BITS-1:0] kept, sum;

    always_ff @(posedge clk) begin
        valid    <= map_valid & ~rst;
        first    <= map_first;
        last     <= map_last;
        acc_addr <= map_out;
        if (valid) sum <= acc;
    end

    for (genvar c = 0; c < COLS; c++) begin : g_col
        logic [ACC_BITS-1:0] base;
        assign base   = !first ? sum[c] : first_tile ? bias[c] : kept[c];
        assign acc[c] = base + ACC_BITS'(signed'(psum[c]));
    end
    assign acc_valid = valid & last;

    memory #(.WIDTH(COLS * ACC_BITS), .ADDR_BITS(ADDR_BITS)) u_sums (
        .clk, .write(acc_valid), .write_addr(acc_addr), .write_data(acc), .read_addr(map_out), .read_data(kept)
    );
endmodule
