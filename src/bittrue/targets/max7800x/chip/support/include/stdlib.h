/* The parts of the C library that generated projects use. */
#ifndef STDLIB_H
#define STDLIB_H

#include <stddef.h>

#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void free(void *memory);
int abs(int value);
void exit(int value) __attribute__((noreturn));
void abort(void) __attribute__((noreturn));

#endif
