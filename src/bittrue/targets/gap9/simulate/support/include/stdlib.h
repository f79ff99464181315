/* The part of the C library that programs for the cluster simulator use. */
#ifndef BT_STDLIB_H
#define BT_STDLIB_H

#include <stddef.h>
void exit(int code) __attribute__((noreturn));
void abort(void) __attribute__((noreturn));
static inline int abs(int value) { return value < 0 ? -value : value; }

#endif
