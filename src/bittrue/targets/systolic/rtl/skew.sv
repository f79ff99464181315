// Delays lane i of a vector by i cycles, or by LANES - 1 - i when REVERSE is set.
//
// The array needs row i of a time step i cycles after row 0; its columns answer one cycle after each other, and the
// reverse delay puts them back on one time step.
module skew #(
    parameter int LANES   = 8,
    parameter int WIDTH   = 4,
    parameter bit REVERSE = 1'b0
) (
    /* verilator lint_off UNUSEDSIGNAL */  // a single lane has no register
    input  logic                        clk,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic [LANES-1:0][WIDTH-1:0] lanes_in,
    output logic [LANES-1:0][WIDTH-1:0] lanes_out
);
    for (genvar i = 0; i < LANES; i++) begin : g_lane
        localparam int DEPTH = REVERSE ? LANES - 1 - i : i;
        if (DEPTH == 0) begin : g_wire
            assign lanes_out[i] = lanes_in[i];
        end else begin : g_delay
            logic [DEPTH-1:0][WIDTH-1:0] stage;
            if (DEPTH == 1) begin : g_one
                always_ff @(posedge clk) stage <= lanes_in[i];
            end else begin : g_many
                always_ff @(posedge clk) stage <= {stage[DEPTH-2:0], lanes_in[i]};
            end
            assign lanes_out[i] = stage[DEPTH-1];
        end
    end
endmodule
