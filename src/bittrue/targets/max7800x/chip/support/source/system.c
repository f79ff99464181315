/* Clocks, caches, power modes, port pins, lights and timers: what the functions do to the registers. */
#include "mxc.h"

#define CRYSTAL 60000000u /* oscillator ISO */
#define BASE 7372800u     /* oscillator IBRO */
#if TARGET_NUM == 78002
#define PRIMARY 120000000u /* oscillator IPO */
#else
#define PRIMARY 100000000u
#endif
#define MICROSECONDS 1000000u

uint32_t SystemCoreClock = CRYSTAL;

static uint32_t enable_bit(mxc_sys_system_clock_t clock)
{
  switch (clock) {
  case MXC_SYS_CLOCK_IPO:
    return 1u << 19;
  case MXC_SYS_CLOCK_IBRO:
    return 1u << 20;
  default:
    return 1u << 18;
  }
}

void SystemCoreClockUpdate(void)
{
  uint32_t control = MXC_GCR->clkctrl;
  uint32_t divider = (control & MXC_F_GCR_CLKCTRL_SYSCLK_DIV) >> 6;

  switch ((control & MXC_F_GCR_CLKCTRL_SYSCLK_SEL) >> 9) {
  case MXC_SYS_CLOCK_IPO:
    SystemCoreClock = PRIMARY >> divider;
    break;
  case MXC_SYS_CLOCK_IBRO:
    SystemCoreClock = BASE >> divider;
    break;
  default:
    SystemCoreClock = CRYSTAL >> divider;
  }
}

int MXC_SYS_ClockSourceEnable(mxc_sys_system_clock_t clock)
{
  uint32_t bit = enable_bit(clock);

  MXC_GCR->clkctrl |= bit;
  while ((MXC_GCR->clkctrl & bit << 8) == 0) { /* its ready bit */
  }
  return E_NO_ERROR;
}

int MXC_SYS_ClockSourceDisable(mxc_sys_system_clock_t clock)
{
  MXC_GCR->clkctrl &= ~enable_bit(clock);
  return E_NO_ERROR;
}

int MXC_SYS_Clock_Select(mxc_sys_system_clock_t clock)
{
  MXC_SYS_ClockSourceEnable(clock);
  MXC_GCR->clkctrl = (MXC_GCR->clkctrl & ~MXC_F_GCR_CLKCTRL_SYSCLK_SEL) | (uint32_t)clock << 9;
  while ((MXC_GCR->clkctrl & MXC_F_GCR_CLKCTRL_SYSCLK_RDY) == 0) {
  }
  SystemCoreClockUpdate();
  return E_NO_ERROR;
}

static mxc_reg_t *clock_register(mxc_sys_periph_clock_t clock)
{
  return (unsigned)clock < 32u ? &MXC_GCR->pclkdis0 : &MXC_GCR->pclkdis1;
}

void MXC_SYS_ClockEnable(mxc_sys_periph_clock_t clock) { *clock_register(clock) &= ~(1u << (unsigned)clock % 32u); }
void MXC_SYS_ClockDisable(mxc_sys_periph_clock_t clock) { *clock_register(clock) |= 1u << (unsigned)clock % 32u; }

void MXC_ICC_Enable(mxc_icc_regs_t *cache)
{
  cache->ctrl |= 1u;
  while ((cache->ctrl & 1u << 16) == 0) {
  }
}

void MXC_ICC_Disable(mxc_icc_regs_t *cache) { cache->ctrl &= ~1u; }

void MXC_LP_EnterSleepMode(void)
{
#if !defined(__riscv)
  SCB->scr &= ~SCB_SCR_SLEEPDEEP_Msk;
#endif
  __WFI();
}

void MXC_LP_EnterLowPowerMode(void)
{
  MXC_LP_ClearWakeStatus();
#if !defined(__riscv)
  SCB->scr |= SCB_SCR_SLEEPDEEP_Msk;
#endif
  __WFI();
}

void MXC_LP_ClearWakeStatus(void)
{
  MXC_PWRSEQ->lpwkst0 = ~0u;
  MXC_PWRSEQ->lpwkst1 = ~0u;
  MXC_PWRSEQ->lpwkst2 = ~0u;
  MXC_PWRSEQ->lpwkst3 = ~0u;
  MXC_PWRSEQ->lppwst = ~0u;
}

