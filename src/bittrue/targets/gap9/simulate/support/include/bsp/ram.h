/* The external memory (HyperRAM): transfers with L2, from the fabric controller and from the cluster. */
#ifndef BT_BSP_RAM_H
#define BT_BSP_RAM_H

#include "pmsis.h"

struct pi_hyperram_conf {
    int id;
};
typedef struct {
    uint32_t ticket;
} pi_cl_ram_req_t;
static inline void pi_hyperram_conf_init(struct pi_hyperram_conf *configuration) { configuration->id = 0; }
#define pi_default_ram_conf pi_hyperram_conf
static inline void pi_default_ram_conf_init(struct pi_hyperram_conf *configuration) { configuration->id = 0; }
int pi_ram_open(pi_device_t *device);
void pi_ram_close(pi_device_t *device);
int pi_ram_alloc(pi_device_t *device, uint32_t *address, uint32_t size);
int pi_ram_free(pi_device_t *device, uint32_t address, uint32_t size);
void pi_ram_read(pi_device_t *device, uint32_t address, void *data, uint32_t size);
void pi_ram_write(pi_device_t *device, uint32_t address, void *data, uint32_t size);
void pi_cl_ram_read(pi_device_t *device, uint32_t address, void *data, uint32_t size, pi_cl_ram_req_t *request);
void pi_cl_ram_write(pi_device_t *device, uint32_t address, void *data, uint32_t size, pi_cl_ram_req_t *request);
void pi_cl_ram_read_wait(pi_cl_ram_req_t *request);
void pi_cl_ram_write_wait(pi_cl_ram_req_t *request);

#endif
