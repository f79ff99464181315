// What the planner and the hardware agree on. All fields are multiples of four bits, so that a line of the memory
// images can be read by eye.
package systolic_pkg;
    typedef logic [23:0] addr_t;  // addresses, and counts of words; address arithmetic wraps
    typedef logic [15:0] dim_t;   // heights, widths, strides, lanes

    // One layer: a window that slides over an image, and what becomes of the sums. The program is a list of these.
    typedef struct packed {
        logic [3:0] last;           // the network ends with this layer
        logic [3:0] host;           // wait until the host has loaded tensors
        logic [3:0] take_max;       // the largest of the window's values instead of their sum
        logic [3:0] act_signed;     // the input's values are two's complement
        logic [3:0] subword;        // the input's values fill half a lane: each PE multiplies two channels at once
        logic [3:0] store;          // write the outputs into the activation memory
        logic [3:0] store_half;     // ... where they fill half a lane
        logic [3:0] rounding;       // of the output stage, see output_stage
        dim_t       drain;          // cycles to wait behind the last position, until the next layer may begin
        addr_t      passes;         // number of weight tiles: one per output tile, input tile and kernel position
        dim_t       in_h;           // the input image, unpadded
        dim_t       in_w;
        dim_t       out_h;          // the output image
        dim_t       out_w;
        dim_t       kernel_h;
        dim_t       kernel_w;
        dim_t       stride_y;
        dim_t       stride_x;
        dim_t       dilation_y;
        dim_t       dilation_x;
        dim_t       pad_top;
        dim_t       pad_left;
        dim_t       padded_h;
        dim_t       padded_w;
        addr_t      in_plane;       // in_h * in_w: distance of two channels that share a lane
        addr_t      in_origin;      // -(pad_top * in_w + pad_left)
        addr_t      stride_pitch;   // stride_y * in_w
        addr_t      kernel_pitch;   // dilation_y * in_w
        addr_t      n_nij;          // padded_h * padded_w
        addr_t      gather_pitch;   // stride_y * padded_w
        addr_t      gather_kernel;  // dilation_y * padded_w + kernel_w * n_nij
        addr_t      gather_step;    // dilation_x + n_nij
        addr_t      out_addr;       // where the outputs go
        dim_t       out_lane;
        addr_t      out_plane;      // out_h * out_w
        dim_t       channels;       // number of output channels
        dim_t       tile_channels;  // ... of an output tile: COLS, or fewer in a maximum, where no column may be idle
        logic [31:0] slope_multiplier;
        logic [7:0]  slope_shift;
        logic signed [39:0] lo;
        logic signed [39:0] hi;
    } layer_t;

    // A run of input channels that an output tile sums up: `steps` input tiles from `lane` of the word at `addr` on.
    typedef struct packed {
        logic [3:0] last;           // the output tile ends with this segment
        dim_t       steps;
        dim_t       lane;
        addr_t      addr;
    } segment_t;

    // One position of the image on its way into the array.
    typedef struct packed {
        logic  valid;
        logic  swap;                // the first of a pass: the shadow weights become the active ones
        logic  padding;             // read as zero
        addr_t addr;
        dim_t  lane;
    } read_t;

    // What an accumulator does with a partial sum.
    typedef struct packed {
        logic  valid;
        logic  begins;              // the first one of a layer
        logic  take_max;            // the larger one of sum and partial sum instead of both together
        logic  first;               // start from the bias
        logic  last;                // hand the sum to the output stage
        logic  ignore;              // padding in a maximum: keep what there is
        logic  tile_ends;           // the last sum of an output tile
        addr_t addr;
    } sum_t;
endpackage