int MXC_GPIO_Config(const mxc_gpio_cfg_t *pins)
{
  pins->port->en0_set = pins->mask;
  if (pins->func == MXC_GPIO_FUNC_OUT)
    pins->port->outen_set = pins->mask;
  else
    pins->port->outen_clr = pins->mask;
  return E_NO_ERROR;
}

void MXC_GPIO_OutSet(mxc_gpio_regs_t *port, uint32_t mask) { port->out_set = mask; }
void MXC_GPIO_OutClr(mxc_gpio_regs_t *port, uint32_t mask) { port->out_clr = mask; }
uint32_t MXC_GPIO_OutGet(mxc_gpio_regs_t *port, uint32_t mask) { return port->out & mask; }
uint32_t MXC_GPIO_InGet(mxc_gpio_regs_t *port, uint32_t mask) { return port->in & mask; }

void LED_Init(void) { MXC_GPIO2->outen_set = 3u; }
void LED_On(unsigned int light) { MXC_GPIO2->out_clr = 1u << light; } /* they light when their pin is low */
void LED_Off(unsigned int light) { MXC_GPIO2->out_set = 1u << light; }
void LED_Toggle(unsigned int light) { MXC_GPIO2->out ^= 1u << light; }

int PB_Init(void) { return E_NO_ERROR; }
int PB_Get(unsigned int button)
{
  (void)button;
  return 0;
}

int Board_Init(void)
{
  LED_Init();
  return E_NO_ERROR;
}

int Console_Init(void) { return E_NO_ERROR; }
void Debug_Init(void) {}

int MXC_UART_WriteCharacter(mxc_uart_regs_t *port, uint8_t character)
{
  while (port->status & MXC_F_UART_STATUS_TX_FULL) {
  }
  port->fifo = character;
  return E_NO_ERROR;
}

/* Timers count the peripheral clock, half of the core's. */
static uint32_t ticks(void) { return SystemCoreClock / 2u / MICROSECONDS; }

void MXC_TMR_SW_Start(mxc_tmr_regs_t *timer)
{
  timer->ctrl0 = 0;
  timer->cnt = 0;
  timer->cmp = ~0u;
  timer->ctrl0 = MXC_F_TMR_CTRL0_EN_A | MXC_S_TMR_CTRL0_MODE_CONTINUOUS;
}

unsigned int MXC_TMR_SW_Stop(mxc_tmr_regs_t *timer)
{
  uint32_t count = timer->cnt;

  timer->ctrl0 = 0;
  return count / ticks();
}

static IRQn_Type timer_line(const mxc_tmr_regs_t *timer)
{
  return (IRQn_Type)((uint32_t)TMR0_IRQn + (((uint32_t)(uintptr_t)timer >> 12) & 3u));
}

/* Sleeps until the timer has counted that far. Its interrupt wakes the core but is not taken. */
static void sleep_ticks(mxc_tmr_regs_t *timer, uint32_t count)
{
  timer->ctrl0 = 0;
  timer->intfl = MXC_F_TMR_INTFL_IRQ_A;
  NVIC_ClearPendingIRQ(timer_line(timer));
  timer->cnt = 0;
  timer->cmp = count;
  timer->ctrl1 |= MXC_F_TMR_CTRL1_IE_A;
  timer->ctrl0 = MXC_F_TMR_CTRL0_EN_A | MXC_S_TMR_CTRL0_MODE_ONESHOT;
  while ((timer->intfl & MXC_F_TMR_INTFL_IRQ_A) == 0)
    __WFI();
  timer->ctrl1 &= ~MXC_F_TMR_CTRL1_IE_A;
  timer->intfl = MXC_F_TMR_INTFL_IRQ_A;
}

void MXC_TMR_Delay(mxc_tmr_regs_t *timer, uint32_t microseconds)
{
  IRQn_Type line = timer_line(timer);
  uint32_t before = mxc_lock();

  NVIC_EnableIRQ(line);
  for (; microseconds > MICROSECONDS; microseconds -= MICROSECONDS)
    sleep_ticks(timer, ticks() * MICROSECONDS);
  sleep_ticks(timer, ticks() * microseconds + 1u);
  NVIC_DisableIRQ(line);
  NVIC_ClearPendingIRQ(line);
  mxc_unlock(before);
}

int MXC_Delay(uint32_t microseconds)
{
  MXC_TMR_Delay(MXC_TMR3, microseconds);
  return E_NO_ERROR;
}
