// Runs a network: layer after layer from the program, waiting for the host where a layer says so.
//
//   FETCH     1 cycle: the layer's entry arrives
//   HOST      until `host_done`: the host loads tensors into the activation memory
//   SETUP     1 cycle: the schedule starts
//   RUN       until the schedule is finished
//   DRAINING  as many cycles as the layer says, until the next one finds what it reads first. The array and the output
//             stages may still be at work on the last positions when the next layer begins.
module controller
    import systolic_pkg::*;
(
    input  logic   clk,
    input  logic   rst,
    input  logic   start,
    output logic   busy,
    output logic   host_request,
    input  logic   host_done,
    output addr_t  program_addr,
    input  layer_t program_data,
    output layer_t layer,
    output logic   schedule_start,
    input  logic   schedule_finished,
    output logic   drains,
    output logic   layer_done        // in the last cycle of a layer
);
    typedef enum logic [2:0] {
        IDLE,
        FETCH,
        HOST,
        SETUP,
        RUN,
        DRAINING
    } state_t;

    state_t state;
    dim_t   count;

    assign busy           = state != IDLE;
    assign host_request   = state == HOST;
    assign schedule_start = state == SETUP;
    assign drains         = state == DRAINING;
    assign layer_done     = (schedule_finished && layer.drain == '0) || (drains && count + 1'b1 == layer.drain);

    always_ff @(posedge clk) begin
        count <= drains ? count + 1'b1 : '0;
        case (state)
            IDLE: if (start) state <= FETCH;
            FETCH: begin
                layer        <= program_data;
                program_addr <= program_addr + 1'b1;
                state        <= program_data.host[0] ? HOST : SETUP;
            end
            HOST: if (host_done) state <= SETUP;
            SETUP: state <= RUN;
            RUN, DRAINING:
            if (layer_done) begin
                state <= layer.last[0] ? IDLE : FETCH;
                if (layer.last[0]) program_addr <= '0;
            end else if (schedule_finished) begin
                state <= DRAINING;
            end
            default: state <= IDLE;
        endcase
        if (rst) begin
            state        <= IDLE;
            program_addr <= '0;
        end
    end
endmodule
