// One write port, one read port; the word read appears one cycle after its address, as in a real SRAM.
module memory
    import systolic_pkg::*;
#(
    parameter int WIDTH = 128,
    parameter int DEPTH = 1024
) (
    input  logic             clk,
    input  logic             write,
    input  addr_t            write_addr,
    input  logic [WIDTH-1:0] write_data,
    /* verilator lint_off UNUSEDSIGNAL */  // what is read beyond the memory meets weights of zero
    input  addr_t            read_addr,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic [WIDTH-1:0] read_data
);
    localparam int AddrBits = DEPTH > 1 ? $clog2(DEPTH) : 1;

    logic [WIDTH-1:0] words [DEPTH];

    always_ff @(posedge clk) begin
        if (write) words[AddrBits'(write_addr)] <= write_data;
        read_data <= words[AddrBits'(read_addr)];
    end

`ifndef SYNTHESIS
    always_ff @(posedge clk) begin
        assert (!write || write_addr < addr_t'(DEPTH))
        else $fatal(1, "ASSERT write beyond the memory: address %0d of %0d", write_addr, DEPTH);
    end
`endif  // SYNTHESIS
endmodule
