/* The part of the C library that programs use: memory, text, printf with %d %u %x %c %s, widths and leading zeros. */
#include <stdarg.h>
#include <stdint.h>

#include "bt_registers.h"
#include "pmsis.h"

enum { DIGITS = 10 };

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    char *target = to;
    const char *source = from;
    for (; size >= 4 && !(((uintptr_t)target | (uintptr_t)source) & 3); size -= 4, target += 4, source += 4)
        *(uint32_t *)target = *(const uint32_t *)source;
    while (size--)
        *target++ = *source++;
    return to;
}

void *memmove(void *to, const void *from, size_t size)
{
    char *target = to;
    const char *source = from;
    if (target <= source)
        return memcpy(to, from, size);
    while (size--)
        target[size] = source[size];
    return to;
}

void *memset(void *to, int value, size_t size)
{
    for (char *target = to; size--; target++)
        *target = (char)value;
    return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const unsigned char *left = a, *right = b;
    for (; size--; left++, right++) {
        if (*left != *right)
            return *left - *right;
    }
    return 0;
}

size_t strlen(const char *text)
{
    size_t size = 0;
    while (text[size])
        size++;
    return size;
}

int strcmp(const char *a, const char *b)
{
    for (; *a && *a == *b; a++, b++)
        ;
    return (unsigned char)*a - (unsigned char)*b;
}

int putchar(int character)
{
    BT_STDOUT = (uint32_t)character;
    return character;
}

int puts(const char *text)
{
    return printf("%s\n", text);
}

void exit(int code)
{
    BT_EXIT = 0x80000000u | (uint32_t)code;
    for (;;)
        __asm__ volatile("wfi");
}

void abort(void) { exit(134); }

static int put(const char *text, int length, int width, char fill)
{
    int count = 0;
    for (; count < width - length; count++)
        putchar(fill);
    for (int index = 0; index < length; index++, count++)
        putchar(text[index]);
    return count;
}

static int put_number(uint32_t value, uint32_t base, int negative, int width, char fill)
{
    char digits[DIGITS + 1];
    int place = sizeof digits;
    do {
        digits[--place] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    if (negative && fill == '0') {
        putchar('-');
        return 1 + put(digits + place, (int)sizeof digits - place, width - 1, fill);
    }
    if (negative)
        digits[--place] = '-';
    return put(digits + place, (int)sizeof digits - place, width, fill);
}

static int put_argument(char kind, int width, char fill, va_list *arguments)
{
    if (kind == 's') {
        const char *text = va_arg(*arguments, const char *);
        return put(text, (int)strlen(text), width, ' ');
    }
    int value = va_arg(*arguments, int);
    char character = (char)value;
    switch (kind) {
    case 'd': case 'i':
        return put_number(value < 0 ? 0u - (uint32_t)value : (uint32_t)value, 10, value < 0, width, fill);
    case 'u':
        return put_number((uint32_t)value, 10, 0, width, fill);
    case 'x': case 'X': case 'p':
        return put_number((uint32_t)value, 16, 0, width, fill);
    default:
        return put(&character, 1, width, ' ');
    }
}

int printf(const char *format, ...)
{
    int count = 0;
    va_list arguments;
    va_start(arguments, format);
    for (; *format; format++) {
        char fill = ' ';
        int width = 0;
        if (*format != '%' || *++format == '%') {
            putchar(*format);
            count++;
            continue;
        }
        if (*format == '0')
            fill = '0';
        while (*format >= '0' && *format <= '9')
            width = width * 10 + *format++ - '0';
        while (*format == 'l' || *format == 'h' || *format == 'z')
            format++;
        count += put_argument(*format, width, fill, &arguments);
    }
    va_end(arguments);
    return count;
}
