/* The Arm core: vector tables and reset. */
#include "mxc.h"
#include "start.h"

#define EXCEPTIONS 16
#define ACCESS_FPU (15u << 20)

typedef void (*vector_t)(void);

extern void mxc_stack_end(void); /* an address, but not of a function */

void mxc_reset(void);

/* An interrupt or fault without a handler: the emulated chip stops when it arrives here. */
void mxc_unexpected(void);
void mxc_unexpected(void)
{
  for (;;) {
  }
}

__attribute__((section(".vectors"), used)) static const vector_t vectors[EXCEPTIONS] = {
  mxc_stack_end, mxc_reset, mxc_unexpected, mxc_unexpected, mxc_unexpected, mxc_unexpected, mxc_unexpected,
  mxc_unexpected, mxc_unexpected, mxc_unexpected, mxc_unexpected, mxc_unexpected, mxc_unexpected, mxc_unexpected,
  mxc_unexpected, mxc_unexpected
};

__attribute__((aligned(1024))) static vector_t ram_vectors[EXCEPTIONS + MXC_IRQ_EXT_COUNT];

void NVIC_SetRAM(void)
{
  for (int line = 0; line < EXCEPTIONS + MXC_IRQ_EXT_COUNT; line++)
    ram_vectors[line] = line < EXCEPTIONS ? vectors[line] : mxc_unexpected;
  SCB->vtor = (uint32_t)(uintptr_t)ram_vectors;
  __DSB();
}

void NVIC_SetVector(IRQn_Type line, void (*handler)(void))
{
  ram_vectors[EXCEPTIONS + (int)line] = handler;
  __DSB();
}

void MXC_NVIC_SetVector(IRQn_Type line, void (*handler)(void))
{
  NVIC_SetVector(line, handler);
  NVIC_EnableIRQ(line);
}

void mxc_reset(void)
{
  SCB_CPACR |= ACCESS_FPU;
  set_up_memory();
  NVIC_SetRAM();
  SystemCoreClockUpdate();
  exit(main());
}
