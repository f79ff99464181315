/* Files in the flash memory, read-only, from the fabric controller. */
#ifndef BT_BSP_FS_H
#define BT_BSP_FS_H

#include "pmsis.h"

struct pi_fs_conf {
    pi_device_t *flash;
};
typedef struct {
    uint32_t begin;
    uint32_t size;
    uint32_t at;
} pi_fs_file_t;

int32_t pi_fs_mount(pi_device_t *device);
void pi_fs_unmount(pi_device_t *device);
pi_fs_file_t *pi_fs_open(pi_device_t *device, const char *name, int flags);
void pi_fs_close(pi_fs_file_t *file);
int32_t pi_fs_read(pi_fs_file_t *file, void *data, uint32_t size);

#endif
