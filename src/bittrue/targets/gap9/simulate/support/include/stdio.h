/* The part of the C library that programs for the cluster simulator use. */
#ifndef BT_STDIO_H
#define BT_STDIO_H

#include <stddef.h>
int printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
int putchar(int character);
int puts(const char *text);

#endif
