/* What belongs to the processor core: barriers, sleeping, interrupt controller. */
#ifndef MXC_CORE_H
#define MXC_CORE_H

#include "mxc_device.h"

static inline void __NOP(void) { __asm volatile("nop"); }
static inline void __WFI(void) { __asm volatile("wfi" ::: "memory"); }

#if defined(__riscv)

/* The RISC-V core's controller: an enable, a pending, a set and a clear register for every 32 interrupts and events. */
typedef struct {
  mxc_reg_t enable, pending, set_pending, clear_pending;
} mxc_lines_t;

#define MXC_INTR MXC_AT(mxc_lines_t, 0xe5070000u)
#define MXC_EVENT MXC_AT(mxc_lines_t, 0xe5070020u)

#define MXC_LINE(lines, line) ((lines)[(unsigned)(line) / 32u])
#define MXC_LINE_BIT(line) (1u << (unsigned)(line) % 32u)

static inline void __enable_irq(void) { __asm volatile("csrsi mstatus, 8" ::: "memory"); }
static inline void __disable_irq(void) { __asm volatile("csrci mstatus, 8" ::: "memory"); }

static inline uint32_t mxc_lock(void)
{
  uint32_t before;
  __asm volatile("csrrci %0, mstatus, 8" : "=r"(before) :: "memory");
  return before & 8u;
}

static inline void mxc_unlock(uint32_t before)
{
  if (before != 0)
    __enable_irq();
}

static inline void NVIC_EnableEVENT(IRQn_Type line) { MXC_LINE(MXC_EVENT, line).enable |= MXC_LINE_BIT(line); }
static inline void NVIC_DisableEVENT(IRQn_Type line) { MXC_LINE(MXC_EVENT, line).enable &= ~MXC_LINE_BIT(line); }
static inline void NVIC_ClearPendingEVENT(IRQn_Type line)
{
  MXC_LINE(MXC_EVENT, line).clear_pending = MXC_LINE_BIT(line);
}
static inline void NVIC_EnableIRQ(IRQn_Type line)
{
  MXC_LINE(MXC_INTR, line).enable |= MXC_LINE_BIT(line);
  NVIC_EnableEVENT(line);
}
static inline void NVIC_DisableIRQ(IRQn_Type line)
{
  MXC_LINE(MXC_INTR, line).enable &= ~MXC_LINE_BIT(line);
  NVIC_DisableEVENT(line);
}
static inline void NVIC_ClearPendingIRQ(IRQn_Type line) { MXC_LINE(MXC_INTR, line).clear_pending = MXC_LINE_BIT(line); }
static inline void NVIC_SetPendingIRQ(IRQn_Type line) { MXC_LINE(MXC_INTR, line).set_pending = MXC_LINE_BIT(line); }

#else

static inline void __DSB(void) { __asm volatile("dsb" ::: "memory"); }
static inline void __ISB(void) { __asm volatile("isb" ::: "memory"); }
static inline void __WFE(void) { __asm volatile("wfe" ::: "memory"); }
static inline void __enable_irq(void) { __asm volatile("cpsie i" ::: "memory"); }
static inline void __disable_irq(void) { __asm volatile("cpsid i" ::: "memory"); }

static inline uint32_t mxc_lock(void)
{
  uint32_t before;
  __asm volatile("mrs %0, primask\n\tcpsid i" : "=r"(before) :: "memory");
  return before;
}

static inline void mxc_unlock(uint32_t before) { __asm volatile("msr primask, %0" :: "r"(before) : "memory"); }

typedef struct {
  mxc_reg_t ctrl, load, val, calib;
} SysTick_Type;

typedef struct {
  mxc_reg_t iser[8], reserved_20[24], icer[8], reserved_a0[24];
  mxc_reg_t ispr[8], reserved_120[24], icpr[8];
} NVIC_Type;

typedef struct {
  mxc_reg_t cpuid, icsr, vtor, aircr, scr, ccr; /* 0x00 */
} SCB_Type;

#define SysTick MXC_AT(SysTick_Type, 0xe000e010u)
#define NVIC MXC_AT(NVIC_Type, 0xe000e100u)
#define SCB MXC_AT(SCB_Type, 0xe000ed00u)
#define SCB_CPACR (*MXC_AT(mxc_reg_t, 0xe000ed88u))
#define SCB_SCR_SLEEPDEEP_Msk (1u << 2)

#define MXC_LINE_BIT(line) (1u << (unsigned)(line) % 32u)

static inline void NVIC_EnableIRQ(IRQn_Type line) { NVIC->iser[(unsigned)line / 32u] = MXC_LINE_BIT(line); }
static inline void NVIC_DisableIRQ(IRQn_Type line) { NVIC->icer[(unsigned)line / 32u] = MXC_LINE_BIT(line); }
static inline void NVIC_SetPendingIRQ(IRQn_Type line) { NVIC->ispr[(unsigned)line / 32u] = MXC_LINE_BIT(line); }
static inline void NVIC_ClearPendingIRQ(IRQn_Type line) { NVIC->icpr[(unsigned)line / 32u] = MXC_LINE_BIT(line); }

void NVIC_SetVector(IRQn_Type line, void (*handler)(void));
void MXC_NVIC_SetVector(IRQn_Type line, void (*handler)(void));
void NVIC_SetRAM(void);

#endif

#endif
