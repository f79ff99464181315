/* The registers that the runtime uses, see the simulator's devices. */
#ifndef BT_REGISTERS_H
#define BT_REGISTERS_H

#include <stdint.h>

#define BT_REGISTER(address) (*(volatile uint32_t *)(address))
#define BT_FETCH_ENABLE BT_REGISTER(0x10200008u)
#define BT_BOOT(core) BT_REGISTER(0x10200040u + 4u * (core))
#define BT_SEND_EVENT(event) BT_REGISTER(0x10200e00u + 4u * (event))
#define BT_EVENTS 0x10204000u
#define BT_EVENT_MASK_CLEAR BT_REGISTER(BT_EVENTS + 0x04u)
#define BT_EVENT_MASK_SET BT_REGISTER(BT_EVENTS + 0x08u)
#define BT_EVENT_WAIT_CLEAR (BT_EVENTS + 0x3cu)
#define BT_DISPATCH (BT_EVENTS + 0x80u)
#define BT_DISPATCH_TEAM BT_REGISTER(BT_EVENTS + 0x84u)
#define BT_MUTEX (BT_EVENTS + 0xc0u)
#define BT_BARRIER(number) (BT_EVENTS + 0x200u + 0x20u * (number))
#define BT_BARRIER_MASK(number) BT_REGISTER(BT_BARRIER(number))
#define BT_BARRIER_TARGET(number) BT_REGISTER(BT_BARRIER(number) + 0x0cu)
#define BT_BARRIER_WAIT_CLEAR(number) (BT_BARRIER(number) + 0x1cu)
#define BT_DMA_COMMAND BT_REGISTER(0x10204400u)
#define BT_DMA_STATUS BT_REGISTER(0x10204404u)
#define BT_STDOUT BT_REGISTER(0x1a10f000u)
#define BT_EXIT BT_REGISTER(0x1a1040a0u)
#define BT_INTERRUPT_MASK BT_REGISTER(0x1a109800u)
#define BT_INTERRUPT_ENABLE BT_REGISTER(0x1a109804u)
#define BT_INTERRUPT BT_REGISTER(0x1a10980cu)
#define BT_INTERRUPT_SET BT_REGISTER(0x1a109810u)
#define BT_INTERRUPT_CLEAR BT_REGISTER(0x1a109814u)
#define BT_L3_LOCAL BT_REGISTER(0x1a160000u)
#define BT_L3_ADDRESS BT_REGISTER(0x1a160004u)
#define BT_L3_SIZE BT_REGISTER(0x1a160008u)
#define BT_L3_COMMAND BT_REGISTER(0x1a16000cu)
#define BT_L3_ISSUED BT_REGISTER(0x1a160010u)
#define BT_L3_DONE BT_REGISTER(0x1a160014u)

/* Where in L3 the flash memory begins: beyond the largest RAM. */
#define BT_FLASH_BASE 0x4000000u

enum { BT_TASK_EVENT = 1, BT_DMA_EVENT = 8, BT_BARRIER_EVENT = 16, BT_MUTEX_EVENT = 17, BT_DISPATCH_EVENT = 18 };
enum { BT_L3_EVENT = 24, BT_DONE_INTERRUPT = 0 };
enum { BT_JOIN = 0, BT_TEAM = 1 };

/* p.elw: a load that may put the core to sleep. */
static inline uint32_t bt_wait_load(uint32_t address)
{
    uint32_t value;
    __asm__ volatile(".insn i 0x03, 6, %0, %1, 0" : "=r"(value) : "r"(address) : "memory");
    return value;
}

/* Sleep until an event of the core's own is there, and take it. */
static inline void bt_wait_event(uint32_t event)
{
    BT_EVENT_MASK_SET = 1u << event;
    bt_wait_load(BT_EVENT_WAIT_CLEAR);
    BT_EVENT_MASK_CLEAR = 1u << event;
}

#endif
