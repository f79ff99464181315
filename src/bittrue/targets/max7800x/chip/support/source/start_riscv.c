/* The RISC-V core: table of jumps, one per interrupt, and reset. */
#include "mxc.h"
#include "start.h"

/* An interrupt or exception without a handler: the emulated chip stops when it arrives here. */
void mxc_unexpected(void);
void mxc_unexpected(void)
{
  for (;;) {
  }
}

void mxc_set_up(void);
void mxc_set_up(void)
{
  set_up_memory();
  SystemCoreClockUpdate();
  exit(main());
}

__asm(".weak CNN_IRQHandler, CNN_FIFO_IRQHandler\n"
      ".weak TMR0_IRQHandler, TMR1_IRQHandler, TMR2_IRQHandler, TMR3_IRQHandler\n"
      ".set CNN_IRQHandler, mxc_unexpected\n"
      ".set CNN_FIFO_IRQHandler, mxc_unexpected\n"
      ".set TMR0_IRQHandler, mxc_unexpected\n"
      ".set TMR1_IRQHandler, mxc_unexpected\n"
      ".set TMR2_IRQHandler, mxc_unexpected\n"
      ".set TMR3_IRQHandler, mxc_unexpected\n"
      ".pushsection .vectors, \"ax\"\n"
      ".option push\n"
      ".option norvc\n"
      ".option norelax\n"
      ".global mxc_vectors\n"
      "mxc_vectors:\n"
      "  j mxc_reset\n"
      ".rept 7\n"
      "  j mxc_unexpected\n"
      ".endr\n"
      "  j TMR0_IRQHandler\n"
      "  j TMR1_IRQHandler\n"
      "  j TMR2_IRQHandler\n"
      "  j TMR3_IRQHandler\n"
      ".rept 44\n"
      "  j mxc_unexpected\n"
      ".endr\n"
      "  j CNN_FIFO_IRQHandler\n"
      "  j CNN_IRQHandler\n"
      "  j mxc_unexpected\n"
      "  j mxc_unexpected\n"
      ".global mxc_reset\n"
      "mxc_reset:\n"
      "  la sp, mxc_stack_end\n"
      "  la gp, __global_pointer$\n"
      "  la t0, mxc_vectors\n"
      "  csrw mtvec, t0\n"
      "  j mxc_set_up\n"
      ".popsection\n"
      /* Where the core starts when no other boot address is set. */
      ".pushsection .boot, \"ax\"\n"
      "  la t0, mxc_reset\n"
      "  jr t0\n"
      ".option pop\n"
      ".popsection\n");
