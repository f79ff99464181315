/* Marks for the cluster simulator: what a core does between enter and leave is counted apart, under a number below 256.
 * At a mark the simulator may look at the cluster. Without BT_SIM they are nothing. */
#ifndef BT_SIM_H
#define BT_SIM_H

#if defined(BT_SIM)
#define BT_REGION_ENTER(number) __asm__ volatile("csrw 0x7c0, %0" : : "r"(number) : "memory")
#define BT_REGION_LEAVE(number) __asm__ volatile("csrw 0x7c1, %0" : : "r"(number) : "memory")
#define BT_MARK(number) __asm__ volatile("csrw 0x7c2, %0" : : "r"(number) : "memory")
#else
#define BT_REGION_ENTER(number) ((void)(number))
#define BT_REGION_LEAVE(number) ((void)(number))
#define BT_MARK(number) ((void)(number))
#endif

#endif
