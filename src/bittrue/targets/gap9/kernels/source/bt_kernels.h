/* The int8 kernels of the cluster.
 *
 * Every kernel is called by all cores alike, with the same parameters, the core's number and the number of cores; each
 * core does its share. No kernel waits for another core: a barrier belongs between two kernels, not into one.
 *
 * Images lie in memory row by row, pixel by pixel, the channels of a pixel together (HWC). A `pitch` is the distance
 * from one pixel to the next in elements; it is the number of channels, or more where a kernel works on a slice of the
 * channels. Elements are bytes, of accumulators (BT_NONE) int32_t words. No zero points: zero is zero. Sizes in
 * elements, addresses of activations of any alignment if nothing else is said; what is written never overlaps what is
 * read.
 */
#ifndef BT_KERNELS_H
#define BT_KERNELS_H

#include "bt_requant.h"

/* Where a convolution's im2col matrix is. */
#define BT_COLUMNS_OWN 0
#define BT_COLUMNS_MAKE 1
#define BT_COLUMNS_KEPT 2
/* Bytes of a core's own part of it, or two rows where these are longer. */
#define BT_COLUMNS_ROOM 576

/* Convolution: y[oy][ox][o] = requantize(bias[o] + sum of x[oy*stride_h - pad_top + ky*dilation_h][...][i] *
 * w[o][ky][kx][i]), zeros outside of the image. The whole input is in_h x in_w; padding on the right and below follows
 * from out_h and out_w. `weights`: blocked and filled up as bt_dot.h says, kernel rows first, channels last.
 * `scratch`, aligned to 4: per core pairs of rows of the im2col matrix, as many as BT_COLUMNS_ROOM bytes hold and as a
 * core does, at least one; or, if `columns` is not BT_COLUMNS_OWN, the whole matrix, one row a pixel. A call with
 * BT_COLUMNS_MAKE leaves it there, calls with BT_COLUMNS_KEPT for other channels of the same pixels do not read
 * `input`.
 */
typedef struct {
    const void *input;
    const void *weights;
    const int32_t *bias;
    void *output;
    void *scratch;
    bt_requant requant;
    int32_t in_h;
    int32_t in_w;
    int32_t in_c;
    int32_t in_pitch;
    int32_t out_h;
    int32_t out_w;
    int32_t out_c;
    int32_t out_pitch;
    int32_t kernel_h;
    int32_t kernel_w;
    int32_t stride_h;
    int32_t stride_w;
    int32_t pad_top;
    int32_t pad_left;
    int32_t dilation_h;
    int32_t dilation_w;
    int32_t is_signed;
    int32_t weight_bits;
    int32_t columns;
} bt_conv_params;

void bt_conv(const bt_conv_params *p, int32_t core, int32_t cores);

/* Convolution with a 1x1 kernel and no padding, without im2col: in_c is a multiple of 32 / weight_bits. */
typedef struct {
    const void *input;
    const void *weights;
    const int32_t *bias;
    void *output;
    bt_requant requant;
    int32_t in_w;
    int32_t in_c;
    int32_t in_pitch;
    int32_t out_h;
    int32_t out_w;
    int32_t out_c;
    int32_t out_pitch;
    int32_t stride_h;
    int32_t stride_w;
    int32_t is_signed;
    int32_t weight_bits;
} bt_pointwise_params;

void bt_pointwise(const bt_pointwise_params *p, int32_t core, int32_t cores);

/* Fully connected layer on every row: x (rows, in_c), w (out_c, in_c), y (rows, out_c). Rows are in_pitch apart, and
 * readable (whatever lies there meets weights of zero) up to a multiple of 32 / weight_bits.
 */
typedef struct {
    const void *input;
    const void *weights;
    const int32_t *bias;
    void *output;
    bt_requant requant;
    int32_t rows;
    int32_t in_c;
    int32_t in_pitch;
    int32_t out_c;
    int32_t out_pitch;
    int32_t is_signed;
    int32_t weight_bits;
} bt_linear_params;

void bt_linear(const bt_linear_params *p, int32_t core, int32_t cores);

/* Convolution of every channel with a kernel of its own. `weights`: 8 bits, per channel the kernel's columns from left
 * to right, each filled up with zeros to a multiple of 4; channels filled up to a multiple of 4. `scratch`: per core 4
 * channels of as many columns as one row of the output sees, each a kernel's column; aligned to 4.
 */
