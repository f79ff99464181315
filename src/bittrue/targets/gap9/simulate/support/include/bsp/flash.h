/* The flash memory: only what a file system on it needs. */
#ifndef BT_BSP_FLASH_H
#define BT_BSP_FLASH_H

#include "pmsis.h"

struct pi_default_flash_conf {
    int id;
};
static inline void pi_default_flash_conf_init(struct pi_default_flash_conf *configuration) { configuration->id = 0; }
static inline int pi_flash_open(pi_device_t *device) { (void)device; return 0; }
static inline void pi_flash_close(pi_device_t *device) { (void)device; }

#endif
