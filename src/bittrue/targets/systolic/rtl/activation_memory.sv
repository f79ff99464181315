// Activations between the layers: LANES memories side by side, each with an address of its own, so that any run of
// channels can be read or written in one cycle, wherever it begins.
//
// Channel n of a tensor is in lane (first + n) mod LANES. A run that begins in lane s of the word at `addr` takes lanes
// s, s+1, ... of that word, then lanes 0, 1, ... of the word one plane further on.
module activation_memory
    import systolic_pkg::*;
#(
    parameter int LANES      = 8,
    parameter int LANE_BITS  = 4,
    parameter int READ_LANES = 8,
    parameter int DEPTH      = 1024
) (
    input  logic                                 clk,
    input  addr_t                                read_addr,
    input  dim_t                                 read_lane,
    input  addr_t                                read_plane,
    output logic [READ_LANES-1:0][LANE_BITS-1:0] read_data,   // one cycle later
    input  logic                                 write,
    input  addr_t                                write_addr,
    input  dim_t                                 write_lane,
    input  addr_t                                write_plane,
    input  dim_t                                 write_count,  // number of lanes
    input  logic [LANES-1:0][LANE_BITS-1:0]      write_data    // from lane `write_lane` on
);
    localparam int LaneIndexBits = LANES > 1 ? $clog2(LANES) : 1;

    logic [LANES-1:0][LANE_BITS-1:0] stored;
    dim_t                            lane;  // where the word that arrives begins

    always_ff @(posedge clk) lane <= read_lane;

    for (genvar b = 0; b < LANES; b++) begin : g_lane
        dim_t from_start;
        assign from_start = dim_t'(b) < write_lane ? dim_t'(b + LANES) - write_lane : dim_t'(b) - write_lane;
        memory #(
            .WIDTH(LANE_BITS), .DEPTH(DEPTH)
        ) u_memory (
            .clk, .write(write && from_start < write_count),
            .write_addr(dim_t'(b) < write_lane ? write_addr + write_plane : write_addr),
            .write_data(write_data[LaneIndexBits'(from_start)]),
            .read_addr(dim_t'(b) < read_lane ? read_addr + read_plane : read_addr), .read_data(stored[b])
        );
    end

    for (genvar j = 0; j < READ_LANES; j++) begin : g_read
        /* verilator lint_off UNUSEDSIGNAL */  // wide enough for the sum
        dim_t wrapped;
        /* verilator lint_on UNUSEDSIGNAL */
        assign wrapped      = lane + dim_t'(j) >= dim_t'(LANES) ? lane + dim_t'(j) - dim_t'(LANES) : lane + dim_t'(j);
        assign read_data[j] = stored[LaneIndexBits'(wrapped)];
    end
endmodule
