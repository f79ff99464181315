"""Stand-ins for the vendor's headers, with the names that an emitted project uses; and compilers for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

WARNINGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-ffreestanding")
ARM = ("-target", "thumb-freestanding-eabi", "-mcpu=cortex_m4")
RISCV = ("-target", "riscv32-freestanding", "-mcpu=generic_rv32+m+c")

MXC = """
#ifndef MXC_H
#define MXC_H
#include <stdint.h>
typedef struct { uint32_t value; } mxc_gpio_regs_t;
typedef enum { MXC_GPIO_FUNC_IN, MXC_GPIO_FUNC_OUT } mxc_gpio_func_t;
typedef enum { MXC_GPIO_PAD_NONE } mxc_gpio_pad_t;
typedef enum { MXC_GPIO_VSSEL_VDDIO } mxc_gpio_vssel_t;
typedef struct {
  mxc_gpio_regs_t *port; uint32_t mask; mxc_gpio_func_t func; mxc_gpio_pad_t pad; mxc_gpio_vssel_t vssel;
} mxc_gpio_cfg_t;
typedef struct { volatile uint32_t pclkdiv, ipll_ctrl; } gcr_t;
extern gcr_t *const MXC_GCR;
extern mxc_gpio_regs_t *const MXC_GPIO1, *const MXC_GPIO2;
typedef struct tmr tmr_t;
extern tmr_t *const MXC_TMR0, *const MXC_TMR1;
#define MXC_GPIO_PIN_5 (1u << 5)
#define MXC_GPIO_PIN_6 (1u << 6)
#define MXC_GPIO_PIN_7 (1u << 7)
#define MXC_F_GCR_PCLKDIV_CNNCLKDIV 0xeu
#define MXC_F_GCR_PCLKDIV_CNNCLKSEL 0x30u
#define MXC_S_GCR_PCLKDIV_CNNCLKSEL_PCLK 0x00u
#define MXC_S_GCR_PCLKDIV_CNNCLKSEL_IPLL 0x10u
#define MXC_S_GCR_PCLKDIV_CNNCLKDIV_DIV1 0x8u
#define MXC_S_GCR_PCLKDIV_CNNCLKDIV_DIV4 0x2u
#define MXC_F_GCR_IPLL_CTRL_EN 1u
#define MXC_F_GCR_IPLL_CTRL_RDY 2u
#define MXC_ICC0 0
#define MXC_ICC1 1
enum { MXC_SYS_CLOCK_IPO };
enum { MXC_SYS_PERIPH_CLOCK_CNN, MXC_SYS_PERIPH_CLOCK_SMPHR, MXC_SYS_PERIPH_CLOCK_CPU1 };
enum { CNN_IRQn, RISCV_IRQn };
#define SEC(s) ((s) * 1000000)
#define MSEC(ms) ((ms) * 1000)
int MXC_GPIO_Config(const mxc_gpio_cfg_t *cfg);
void MXC_GPIO_OutSet(mxc_gpio_regs_t *port, uint32_t mask);
void MXC_GPIO_OutClr(mxc_gpio_regs_t *port, uint32_t mask);
int MXC_Delay(uint32_t us);
void MXC_TMR_Delay(tmr_t *tmr, uint32_t us);
void MXC_TMR_SW_Start(tmr_t *tmr);
int MXC_TMR_SW_Stop(tmr_t *tmr);
void MXC_ICC_Enable(int icc);
int MXC_SYS_Clock_Select(int clock);
int MXC_SYS_ClockSourceEnable(int clock);
void MXC_SYS_ClockEnable(int clock);
void MXC_SYS_ClockDisable(int clock);
void SystemCoreClockUpdate(void);
void MXC_NVIC_SetVector(int irq, void (*handler)(void));
void MXC_LP_EnterSleepMode(void);
void MXC_LP_EnterLowPowerMode(void);
void NVIC_EnableIRQ(int irq);
void NVIC_EnableEVENT(int irq);
void NVIC_ClearPendingIRQ(int irq);
void NVIC_ClearPendingEVENT(int irq);
void __enable_irq(void);
void Debug_Init(void);
void LED_On(unsigned int led);
void LED_Off(unsigned int led);
#endif
"""
HEADERS = {
    "mxc.h": MXC,
    "gcfr_regs.h": "typedef struct { volatile uint32_t reg0, reg1, reg2, reg3; } gcfr_t;\n"
                   "extern gcfr_t *const MXC_GCFR;",
    "fcr_regs.h": "typedef struct { volatile uint32_t urvbootaddr, urvctrl; } fcr_t; extern fcr_t *const MXC_FCR;",
    "sema_regs.h": "typedef struct { volatile uint32_t irq0; } sema_t; extern sema_t *const MXC_SEMA;\n"
                   "#define MXC_F_SEMA_IRQ0_EN 1u\n#define MXC_F_SEMA_IRQ0_CM4_IRQ 0x10000u",
    "pwrseq_regs.h": "typedef struct { volatile uint32_t lppwen; } pwrseq_t; extern pwrseq_t *const MXC_PWRSEQ;\n"
                     "#define MXC_F_PWRSEQ_LPPWEN_CPU1 0x100u",
    "stdio.h": "#pragma once\n__attribute__((format(printf, 1, 2))) int printf(const char *format, ...);",
}


def write_project(files: dict[str, str], folder: Path) -> None:
    """The project's files beside the stand-ins."""
    stubs = folder / "stubs"
    stubs.mkdir(parents=True)
    for name, text in HEADERS.items():
        (stubs / name).write_text(text + "\n")
    for name, text in files.items():
        (folder / name).write_text(text)


def link(folder: Path, core: tuple[str, ...]) -> None:
    """All objects of a folder to `project.elf`, which starts at `main`."""
    objects = sorted(path.name for path in folder.glob("*.o"))
    command = [sys.executable, "-m", "ziglang", "cc", *core, "-nostdlib", "-Wl,-e,main", *objects, "-o", "project.elf"]
    subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)


def compile_c(folder: Path, name: str, core: tuple[str, ...], *more: str) -> str:
    """What the compiler says of one file; empty without warnings."""
    command = [sys.executable, "-m", "ziglang", "cc", *core, *WARNINGS, "-Istubs", *more, "-c", name, "-o", name + ".o"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode or done.stderr else ""
