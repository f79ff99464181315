// Runs one tile: the plain schedule, nothing overlapped.
//
//   for every kernel position:  LOAD     COLS cycles     one column of weights per cycle
//                               STREAM   n_nij cycles    one padded position per cycle
//                               DRAIN    DRAIN cycles    until the last partial sum is in memory
//   then                        GATHER   n_out * n_kij   one partial sum per column and cycle, output position major
//                               FLUSH    FLUSH cycles    until the last output has left
//
// The addresses it gives reach the memories at once and their data come back one cycle later; the `*_valid` flags
// are delayed alike. `cycles` counts every cycle in which it is not idle.
module sequencer #(
    parameter int COLS      = 8,
    parameter int ADDR_BITS = 11,
    parameter int DRAIN     = 16,
    parameter int FLUSH     = 5
) (
    input  logic                 clk,
    input  logic                 rst,
    input  logic                 start,
    output logic                 busy,
    output logic [63:0]          cycles,

    input  logic [ADDR_BITS-1:0] n_nij,
    input  logic [ADDR_BITS-1:0] n_kij,
    input  logic [ADDR_BITS-1:0] n_out,

    output logic [ADDR_BITS-1:0] weight_addr,
    output logic                 weight_valid,
    output logic [ADDR_BITS-1:0] act_addr,
    output logic                 act_valid,
    output logic [ADDR_BITS-1:0] map_addr,
    output logic                 map_valid,
    output logic                 map_first,   // the first kernel position of an output
    output logic                 map_last,    // the last one
    output logic [ADDR_BITS-1:0] map_out      // the output position
);
    typedef enum logic [2:0] {IDLE, LOAD, STREAM, DRAIN_PSUMS, GATHER, FLUSH_OUTPUTS} state_t;

    state_t               state;
    logic [ADDR_BITS-1:0] count;       // cycles spent in this state
    logic [ADDR_BITS-1:0] kij;         // kernel position that is loaded, streamed or gathered
    logic [ADDR_BITS-1:0] out;         // output position that is gathered
    logic [ADDR_BITS-1:0] state_length;
    logic                 state_ends, last_kij, last_out;

    always_comb begin
        unique case (state)
            LOAD:          state_length = ADDR_BITS'(COLS);
            STREAM:        state_length = n_nij;
            DRAIN_PSUMS:   state_length = ADDR_BITS'(DRAIN);
            FLUSH_OUTPUTS: state_length = ADDR_BITS'(FLUSH);
            default:       state_length = '0;
        endcase
    end

    assign busy       = state != IDLE;
    assign state_ends = count + 1'b1 == state_length;
    assign last_kij   = kij + 1'b1 == n_kij;
    assign last_out   = out + 1'b1 == n_out;
    assign act_addr   = count;

    always_ff @(posedge clk) begin
        count <= state_ends ? '0 : count + 1'b1;
        unique case (state)
            IDLE: if (start) begin
                state       <= LOAD;
                count       <= '0;
                kij         <= '0;
                weight_addr <= '0;
            end
            LOAD: begin
                weight_addr <= weight_addr + 1'b1;
                if (state_ends) state <= STREAM;
            end
            STREAM: if (state_ends) state <= DRAIN_PSUMS;
            DRAIN_PSUMS: if (state_ends) begin
                state    <= last_kij ? GATHER : LOAD;
                kij      <= last_kij ? '0 : kij + 1'b1;
                out      <= '0;
                map_addr <= '0;
            end
            GATHER: begin
                map_addr <= map_addr + 1'b1;
                kij      <= last_kij ? '0 : kij + 1'b1;
                if (last_kij) out <= out + 1'b1;
                if (last_kij && last_out) begin
                    state <= FLUSH_OUTPUTS;
                    count <= '0;
                end
            end
            FLUSH_OUTPUTS: if (state_ends) state <= IDLE;
            default: state <= IDLE;
        endcase
        if (rst) state <= IDLE;
    end

    always_ff @(posedge clk) begin
        weight_valid <= state == LOAD;
        act_valid    <= state == STREAM;
        map_valid    <= state == GATHER;
        map_first    <= kij == '0;
        map_last     <= last_kij;
        map_out      <= out;
        cycles       <= rst ? '0 : cycles + 64'(busy);
    end
endmodule
