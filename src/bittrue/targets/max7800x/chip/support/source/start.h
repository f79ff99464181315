/* What both cores do between reset and main. */
#include <stdint.h>
#include <stdlib.h>

extern uint32_t mxc_data[], mxc_data_end[], mxc_bss[], mxc_bss_end[];
extern const uint32_t mxc_data_load[];

int main(void);

/* Programs end here, in the first argument what main returned: the emulated chip stops when it arrives. */
void mxc_end(int value) __attribute__((noreturn));

__attribute__((noreturn, noinline)) void mxc_end(int value)
{
  for (;;)
    __asm volatile("" ::"r"(value));
}

void exit(int value) { mxc_end(value); }

static void set_up_memory(void)
{
  const uint32_t *source = mxc_data_load;

  for (uint32_t *word = mxc_data; word < mxc_data_end; word++)
    *word = *source++;
  for (uint32_t *word = mxc_bss; word < mxc_bss_end; word++)
    *word = 0;
}
