/* The read-only file system. */
#ifndef BT_BSP_READFS_H
#define BT_BSP_READFS_H

#include "bsp/fs.h"

struct pi_readfs_conf {
    struct pi_fs_conf fs;
};
static inline void pi_readfs_conf_init(struct pi_readfs_conf *configuration) { configuration->fs.flash = NULL; }

#endif
