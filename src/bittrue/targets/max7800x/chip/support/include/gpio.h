/* Port pins. */
#ifndef GPIO_H
#define GPIO_H

#include "mxc_device.h"

#define MXC_GPIO_PIN_0 (1u << 0)
#define MXC_GPIO_PIN_1 (1u << 1)
#define MXC_GPIO_PIN_2 (1u << 2)
#define MXC_GPIO_PIN_3 (1u << 3)
#define MXC_GPIO_PIN_4 (1u << 4)
#define MXC_GPIO_PIN_5 (1u << 5)
#define MXC_GPIO_PIN_6 (1u << 6)
#define MXC_GPIO_PIN_7 (1u << 7)
#define MXC_GPIO_PIN_8 (1u << 8)
#define MXC_GPIO_PIN_9 (1u << 9)
#define MXC_GPIO_PIN_10 (1u << 10)
#define MXC_GPIO_PIN_11 (1u << 11)
#define MXC_GPIO_PIN_12 (1u << 12)
#define MXC_GPIO_PIN_13 (1u << 13)
#define MXC_GPIO_PIN_14 (1u << 14)
#define MXC_GPIO_PIN_15 (1u << 15)
#define MXC_GPIO_PIN_16 (1u << 16)
#define MXC_GPIO_PIN_17 (1u << 17)
#define MXC_GPIO_PIN_18 (1u << 18)
#define MXC_GPIO_PIN_19 (1u << 19)
#define MXC_GPIO_PIN_20 (1u << 20)
#define MXC_GPIO_PIN_21 (1u << 21)
#define MXC_GPIO_PIN_22 (1u << 22)
#define MXC_GPIO_PIN_23 (1u << 23)
#define MXC_GPIO_PIN_24 (1u << 24)
#define MXC_GPIO_PIN_25 (1u << 25)
#define MXC_GPIO_PIN_26 (1u << 26)
#define MXC_GPIO_PIN_27 (1u << 27)
#define MXC_GPIO_PIN_28 (1u << 28)
#define MXC_GPIO_PIN_29 (1u << 29)
#define MXC_GPIO_PIN_30 (1u << 30)
#define MXC_GPIO_PIN_31 (1u << 31)

typedef enum {
  MXC_GPIO_FUNC_IN,
  MXC_GPIO_FUNC_OUT
} mxc_gpio_func_t;

typedef enum {
  MXC_GPIO_PAD_NONE,
  MXC_GPIO_PAD_PULL_UP,
  MXC_GPIO_PAD_PULL_DOWN
} mxc_gpio_pad_t;

typedef enum {
  MXC_GPIO_VSSEL_VDDIO,
  MXC_GPIO_VSSEL_VDDIOH
} mxc_gpio_vssel_t;

typedef enum {
  MXC_GPIO_DRVSTR_0,
  MXC_GPIO_DRVSTR_1,
  MXC_GPIO_DRVSTR_2,
  MXC_GPIO_DRVSTR_3
} mxc_gpio_drvstr_t;

typedef struct {
  mxc_gpio_regs_t *port;
  uint32_t mask;
  mxc_gpio_func_t func;
  mxc_gpio_pad_t pad;
  mxc_gpio_vssel_t vssel;
  mxc_gpio_drvstr_t drvstr;
} mxc_gpio_cfg_t;

int MXC_GPIO_Config(const mxc_gpio_cfg_t *pins);
void MXC_GPIO_OutSet(mxc_gpio_regs_t *port, uint32_t mask);
void MXC_GPIO_OutClr(mxc_gpio_regs_t *port, uint32_t mask);
uint32_t MXC_GPIO_OutGet(mxc_gpio_regs_t *port, uint32_t mask);
uint32_t MXC_GPIO_InGet(mxc_gpio_regs_t *port, uint32_t mask);

#endif
