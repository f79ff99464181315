// Delays a word by DEPTH cycles; 0 is a wire.
module delay #(
    parameter int WIDTH = 4,
    parameter int DEPTH = 1
) (
    input  logic             clk,
    input  logic [WIDTH-1:0] data_in,
    output logic [WIDTH-1:0] data_out
);
    if (DEPTH == 0) begin : g_wire
        logic unused_clk;
        assign unused_clk = clk;
        assign data_out   = data_in;
    end else begin : g_registers
        logic [DEPTH-1:0][WIDTH-1:0] stage;
        always_ff @(posedge clk) begin
            stage[0] <= data_in;
            for (int i = 1; i < DEPTH; i++) stage[i] <= stage[i-1];
        end
        assign data_out = stage[DEPTH-1];
    end
endmodule
