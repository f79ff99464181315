/* GAP9 by PMSIS: cluster, DMA, external memory, flash. */
#include "bt_platform.h"

#if BT_USES_EXTERNAL
#include "bsp/flash.h"
#include "bsp/fs.h"
#include "bsp/fs/readfs.h"
#endif

enum { CORES = 8, WORKER_STACK = 2048, CONTROLLER_STACK = 4096 };

/* ---- in the cluster */

void bt_dma_start(const bt_transfer *transfers, uint32_t count, int32_t direction)
{
    pi_cl_dma_cmd_t command;
    pi_cl_dma_dir_e way = direction == BT_IN ? PI_CL_DMA_DIR_EXT2LOC : PI_CL_DMA_DIR_LOC2EXT;

    for (; count > 0; count--, transfers++) {
        uint32_t far = (uint32_t)transfers->far, near = (uint32_t)transfers->near;
        if (transfers->length == transfers->size)
            pi_cl_dma_cmd(far, near, transfers->size, way, &command);
        else
            pi_cl_dma_cmd_2d(far, near, transfers->size, transfers->stride, transfers->length, way, &command);
    }
}

void bt_dma_wait(void)
{
    pi_cl_dma_flush();
}

void bt_barrier(void)
{
    pi_cl_team_barrier();
}

void bt_count_cycles(void)
{
    pi_perf_conf(1 << PI_PERF_CYCLES);
    pi_perf_reset();
    pi_perf_start();
}

uint32_t bt_now(void)
{
    return pi_perf_read(PI_PERF_CYCLES);
}

/* ---- external memory */

#if BT_USES_EXTERNAL
static pi_device_t ram;
static uint32_t ram_base;

void bt_ram_start(uint32_t external, void *data, uint32_t size, int32_t direction, bt_request *request)
{
    if (direction == BT_IN)
        pi_cl_ram_read(&ram, ram_base + external, data, size, request);
    else
        pi_cl_ram_write(&ram, ram_base + external, data, size, request);
}

void bt_ram_wait(bt_request *request, int32_t direction)
{
    if (direction == BT_IN)
        pi_cl_ram_read_wait(request);
    else
        pi_cl_ram_write_wait(request);
}

void bt_platform_read(uint32_t external, void *data, uint32_t size)
{
    pi_ram_read(&ram, ram_base + external, data, size);
}

static int open_ram(uint32_t bytes)
{
    static struct pi_default_ram_conf conf;

    pi_default_ram_conf_init(&conf);
    pi_open_from_conf(&ram, &conf);
    return pi_ram_open(&ram) || pi_ram_alloc(&ram, &ram_base, bytes);
}

static int mount(pi_device_t *flash, pi_device_t *fs)
{
    static struct pi_default_flash_conf flash_conf;
    static struct pi_readfs_conf fs_conf;

    pi_default_flash_conf_init(&flash_conf);
    pi_open_from_conf(flash, &flash_conf);
    if (pi_flash_open(flash))
        return 1;
    pi_readfs_conf_init(&fs_conf);
    fs_conf.fs.flash = flash;
    pi_open_from_conf(fs, &fs_conf);
    return pi_fs_mount(fs);
}

/* Copy one file from flash to external memory, through L2. */
static int copy_file(pi_device_t *fs, const bt_image *image)
{
    static BT_IN_L2 uint8_t buffer[4096];
    pi_fs_file_t *file = pi_fs_open(fs, image->name, 0);

    if (file == NULL)
        return 1;
    for (uint32_t at = 0; at < image->size; at += sizeof buffer) {
        uint32_t left = image->size - at, bytes = left < sizeof buffer ? left : (uint32_t)sizeof buffer;
        if (pi_fs_read(file, buffer, bytes) != (int32_t)bytes)
            return 1;
        pi_ram_write(&ram, ram_base + image->external + at, buffer, (bytes + 3) & ~3u);
    }
    pi_fs_close(file);
    return 0;
}

int bt_platform_load(const bt_image *images, uint32_t count, uint32_t external_bytes)
{
    pi_device_t flash, fs;

    if (open_ram(external_bytes))
        return 1;
    if (count == 0)
        return 0;
    if (mount(&flash, &fs))
        return 1;
    for (; count > 0; count--, images++)
        if (copy_file(&fs, images))
            return 1;
    pi_fs_unmount(&fs);
    pi_flash_close(&flash);
    return 0;
}
#else
int bt_platform_load(const bt_image *images, uint32_t count, uint32_t external_bytes)
{
    (void)images;
    (void)count;
    return external_bytes != 0;
}
#endif

/* ---- outside of the cluster */

static int (*main_program)(void);

static void kickoff(void)
{
    pmsis_exit(main_program());
}

int bt_platform_sample(void *sample, uint32_t size)
{
    (void)sample;
    (void)size;
    return 0;
}

int bt_platform_main(int (*program)(void))
{
    main_program = program;
    return pmsis_kickoff((void *)kickoff);
}

typedef void (*work_function)(int32_t core, int32_t cores);

static work_function cluster_work;

static void on_worker(void *unused)
{
    (void)unused;
    cluster_work((int32_t)pi_core_id(), CORES);
}

static void on_controller(void *unused)
{
    pi_cl_team_fork(CORES, on_worker, unused);
}

int bt_platform_cluster(work_function work)
{
    static struct pi_cluster_task task;
    struct pi_cluster_conf conf;
    pi_device_t cluster;

    pi_cluster_conf_init(&conf);
    conf.id = 0;
    pi_open_from_conf(&cluster, &conf);
    if (pi_cluster_open(&cluster))
        return 1;
    cluster_work = work;
    pi_cluster_task(&task, on_controller, NULL);
    task.stack_size = CONTROLLER_STACK;
    task.slave_stack_size = WORKER_STACK;
    pi_cluster_send_task_to_cl(&cluster, &task);
    pi_cluster_close(&cluster);
    return 0;
}
