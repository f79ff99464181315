/* Transfers with the external memory, and what is left of L1. */
#include "bsp/ram.h"
#include "bt_registers.h"
#include "pmsis.h"

extern char __l1_free[], __stacks[];
static char *l1_next = __l1_free;
static uint32_t l3_next;

void *pi_l1_malloc(pi_device_t *device, uint32_t size)
{
    char *chunk = l1_next;
    (void)device;
    if (size > (uint32_t)(__stacks - l1_next))
        return NULL;
    l1_next += (size + 7) & ~7u;
    return chunk;
}

void pi_l1_free(pi_device_t *device, void *chunk, uint32_t size)
{
    (void)device;
    if ((char *)chunk + ((size + 7) & ~7u) == l1_next)
        l1_next = chunk;
}

static uint32_t start(uint32_t address, void *data, uint32_t size, uint32_t command)
{
    BT_L3_LOCAL = (uint32_t)data;
    BT_L3_ADDRESS = address;
    BT_L3_SIZE = size;
    BT_L3_COMMAND = command;
    return BT_L3_ISSUED;
}

static void wait(uint32_t ticket)
{
    if (pi_is_fc())
        BT_INTERRUPT_ENABLE = 1u << BT_L3_EVENT;
    while ((int32_t)(BT_L3_DONE - ticket) < 0) {
        if (pi_is_fc()) {
            __asm__ volatile("wfi" : : : "memory");
            BT_INTERRUPT_CLEAR = 1u << BT_L3_EVENT;
        } else {
            bt_wait_event(BT_L3_EVENT);
        }
    }
}

int pi_ram_open(pi_device_t *device)
{
    (void)device;
    return 0;
}

void pi_ram_close(pi_device_t *device) { (void)device; }

int pi_ram_alloc(pi_device_t *device, uint32_t *address, uint32_t size)
{
    (void)device;
    *address = l3_next;
    l3_next += (size + 3) & ~3u;
    return 0;
}

int pi_ram_free(pi_device_t *device, uint32_t address, uint32_t size)
{
    (void)device;
    if (address + ((size + 3) & ~3u) == l3_next)
        l3_next = address;
    return 0;
}

void pi_ram_read(pi_device_t *device, uint32_t address, void *data, uint32_t size)
{
    (void)device;
    wait(start(address, data, size, 1));
}

void pi_ram_write(pi_device_t *device, uint32_t address, void *data, uint32_t size)
{
    (void)device;
    wait(start(address, data, size, 2));
}

void pi_cl_ram_read(pi_device_t *device, uint32_t address, void *data, uint32_t size, pi_cl_ram_req_t *request)
{
    (void)device;
    request->ticket = start(address, data, size, 1);
}

void pi_cl_ram_write(pi_device_t *device, uint32_t address, void *data, uint32_t size, pi_cl_ram_req_t *request)
{
    (void)device;
    request->ticket = start(address, data, size, 2);
}

void pi_cl_ram_read_wait(pi_cl_ram_req_t *request) { wait(request->ticket); }
void pi_cl_ram_write_wait(pi_cl_ram_req_t *request) { wait(request->ticket); }
