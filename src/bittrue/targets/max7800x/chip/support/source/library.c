/* Memory and text functions. Copies of aligned words go word by word, so that they work on registers and memories
   that take nothing else. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WORD sizeof(uint32_t)
#define UNALIGNED(address) ((uintptr_t)(address) % WORD != 0)
#define HEAP_ALIGNMENT 8u

extern char mxc_heap[], mxc_heap_end[];

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
  unsigned char *bytes = to;
  const unsigned char *source = from;

  if (!UNALIGNED(to) && !UNALIGNED(from)) {
    uint32_t *words = to;
    const uint32_t *source_words = from;
    for (; size >= WORD; size -= WORD)
      *words++ = *source_words++;
    bytes = (unsigned char *)words;
    source = (const unsigned char *)source_words;
  }
  while (size-- > 0)
    *bytes++ = *source++;
  return to;
}

void *memmove(void *to, const void *from, size_t size)
{
  unsigned char *bytes = to;
  const unsigned char *source = from;

  if ((uintptr_t)to - (uintptr_t)from >= size)
    return memcpy(to, from, size);
  while (size-- > 0)
    bytes[size] = source[size];
  return to;
}

void *memset(void *to, int value, size_t size)
{
  unsigned char *bytes = to;

  if (!UNALIGNED(to)) {
    uint32_t *words = to;
    for (; size >= WORD; size -= WORD)
      *words++ = (unsigned char)value * 0x01010101u;
    bytes = (unsigned char *)words;
  }
  while (size-- > 0)
    *bytes++ = (unsigned char)value;
  return to;
}

int memcmp(const void *left, const void *right, size_t size)
{
  const unsigned char *first = left, *second = right;

  for (; size > 0; size--, first++, second++)
    if (*first != *second)
      return *first - *second;
  return 0;
}

size_t strlen(const char *text)
{
  const char *end = text;

  while (*end != 0)
    end++;
  return (size_t)(end - text);
}

int strcmp(const char *left, const char *right)
{
  while (*left != 0 && *left == *right) {
    left++;
    right++;
  }
  return (unsigned char)*left - (unsigned char)*right;
}

char *strcpy(char *restrict to, const char *restrict from)
{
  memcpy(to, from, strlen(from) + 1);
  return to;
}

int abs(int value) { return value < 0 ? -value : value; }

void *malloc(size_t size)
{
  static char *next = mxc_heap;
  char *found = next;

  size = (size + HEAP_ALIGNMENT - 1u) & ~(HEAP_ALIGNMENT - 1u);
  if (size > (size_t)(mxc_heap_end - next))
    return NULL;
  next += size;
  return found;
}

void *calloc(size_t count, size_t size)
{
  void *found = malloc(count * size);

  return found == NULL ? NULL : memset(found, 0, count * size);
}

void free(void *memory) { (void)memory; } /* memory is given once */

void abort(void) { exit(EXIT_FAILURE); }
