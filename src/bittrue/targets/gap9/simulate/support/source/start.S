/* Where every core begins: its stack and the check of it, then C. Cores 0 to 7 are workers, core 8 the cluster
 * controller; the fabric controller is hart 992. */
  .section .start, "ax"
  .option norelax
  .global _start
_start:
  csrr a0, mhartid
  li t0, 992
  beq a0, t0, fabric
  andi a0, a0, 31
  la t1, __stacks
  la t2, __worker_stack
  mul t3, a0, t2
  add t1, t1, t3
  li t0, 8
  add sp, t1, t2
  bne a0, t0, checked
  la t2, __controller_stack
  add sp, t1, t2
checked:
  csrw 0x7d1, t1
  csrw 0x7d2, sp
  csrwi 0x7d0, 1
  call bt_cluster_core
  wfi
fabric:
  la sp, __fabric_stack_high
  la t1, __fabric_stack_low
  csrw 0x7d1, t1
  csrw 0x7d2, sp
  csrwi 0x7d0, 1
  la t0, __bss_start
  la t1, __bss_end
clear:
  bgeu t0, t1, cleared
  sw zero, 0(t0)
  addi t0, t0, 4
  j clear
cleared:
  call main
  call exit
