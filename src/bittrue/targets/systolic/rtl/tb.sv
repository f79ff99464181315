// Test bench: runs every tile of a project directory through the core and compares everything it computes.
//
// +project=DIR holds the text files, DIR/jobs.txt lists the tiles in order. +results=DIR receives what the hardware
// computed: psum.txt, acc.txt, out.txt (binary fields, one line per memory write) and cycles.txt (one line per
// tile). Every partial sum, the last accumulators, every output and the cycle count are compared with the files; the first
// difference is printed, and the simulation ends with a non-zero exit code when there is any.
module tb #(
    parameter int ROWS        = 8,
    parameter int COLS        = 8,
    parameter int ACT_BITS    = 4,
    parameter int WEIGHT_BITS = 4,
    parameter int PSUM_BITS   = 16,
    parameter int ACC_BITS    = 32,
    parameter int MUL_BITS    = 32,
    parameter int OUT_BITS    = 16,
    parameter int ADDR_BITS   = 11
);
    localparam int STAGE_BITS = ACC_BITS + MUL_BITS + 63 + 6 + 31 + 5 + 2 + 2 * (OUT_BITS + 1);
    localparam int DEPTH      = 2 ** ADDR_BITS;

    // The test bench changes its signals on falling edges, the core on rising ones.
    logic        clk, rst, start, busy;
    logic [63:0] cycles;
    initial begin
        clk = 1'b0;
        forever #5 clk = ~clk;
    end

    // ---- the tile under test -------------------------------------------------------------------------------------
    string layer, act_name, map_name, stage_name, psum_name, acc_name, out_name;
    int    image, otile, itile, nij, kij, outs, first, last, is_signed, wanted_cycles;

    logic [ROWS-1:0][ACT_BITS-1:0]    act_words    [DEPTH];
    logic [ROWS-1:0][WEIGHT_BITS-1:0] weight_words [DEPTH];
    logic [ADDR_BITS-1:0]             map_words    [DEPTH];
    logic [COLS-1:0][PSUM_BITS-1:0]   psum_words   [DEPTH];
    logic [COLS-1:0][ACC_BITS-1:0]    acc_words    [DEPTH];
    logic [COLS-1:0][OUT_BITS-1:0]    out_words    [DEPTH];
    logic [COLS-1:0][STAGE_BITS-1:0]  stage;

    logic [ADDR_BITS-1:0]             weight_addr, act_addr, map_addr, map_data;
    logic [ROWS-1:0][WEIGHT_BITS-1:0] weight_data;
    logic [ROWS-1:0][ACT_BITS-1:0]    act_data;
    logic                             psum_valid, acc_valid, out_valid;
    logic [ADDR_BITS-1:0]             psum_addr, acc_addr, out_addr;
    logic [COLS-1:0][PSUM_BITS-1:0]   psum;
    logic [COLS-1:0][ACC_BITS-1:0]    acc;
    logic [COLS-1:0][OUT_BITS-1:0]    out;

    systolic_core #(
        .ROWS(ROWS), .COLS(COLS), .ACT_BITS(ACT_BITS), .WEIGHT_BITS(WEIGHT_BITS), .PSUM_BITS(PSUM_BITS),
        .ACC_BITS(ACC_BITS), .MUL_BITS(MUL_BITS), .OUT_BITS(OUT_BITS), .ADDR_BITS(ADDR_BITS)
    ) u_core (
        .clk, .rst, .start, .busy, .cycles,
        .n_nij(ADDR_BITS'(nij)), .n_kij(ADDR_BITS'(kij)), .n_out(ADDR_BITS'(outs)),
        .first_tile(first != 0), .last_tile(last != 0), .act_signed(is_signed != 0), .stage,
        .weight_addr, .weight_data, .act_addr, .act_data, .map_addr, .map_data,
        .psum_valid, .psum_addr, .psum, .acc_valid, .acc_addr, .acc, .out_valid, .out_addr, .out
    );

    always_ff @(posedge clk) begin
        weight_data <= weight_words[weight_addr];
        act_data    <= act_words[act_addr];
        map_data    <= map_words[map_addr];
    end

    // ---- comparison ----------------------------------------------------------------------------------------------
    longint mismatches = 0;
    int     psums_seen, accs_seen, outs_seen;
    int     psum_file, acc_file, out_file, cycles_file;

    // Counts a difference and prints the first one: its place and both values in binary.
    function automatic void mismatch(string kind, string name, int address, int column, string wanted, string got);
        string kij_text = kind == "psum" ? $sformatf("%0d", address / nij) : "-";
        int    position = kind == "psum" ? address % nij : address;
        if (mismatches == 0)
            $display("MISMATCH kind=%s layer=%s image=%0d otile=%0d itile=%0d kij=%s position=%0d column=%0d expected=%s got=%s file=%s",
                     kind, layer, image, otile, itile, kij_text, position, column, wanted, got, name);
        mismatches++;
    endfunction

    function automatic void check_psum();
        $fwrite(psum_file, "%b\n", psum);
        psums_seen++;
        for (int c = 0; c < COLS; c++)
            if (psum[c] != psum_words[psum_addr][c])
                mismatch("psum", psum_name, int'(psum_addr), c, $sformatf("%b", psum_words[psum_addr][c]),
                         $sformatf("%b", psum[c]));
    endfunction

    function automatic void check_acc();
        $fwrite(acc_file, "%b\n", acc);
        accs_seen++;
        for (int c = 0; c < COLS; c++)
            if (last != 0 && acc[c] != acc_words[acc_addr][c])
                mismatch("acc", acc_name, int'(acc_addr), c, $sformatf("%b", acc_words[acc_addr][c]),
                         $sformatf("%b", acc[c]));
    endfunction

    function automatic void check_out();
        $fwrite(out_file, "%b\n", out);
        outs_seen++;
        for (int c = 0; c < COLS; c++)
            if (out[c] != out_words[out_addr][c])
                mismatch("out", out_name, int'(out_addr), c, $sformatf("%b", out_words[out_addr][c]),
                         $sformatf("%b", out[c]));
    endfunction

    always @(posedge clk) begin
        if (psum_valid) check_psum();
        if (acc_valid) check_acc();
        if (out_valid && out_name != "-") check_out();
    end

    // ---- files ---------------------------------------------------------------------------------------------------
    string project, results;

    function automatic void bad_file(string name, int line, string why);
        $display("BADFILE file=%s line=%0d why=%s", name, line, why);
        $fatal(1, "a file of the project cannot be read");
    endfunction

    function automatic int opened(string folder, string name, string mode);
        int file = $fopen({folder, "/", name}, mode);
        if (file == 0) bad_file(name, 0, "it cannot be opened");
        return file;
    endfunction

    // Reads one line of exactly `width` binary digits into the low bits of `value`; comment lines are skipped.
    function automatic int widest(int a, int b);
        return a > b ? a : b;
    endfunction
    localparam int ROW_BITS = ROWS * widest(ACT_BITS, WEIGHT_BITS);
    localparam int COL_BITS = COLS * widest(PSUM_BITS, widest(ACC_BITS, OUT_BITS));
    localparam int WIDEST   = widest(widest(ROW_BITS, COL_BITS), widest(STAGE_BITS, ADDR_BITS));
    logic [WIDEST-1:0] value;
    int                line;

    task automatic next_line(int file, string name, int width);
        string text;
        byte   digit;
        do begin
            line++;
            if ($fgets(text, file) == 0) bad_file(name, line, "the file ends too early");
        end while (text.getc(0) == "#");
        if (text.len() != width + 1 || text.getc(width) != "\n") bad_file(name, line, "the line has the wrong length");
        value = '0;
        for (int i = 0; i < width; i++) begin
            digit = text.getc(i);
            if (digit != "0" && digit != "1") bad_file(name, line, "a character is neither 0 nor 1");
            value[width-1-i] = digit[0];
        end
    endtask

    task automatic end_of(int file, string name);
        int next = $fgetc(file);
        if (next != -1) bad_file(name, line + 1, "the file goes on after its last line");
        $fclose(file);
    endtask

    task automatic read_act();
        int file = opened(project, act_name, "r");
        line = 0;
        for (int i = 0; i < nij; i++) begin
            next_line(file, act_name, ROWS * ACT_BITS);
            act_words[i] = value[ROWS*ACT_BITS-1:0];
        end
        end_of(file, act_name);
    endtask

    task automatic read_weights(string name, int position);
        int file = opened(project, name, "r");
        line = 0;
        for (int i = 0; i < COLS; i++) begin
            next_line(file, name, ROWS * WEIGHT_BITS);
            weight_words[position * COLS + i] = value[ROWS*WEIGHT_BITS-1:0];
        end
        end_of(file, name);
    endtask

    task automatic read_map();
        int file = opened(project, map_name, "r");
        line = 0;
        for (int i = 0; i < outs * kij; i++) begin
            next_line(file, map_name, ADDR_BITS);
            map_words[i] = value[ADDR_BITS-1:0];
        end
        end_of(file, map_name);
    endtask

    task automatic read_stage();
        int file = opened(project, stage_name, "r");
        line = 0;
        for (int i = 0; i < COLS; i++) begin
            next_line(file, stage_name, STAGE_BITS);
            stage[i] = value[STAGE_BITS-1:0];
        end
        end_of(file, stage_name);
    endtask

    task automatic read_psums();
        int file = opened(project, psum_name, "r");
        line = 0;
        for (int i = 0; i < nij * kij; i++) begin
            next_line(file, psum_name, COLS * PSUM_BITS);
            psum_words[i] = value[COLS*PSUM_BITS-1:0];
        end
        end_of(file, psum_name);
    endtask

    task automatic read_accs();
        int file = opened(project, acc_name, "r");
        line = 0;
        for (int i = 0; i < outs; i++) begin
            next_line(file, acc_name, COLS * ACC_BITS);
            acc_words[i] = value[COLS*ACC_BITS-1:0];
        end
        end_of(file, acc_name);
    endtask

    task automatic read_outs();
        int file = opened(project, out_name, "r");
        line = 0;
        for (int i = 0; i < outs; i++) begin
            next_line(file, out_name, COLS * OUT_BITS);
            out_words[i] = value[COLS*OUT_BITS-1:0];
        end
        end_of(file, out_name);
    endtask

    // ---- the run -------------------------------------------------------------------------------------------------
    task automatic count_matches(string kind, string name, int seen, int wanted);
        if (seen != wanted) mismatch(kind, name, seen, 0, $sformatf("%0d", wanted), $sformatf("%0d", seen));
    endtask

    // The core's busy cycles must be those of the cycle model; a core that hangs is stopped soon after them.
    task automatic run_tile();
        longint begun = cycles;
        psums_seen = 0;
        accs_seen  = 0;
        outs_seen  = 0;
        start = 1'b1;
        @(negedge clk);
        start = 1'b0;
        while (busy && cycles - begun < 64'(wanted_cycles) + 64) @(negedge clk);
        $fwrite(cycles_file, "%0d\n", cycles - begun);
        count_matches("cycles", "jobs.txt", int'(cycles - begun), wanted_cycles);
        count_matches("psum_count", psum_name, psums_seen, nij * kij);
        count_matches("acc_count", acc_name, accs_seen, outs);
        count_matches("out_count", out_name, outs_seen, last != 0 && out_name != "-" ? outs : 0);
        if (busy) begin
            $display("HANG");
            $fatal(1, "the core does not finish");
        end
    endtask

    task automatic read_job(int jobs);
        int    n;
        string name;
        n = $fscanf(jobs, "%d %d %d %d %d %d %d %d %d %d", image, otile, itile, nij, kij, outs, first, last, is_signed,
                    wanted_cycles);
        n += $fscanf(jobs, "%s %s %s %s %s %s", act_name, map_name, stage_name, psum_name, acc_name, out_name);
        if (n != 16) bad_file("jobs.txt", 0, {"the entry of a tile of ", layer, " cannot be read"});
        if (nij < 1 || kij < 1 || outs < 1 || nij * kij >= DEPTH || outs * kij >= DEPTH || kij * COLS > DEPTH)
            bad_file("jobs.txt", 0, {"a size of a tile of ", layer, " does not fit the memories"});
        for (int k = 0; k < kij; k++) begin
            if ($fscanf(jobs, "%s", name) != 1) bad_file("jobs.txt", 0, "the name of a weight file is missing");
            read_weights(name, k);
        end
        read_act();
        read_map();
        read_stage();
        read_psums();
        if (last != 0) read_accs();
        if (last != 0 && out_name != "-") read_outs();
    endtask

    initial begin
        int jobs, tiles;
        tiles = 0;
        if ($value$plusargs("project=%s", project) == 0 || $value$plusargs("results=%s", results) == 0)
            $fatal(1, "give +project=DIR +results=DIR");
        jobs        = opened(project, "jobs.txt", "r");
        psum_file   = opened(results, "psum.txt", "w");
        acc_file    = opened(results, "acc.txt", "w");
        out_file    = opened(results, "out.txt", "w");
        cycles_file = opened(results, "cycles.txt", "w");
        start       = 1'b0;
        rst         = 1'b1;
        repeat (2) @(negedge clk);
        rst = 1'b0;
        @(negedge clk);
        while ($fscanf(jobs, "%s", layer) == 1) begin
            read_job(jobs);
            run_tile();
            tiles++;
        end
        $fclose(psum_file);
        $fclose(acc_file);
        $fclose(out_file);
        $fclose(cycles_file);
        $display("DONE tiles=%0d cycles=%0d mismatches=%0d", tiles, cycles, mismatches);
        if (mismatches != 0) $fatal(1, "what the hardware computes differs from the files");
        $finish;
    end
endmodule
