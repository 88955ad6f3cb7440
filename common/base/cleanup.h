/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ownership helpers for locals: CLEANUP(f) runs f(&variable) at scope end, TAKE(p) hands a
 * pointer over. Destructors named x_cleanup take a pointer to the variable and accept the empty
 * value.
 */
#ifndef ASSAY_BASE_CLEANUP_H
#define ASSAY_BASE_CLEANUP_H

#include <stdio.h>

#define CLEANUP(f)        __attribute__((cleanup(f)))
#define NODISCARD         __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define NORETURN          __attribute__((noreturn))

/* Hands over the value of an owned pointer local: yields it and leaves NULL behind. */
#define TAKE(pointer)                           \
    (__extension__({                            \
        __typeof__(pointer) taken_ = (pointer); \
        (pointer) = NULL;                       \
        taken_;                                 \
    }))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Closes a descriptor unless it is negative, keeps errno, leaves -1. */
void fd_cleanup(int *fd);
/* Hands over a descriptor: yields it and leaves -1. */
int fd_take(int *fd);
/* Closes a stream unless it is NULL, leaves NULL. */
void file_cleanup(FILE **file);
/* free() for a char* or any malloc'd pointer variable: CLEANUP(free_cleanup) char *p. */
void free_cleanup(void *pointer_to_pointer);

#endif
