// Test bench: loads the memory images of a project, lets the core run the network on one image, and writes down all that
// it computes.
//
// +project=DIR holds program.hex, segments.hex, weights.hex, channels.hex and images/image{n}/load{k}.hex; +image=N says
// which image; +limit=CYCLES ends a core that hangs. +results=DIR receives psum.bin, acc.bin and out.bin (one word per
// valid cycle, 32 bits at a time) and counters.txt (one line per layer, and one for all of them).
module tb
    import systolic_pkg::*;
#(
    parameter int ROWS          = 8,
    parameter int COLS          = 8,
    parameter int ACT_BITS      = 4,
    parameter int WEIGHT_BITS   = 4,
    parameter int PSUM_BITS     = 16,
    parameter int ACC_BITS      = 32,
    parameter int MUL_BITS      = 32,
    parameter int OUT_BITS      = 16,
    parameter int SCALED_BITS   = 64,
    parameter int SLOPE_BITS    = 31,
    parameter bit SUBWORD       = 1'b0,
    parameter bit OVERLAPPED    = 1'b1,
    parameter int LOAD_LANES    = 1,
    parameter int ACT_DEPTH     = 1024,
    parameter int ACC_DEPTH     = 1024,
    parameter int PSUM_DEPTH    = 1024,
    parameter int PROGRAM_DEPTH = 64,
    parameter int SEGMENT_DEPTH = 1024,
    parameter int CHANNEL_DEPTH = 1024,
    parameter int WEIGHT_DEPTH  = 1024,
    localparam int Parts       = SUBWORD ? 2 : 1,
    localparam int LaneBits    = ACT_BITS / Parts,
    localparam int Lanes       = Parts * (ROWS > COLS ? ROWS : COLS),
    localparam int ChannelBits = ACC_BITS + MUL_BITS + SCALED_BITS + 6
);
    typedef struct packed {
        addr_t                          addr;
        dim_t                           lane;
        dim_t                           count;
        logic [Lanes-1:0][LaneBits-1:0] data;
    } load_t;

    // The test bench changes its signals on falling edges, the core on rising ones.
    logic clk, rst, start, busy, host_request, host_done, host_write;
    initial begin
        clk = 1'b0;
        forever #5 clk = ~clk;
    end

    layer_t                                                      program_words [PROGRAM_DEPTH];
    segment_t                                                    segment_words [SEGMENT_DEPTH];
    logic [LOAD_LANES-1:0][ROWS-1:0][Parts-1:0][WEIGHT_BITS-1:0] weight_words  [WEIGHT_DEPTH];
    logic [COLS-1:0][ChannelBits-1:0]                            channel_words [CHANNEL_DEPTH];

    /* verilator lint_off UNUSEDSIGNAL */  // a memory is no deeper than it needs to be
    addr_t                                                       program_addr, segment_addr, weight_addr, channel_addr;
    /* verilator lint_on UNUSEDSIGNAL */
    layer_t                                                      program_data;
    segment_t                                                    segment_data;
    logic [LOAD_LANES-1:0][ROWS-1:0][Parts-1:0][WEIGHT_BITS-1:0] weight_data;
    logic [COLS-1:0][ChannelBits-1:0]                            channel_data;
    load_t                                                       load;
    logic                                                        psum_valid, acc_valid, out_valid;
    logic [COLS-1:0][PSUM_BITS-1:0]                              psum;
    logic [COLS-1:0][ACC_BITS-1:0]                               acc;
    logic [COLS-1:0][OUT_BITS-1:0]                               out;
    logic                                                        layer_done, streams, sums, loads, drains, stores;

    systolic_core #(
        .ROWS(ROWS), .COLS(COLS), .ACT_BITS(ACT_BITS), .WEIGHT_BITS(WEIGHT_BITS), .PSUM_BITS(PSUM_BITS),
        .ACC_BITS(ACC_BITS), .MUL_BITS(MUL_BITS), .OUT_BITS(OUT_BITS), .SCALED_BITS(SCALED_BITS),
        .SLOPE_BITS(SLOPE_BITS), .SUBWORD(SUBWORD), .OVERLAPPED(OVERLAPPED), .LOAD_LANES(LOAD_LANES),
        .ACT_DEPTH(ACT_DEPTH), .ACC_DEPTH(ACC_DEPTH), .PSUM_DEPTH(PSUM_DEPTH)
    ) u_core (
        .clk, .rst, .start, .busy, .host_request, .host_done, .host_write, .host_addr(load.addr),
        .host_lane(load.lane), .host_count(load.count), .host_data(load.data), .program_addr, .program_data,
        .segment_addr, .segment_data, .weight_addr, .weight_data, .channel_addr, .channel_data, .psum_valid, .psum,
        .acc_valid, .acc, .out_valid, .out, .layer_done, .streams, .sums, .loads, .drains, .stores
    );

    always_ff @(posedge clk) begin
        program_data <= program_words[program_addr[$clog2(PROGRAM_DEPTH)-1:0]];
        segment_data <= segment_words[segment_addr[$clog2(SEGMENT_DEPTH)-1:0]];
        weight_data  <= weight_words[weight_addr[$clog2(WEIGHT_DEPTH)-1:0]];
        channel_data <= channel_words[channel_addr[$clog2(CHANNEL_DEPTH)-1:0]];
    end

    // ---- what the core computes, and how long it takes -----------------------------------------------------------
    int     psum_file, acc_file, out_file, counter_file;
    longint cycle, limit;

    // By layer: what enters. By image: what leaves, which may be when the next layer has begun.
    logic   [4:0] counts;
    logic   [3:0] image_counts;
    longint       counted  [5];
    longint       in_image [4];
    assign counts       = {drains, loads, sums, streams, busy && !host_request};
    assign image_counts = {stores, out_valid, acc_valid, psum_valid};

    always @(posedge clk) begin
        if (psum_valid) $fwrite(psum_file, "%u", psum);
        if (acc_valid) $fwrite(acc_file, "%u", acc);
        if (out_valid) $fwrite(out_file, "%u", out);
        cycle <= cycle + 1;
        if (layer_done) begin
            for (int i = 0; i < 5; i++) $fwrite(counter_file, "%0d ", counted[i] + longint'(counts[i]));
            $fwrite(counter_file, "\n");
        end
        for (int i = 0; i < 5; i++) counted[i] <= layer_done || rst ? 0 : counted[i] + longint'(counts[i]);
        for (int i = 0; i < 4; i++) in_image[i] <= start || rst ? 0 : in_image[i] + longint'(image_counts[i]);
    end

    // ---- files ---------------------------------------------------------------------------------------------------
    string project, results;

    function automatic int opened(string folder, string name, string mode);
        int file = $fopen({folder, "/", name}, mode);
        if (file == 0) begin
            $display("BADFILE file=%s why=it cannot be opened", name);
            $fatal(1, "a file of the project cannot be read");
        end
        return file;
    endfunction

    task automatic require_file(string name);
        $fclose(opened(project, name, "r"));
    endtask

    // Answers a request of the core: one word per cycle from the file that is next in order, behind its comment line.
    task automatic load_tensors(string name);
        load_t word;
        int    file = opened(project, name, "r");
        int    character;
        do character = $fgetc(file); while (character != "\n" && character != -1);
        while ($fscanf(file, "%h", word) == 1) begin
            load       = word;
            host_write = 1'b1;
            @(negedge clk);
        end
        $fclose(file);
        host_write = 1'b0;
        host_done  = 1'b1;
        @(negedge clk);
        host_done = 1'b0;
    endtask

    task automatic run_image(int image);
        int request = 0;
        start = 1'b1;
        @(negedge clk);
        start = 1'b0;
        while (busy) begin
            if (host_request) begin
                load_tensors($sformatf("images/image%0d/load%0d.hex", image, request));
                request++;
            end else begin
                @(negedge clk);
            end
            if (cycle > limit) begin
                $display("HANG");
                $fatal(1, "the core does not finish");
            end
        end
        repeat (2) @(negedge clk);
        for (int i = 0; i < 4; i++) $fwrite(counter_file, "%0d ", in_image[i]);
        $fwrite(counter_file, "\n");
    endtask

    initial begin
        int image;
        if ($value$plusargs("project=%s", project) == 0 || $value$plusargs("results=%s", results) == 0
            || $value$plusargs("image=%d", image) == 0 || $value$plusargs("limit=%d", limit) == 0)
            $fatal(1, "give +project=DIR +results=DIR +image=N +limit=CYCLES");
        require_file("program.hex");
        require_file("segments.hex");
        require_file("weights.hex");
        require_file("channels.hex");
        $readmemh({project, "/program.hex"}, program_words);
        $readmemh({project, "/segments.hex"}, segment_words);
        $readmemh({project, "/weights.hex"}, weight_words);
        $readmemh({project, "/channels.hex"}, channel_words);
        psum_file    = opened(results, "psum.bin", "wb");
        acc_file     = opened(results, "acc.bin", "wb");
        out_file     = opened(results, "out.bin", "wb");
        counter_file = opened(results, "counters.txt", "w");
        {start, host_done, host_write} = '0;
        load  = '0;
        cycle = 0;
        rst   = 1'b1;
        repeat (2) @(negedge clk);
        rst = 1'b0;
        repeat (2) @(negedge clk);
        run_image(image);
        $fclose(psum_file);
        $fclose(acc_file);
        $fclose(out_file);
        $fclose(counter_file);
        $display("DONE image=%0d cycles=%0d", image, cycle);
        $finish;
    end
endmodule
