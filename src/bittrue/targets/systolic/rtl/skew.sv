// Delays lane i of a vector by i cycles, or by LANES - 1 - i when REVERSE is set.
//
// The array needs row i of a position i cycles after row 0; its columns answer one cycle after each other, and the
// reverse delay puts them back on one cycle.
module skew #(
    parameter int LANES   = 8,
    parameter int WIDTH   = 4,
    parameter bit REVERSE = 1'b0
) (
    input  logic                        clk,
    input  logic [LANES-1:0][WIDTH-1:0] lanes_in,
    output logic [LANES-1:0][WIDTH-1:0] lanes_out
);
    for (genvar i = 0; i < LANES; i++) begin : g_lane
        delay #(
            .WIDTH(WIDTH), .DEPTH(REVERSE ? LANES - 1 - i : i)
        ) u_delay (
            .clk, .data_in(lanes_in[i]), .data_out(lanes_out[i])
        );
    end
endmodule
