/* Registers and interrupts of the MAX78000 and MAX78002, as far as generated projects use them. */
#ifndef MXC_DEVICE_H
#define MXC_DEVICE_H

#include <stddef.h>
#include <stdint.h>

#if !defined(TARGET_NUM)
#define TARGET_NUM 78000
#endif

/* Interrupts: numbers of the NVIC on the Arm core, of its own controller on the RISC-V core. */
typedef enum {
#if defined(__riscv)
  TMR0_IRQn = 8, TMR1_IRQn = 9, TMR2_IRQn = 10, TMR3_IRQn = 11,
  UART0_IRQn = 15, CNN_FIFO_IRQn = 56, CNN_IRQn = 57,
#else
  SysTick_IRQn = -1,
  TMR0_IRQn = 5, TMR1_IRQn = 6, TMR2_IRQn = 7, TMR3_IRQn = 8,
  UART0_IRQn = 14, RISCV_IRQn = 63, CNN_FIFO_IRQn = 100, CNN_IRQn = 101,
#endif
  MXC_IRQ_EXT_COUNT = 128
} IRQn_Type;

typedef volatile uint32_t mxc_reg_t;

typedef struct {
  mxc_reg_t sysctrl, rst0, clkctrl, pm;                 /* 0x00 */
  mxc_reg_t ipll_ctrl, reserved_14, pclkdiv;            /* 0x10; the PLL is the MAX78002's */
  mxc_reg_t reserved_1c[2], pclkdis0, memctrl, memz;    /* 0x1c */
  mxc_reg_t reserved_30[4], sysst, rst1, pclkdis1;      /* 0x30 */
  mxc_reg_t eventen, revision, sysie;                   /* 0x4c */
} mxc_gcr_regs_t;

typedef struct {
  mxc_reg_t fctrl0, autocal0, autocal1, autocal2;       /* 0x00 */
  mxc_reg_t urvbootaddr, urvctrl;                       /* 0x10 */
} mxc_fcr_regs_t;

typedef struct {
  mxc_reg_t reg0, reg1, reg2, reg3;                     /* power, memory, isolation, reset of the four groups */
} mxc_gcfr_regs_t;

typedef struct {
  mxc_reg_t semaphores[8], reserved_20[8];              /* 0x00 */
  mxc_reg_t irq0, mail0, irq1, mail1;                   /* 0x40 */
} mxc_sema_regs_t;

typedef struct {
  mxc_reg_t lpcn, lpwkst0, lpwken0, lpwkst1, lpwken1;   /* 0x00 */
  mxc_reg_t lpwkst2, lpwken2, lpwkst3, lpwken3;         /* 0x14 */
  mxc_reg_t reserved_24[3], lppwst, lppwen;             /* 0x24 */
} mxc_pwrseq_regs_t;

typedef struct {
  mxc_reg_t info, sz, reserved_08[62], ctrl;            /* the control register is at 0x100 */
} mxc_icc_regs_t;

typedef struct {
  mxc_reg_t en0, en0_set, en0_clr, outen, outen_set, outen_clr; /* 0x00 */
  mxc_reg_t out, out_set, out_clr, in;                          /* 0x18 */
} mxc_gpio_regs_t;

typedef struct {
  mxc_reg_t cnt, cmp, pwm, intfl, ctrl0, nolcmp, ctrl1, wkfl;   /* 0x00 */
} mxc_tmr_regs_t;

typedef struct {
  mxc_reg_t ctrl, status, int_en, int_fl, clkdiv, osr, txpeek, pnr, fifo; /* 0x00 */
} mxc_uart_regs_t;

#define MXC_AT(type, address) ((type *)(uintptr_t)(address))

#define MXC_GCR MXC_AT(mxc_gcr_regs_t, 0x40000000u)
#define MXC_FCR MXC_AT(mxc_fcr_regs_t, 0x40000800u)
#define MXC_GCFR MXC_AT(mxc_gcfr_regs_t, 0x40005800u)
#define MXC_PWRSEQ MXC_AT(mxc_pwrseq_regs_t, 0x40006800u)
#define MXC_GPIO0 MXC_AT(mxc_gpio_regs_t, 0x40008000u)
#define MXC_GPIO1 MXC_AT(mxc_gpio_regs_t, 0x40009000u)
#define MXC_GPIO2 MXC_AT(mxc_gpio_regs_t, 0x40080400u)
#define MXC_TMR0 MXC_AT(mxc_tmr_regs_t, 0x40010000u)
#define MXC_TMR1 MXC_AT(mxc_tmr_regs_t, 0x40011000u)
#define MXC_TMR2 MXC_AT(mxc_tmr_regs_t, 0x40012000u)
#define MXC_TMR3 MXC_AT(mxc_tmr_regs_t, 0x40013000u)
#define MXC_ICC0 MXC_AT(mxc_icc_regs_t, 0x4002a000u)
#define MXC_ICC1 MXC_AT(mxc_icc_regs_t, 0x4002a800u)
#define MXC_ICC MXC_ICC0
#define MXC_SEMA MXC_AT(mxc_sema_regs_t, 0x4003e000u)
#define MXC_UART0 MXC_AT(mxc_uart_regs_t, 0x40042000u)

#define MXC_F_GCR_CLKCTRL_SYSCLK_DIV (7u << 6)
#define MXC_F_GCR_CLKCTRL_SYSCLK_SEL (7u << 9)
#define MXC_F_GCR_CLKCTRL_SYSCLK_RDY (1u << 13)
#define MXC_F_GCR_PCLKDIV_CNNCLKDIV (7u << 14)
#define MXC_S_GCR_PCLKDIV_CNNCLKDIV_DIV2 (0u << 14)
#define MXC_S_GCR_PCLKDIV_CNNCLKDIV_DIV4 (1u << 14)
#define MXC_S_GCR_PCLKDIV_CNNCLKDIV_DIV8 (2u << 14)
#define MXC_S_GCR_PCLKDIV_CNNCLKDIV_DIV16 (3u << 14)
#define MXC_S_GCR_PCLKDIV_CNNCLKDIV_DIV1 (4u << 14)
#if TARGET_NUM == 78002
#define MXC_F_GCR_PCLKDIV_CNNCLKSEL (3u << 17)
#define MXC_S_GCR_PCLKDIV_CNNCLKSEL_IPLL (3u << 17)
#define MXC_F_GCR_IPLL_CTRL_EN (1u << 0)
#define MXC_F_GCR_IPLL_CTRL_RDY (1u << 1)
#else
#define MXC_F_GCR_PCLKDIV_CNNCLKSEL (1u << 17)
#endif
#define MXC_S_GCR_PCLKDIV_CNNCLKSEL_PCLK (0u << 17)
#define MXC_S_GCR_PCLKDIV_CNNCLKSEL_ISO (1u << 17)
#define MXC_F_SEMA_IRQ0_EN (1u << 0)
#define MXC_F_SEMA_IRQ0_CM4_IRQ (1u << 16)
#define MXC_F_SEMA_IRQ1_EN (1u << 0)
#define MXC_F_SEMA_IRQ1_RV32_IRQ (1u << 16)
#define MXC_F_PWRSEQ_LPPWEN_CPU1 (1u << 10)

#include "mxc_core.h"

#endif
