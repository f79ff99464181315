// One write port, one read port; the word read appears one cycle after its address, as in a real SRAM.
module memory #(
    parameter int WIDTH     = 128,
    parameter int ADDR_BITS = 11
) (
    input  logic                 clk,
    input  logic                 write,
    input  logic [ADDR_BITS-1:0] write_addr,
    input  logic [WIDTH-1:0]     write_data,
    input  logic [ADDR_BITS-1:0] read_addr,
    output logic [WIDTH-1:0]     read_data
);
    logic [WIDTH-1:0] words [2**ADDR_BITS];

    always_ff @(posedge clk) begin
        if (write) words[write_addr] <= write_data;
        read_data <= words[read_addr];
    end
endmodule
