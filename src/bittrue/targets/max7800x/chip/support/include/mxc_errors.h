/* Return codes of the functions that start with MXC_. */
#ifndef MXC_ERRORS_H
#define MXC_ERRORS_H

#define E_NO_ERROR 0
#define E_BAD_PARAM (-3)

#endif