typedef struct {
    const void *input;
    const void *weights;
    const int32_t *bias;
    void *output;
    void *scratch;
    bt_requant requant;
    int32_t in_h;
    int32_t in_w;
    int32_t channels;
    int32_t in_pitch;
    int32_t out_h;
    int32_t out_w;
    int32_t out_pitch;
    int32_t kernel_h;
    int32_t kernel_w;
    int32_t stride_h;
    int32_t stride_w;
    int32_t pad_top;
    int32_t pad_left;
    int32_t dilation_h;
    int32_t dilation_w;
    int32_t is_signed;
} bt_depthwise_params;

void bt_depthwise(const bt_depthwise_params *p, int32_t core, int32_t cores);

/* Windows of an image, for both poolings. `requant` is not used by the largest value. */
typedef struct {
    const void *input;
    void *output;
    bt_requant requant;
    int32_t in_h;
    int32_t in_w;
    int32_t channels;
    int32_t in_pitch;
    int32_t out_h;
    int32_t out_w;
    int32_t out_pitch;
    int32_t kernel_h;
    int32_t kernel_w;
    int32_t stride_h;
    int32_t stride_w;
    int32_t pad_top;
    int32_t pad_left;
    int32_t dilation_h;
    int32_t dilation_w;
    int32_t is_signed;
} bt_pool_params;

/* Largest value of every window; what lies outside of the image never wins, and every window holds a pixel. */
void bt_max_pool(const bt_pool_params *p, int32_t core, int32_t cores);

/* Sum of every window, zeros outside of the image, then a requantization, which holds the division by the window's
 * area. The global average is the window of the image's size.
 */
void bt_avg_pool(const bt_pool_params *p, int32_t core, int32_t cores);

/* Types of elements that are read one by one. */
enum { BT_I8 = 0, BT_U8 = 1, BT_I16 = 2, BT_U16 = 3, BT_I32 = 4 };

/* y = requantize(a + b), pixel by pixel; `channels` is the period of a per-channel requantization. */
typedef struct {
    const void *a;
    const void *b;
    void *output;
    bt_requant requant;
    int32_t pixels;
    int32_t channels;
    int32_t a_pitch;
    int32_t b_pitch;
    int32_t out_pitch;
    int32_t a_type;
    int32_t b_type;
} bt_add_params;

void bt_add_tensors(const bt_add_params *p, int32_t core, int32_t cores);

/* y = requantize(x), x of any type. */
typedef struct {
    const void *input;
    void *output;
    bt_requant requant;
    int32_t pixels;
    int32_t channels;
    int32_t in_pitch;
    int32_t out_pitch;
    int32_t in_type;
} bt_requantize_params;

void bt_requantize_tensor(const bt_requantize_params *p, int32_t core, int32_t cores);

/* One input of a concatenation: bytes of a pixel, and the distance of pixels. */
typedef struct {
    const void *data;
    int32_t channels;
    int32_t pitch;
} bt_part;

/* The channels of several images of the same size one after the other. */
typedef struct {
    const bt_part *parts;
    void *output;
    int32_t count;
    int32_t pixels;
    int32_t out_pitch;
} bt_concat_params;

void bt_concat(const bt_concat_params *p, int32_t core, int32_t cores);

/* `value` around an image, in height, width and channels. The output is dense. */
typedef struct {
    const void *input;
    void *output;
    int32_t in_h;
    int32_t in_w;
    int32_t in_c;
    int32_t in_pitch;
    int32_t pad_top;
    int32_t pad_bottom;
    int32_t pad_left;
    int32_t pad_right;
    int32_t pad_front;
    int32_t pad_back;
    int32_t value;
} bt_pad_params;

void bt_pad(const bt_pad_params *p, int32_t core, int32_t cores);

/* y = table[x], x taken as an unsigned byte: of a signed type, entries 128 to 255 are for -128 to -1. */
typedef struct {
    const void *input;
    const uint8_t *table;
    void *output;
    int32_t count;
} bt_lookup_params;

void bt_lookup(const bt_lookup_params *p, int32_t core, int32_t cores);

/* y = x where x >= 0, else the requantized x (its record is the slope's); signed bytes. */
typedef struct {
    const void *input;
    void *output;
    bt_requant requant;
    int32_t count;
} bt_leaky_relu_params;

void bt_leaky_relu(const bt_leaky_relu_params *p, int32_t core, int32_t cores);

#endif
