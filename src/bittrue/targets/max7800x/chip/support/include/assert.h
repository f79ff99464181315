/* A condition that does not hold ends the program. */
#include <stdlib.h>

#undef assert
#if defined(NDEBUG)
#define assert(condition) ((void)0)
#else
#define assert(condition) ((condition) ? (void)0 : mxc_assert_failed(#condition, __FILE__, __LINE__))
#endif

#ifndef ASSERT_H
#define ASSERT_H
void mxc_assert_failed(const char *condition, const char *file, int line) __attribute__((noreturn));
#endif
