/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHECK: an always-on assertion for what only a bug in assay can make false. External input is
 * validated with struct err, never CHECKed. A failed CHECK prints expression and place and
 * aborts.
 */
#ifndef ASSAY_BASE_CHECK_H
#define ASSAY_BASE_CHECK_H

#include "common/base/cleanup.h"

NORETURN void check_failed(const char *expression, const char *file, int line);

#define CHECK(condition)                                  \
    do {                                                  \
        if (!(condition)) {                               \
            check_failed(#condition, __FILE__, __LINE__); \
        }                                                 \
    } while (0)

#endif
