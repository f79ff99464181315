/* Formatted output: %d %i %u %x %X %p %c %s %%, flags - 0 + and space, width, precision, and the sizes of integers. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mxc.h"

#define DIGITS 20 /* of the largest 64-bit number */

typedef struct {
  char *text; /* where to write; NULL is the serial port */
  size_t size;
  int count;
} sink_t;

typedef struct {
  bool left, zero, upper;
  char sign; /* written before a positive number, 0 for none */
  int width, precision; /* precision -1: not given */
  int size; /* 0 int, 1 long, 2 long long, -1 short, -2 char */
} form_t;

static void put(sink_t *sink, char character)
{
  if (sink->text == NULL)
    MXC_UART_WriteCharacter(MXC_UART0, (uint8_t)character);
  else if ((size_t)sink->count + 1 < sink->size)
    sink->text[sink->count] = character;
  sink->count++;
}

static void pad(sink_t *sink, char character, int count)
{
  while (count-- > 0)
    put(sink, character);
}

static void put_text(sink_t *sink, const form_t *form, const char *text, int length)
{
  if (!form->left)
    pad(sink, ' ', form->width - length);
  for (int i = 0; i < length; i++)
    put(sink, text[i]);
  if (form->left)
    pad(sink, ' ', form->width - length);
}

static void put_number(sink_t *sink, const form_t *form, unsigned long long value, unsigned base, char sign)
{
  char digits[DIGITS];
  int count = 0, length, zeros;

  while (value != 0) {
    unsigned digit = (unsigned)(value % base);
    digits[count++] = (char)(digit < 10 ? '0' + digit : (form->upper ? 'A' : 'a') + digit - 10);
    value /= base;
  }
  zeros = (form->precision < 0 ? 1 : form->precision) - count;
  zeros = zeros > 0 ? zeros : 0;
  length = count + zeros + (sign != 0);
  if (form->zero && !form->left && form->precision < 0 && form->width > length) {
    zeros += form->width - length;
    length = form->width;
  }
  if (!form->left)
    pad(sink, ' ', form->width - length);
  if (sign != 0)
    put(sink, sign);
  pad(sink, '0', zeros);
  while (count > 0)
    put(sink, digits[--count]);
  if (form->left)
    pad(sink, ' ', form->width - length);
}

static unsigned long long take_unsigned(int size, va_list *arguments)
{
  switch (size) {
  case 2:
    return va_arg(*arguments, unsigned long long);
  case 1:
    return va_arg(*arguments, unsigned long);
  case -1:
    return (unsigned short)va_arg(*arguments, unsigned);
  case -2:
    return (unsigned char)va_arg(*arguments, unsigned);
  default:
    return va_arg(*arguments, unsigned);
  }
}

static long long take_signed(int size, va_list *arguments)
{
  switch (size) {
  case 2:
    return va_arg(*arguments, long long);
  case 1:
    return va_arg(*arguments, long);
  case -1:
    return (short)va_arg(*arguments, int);
  case -2:
    return (signed char)va_arg(*arguments, int);
  default:
    return va_arg(*arguments, int);
  }
}

static void put_signed(sink_t *sink, const form_t *form, long long value)
{
  unsigned long long magnitude = value < 0 ? 0 - (unsigned long long)value : (unsigned long long)value;

  put_number(sink, form, magnitude, 10, value < 0 ? '-' : form->sign);
}

static int number(const char **format, va_list *arguments)
{
  int value = 0;

  if (**format == '*') {
    (*format)++;
    return va_arg(*arguments, int);
  }
  while (**format >= '0' && **format <= '9')
    value = value * 10 + *(*format)++ - '0';
  return value;
}

static void read_flags(const char **format, form_t *form)
{
  for (;; (*format)++) {
    switch (**format) {
    case '-':
      form->left = true;
      break;
    case '0':
      form->zero = true;
      break;
    case '+':
    case ' ':
      form->sign = form->sign == '+' ? '+' : **format;
      break;
    default:
      return;
    }
  }
}

static form_t read_form(const char **format, va_list *arguments)
{
  form_t form = { .precision = -1 };

  read_flags(format, &form);
  form.width = number(format, arguments);
  if (form.width < 0) {
    form.left = true;
    form.width = -form.width;
  }
  if (**format == '.') {
    (*format)++;
    form.precision = number(format, arguments);
  }
  for (; **format == 'l' || **format == 'h' || **format == 'z'; (*format)++)
    form.size += **format == 'h' ? -1 : 1;
  return form;
}

static void put_string(sink_t *sink, const form_t *form, const char *text)
{
  int length = 0;

  while ((form->precision < 0 || length < form->precision) && text[length] != 0)
    length++;
  put_text(sink, form, text, length);
}

static void put_one(sink_t *sink, char kind, form_t *form, va_list *arguments)
{
  char character;

  switch (kind) {
  case 'd':
  case 'i':
    put_signed(sink, form, take_signed(form->size, arguments));
    break;
  case 'u':
    put_number(sink, form, take_unsigned(form->size, arguments), 10, 0);
    break;
  case 'X':
    form->upper = true; /* fall through */
  case 'x':
    put_number(sink, form, take_unsigned(form->size, arguments), 16, 0);
    break;
  case 'p':
    put_number(sink, form, (uintptr_t)va_arg(*arguments, void *), 16, 0);
    break;
  case 's':
    put_string(sink, form, va_arg(*arguments, const char *));
    break;
  case 'c':
    character = (char)va_arg(*arguments, int);
    put_text(sink, form, &character, 1);
    break;
  case '%':
    put(sink, '%');
    break;
  default: /* unknown: shown as it is */
    put(sink, '%');
    put(sink, kind);
  }
}

static int print(sink_t *sink, const char *format, va_list original)
{
  va_list arguments;

  va_copy(arguments, original);
  while (*format != 0) {
    if (*format != '%') {
      put(sink, *format++);
      continue;
    }
    format++;
    form_t form = read_form(&format, &arguments);
    if (*format != 0)
      put_one(sink, *format++, &form, &arguments);
  }
  va_end(arguments);
  return sink->count;
}

int vprintf(const char *format, va_list arguments)
{
  sink_t sink = { NULL, 0, 0 };

  return print(&sink, format, arguments);
}

int printf(const char *format, ...)
{
  va_list arguments;

  va_start(arguments, format);
  int count = vprintf(format, arguments);
  va_end(arguments);
  return count;
}

int vsnprintf(char *text, size_t size, const char *format, va_list arguments)
{
  char nothing;
  sink_t sink = { size == 0 ? &nothing : text, size, 0 };
  int count = print(&sink, format, arguments);

  if (size != 0)
    text[(size_t)count < size ? (size_t)count : size - 1] = 0;
  return count;
}

int snprintf(char *text, size_t size, const char *format, ...)
{
  va_list arguments;

  va_start(arguments, format);
  int count = vsnprintf(text, size, format, arguments);
  va_end(arguments);
  return count;
}

int putchar(int character)
{
  MXC_UART_WriteCharacter(MXC_UART0, (uint8_t)character);
  return (uint8_t)character;
}

int puts(const char *text) { return printf("%s\n", text); }

void mxc_assert_failed(const char *condition, const char *file, int line)
{
  printf("assertion failed: %s, %s:%d\n", condition, file, line);
  abort();
}
