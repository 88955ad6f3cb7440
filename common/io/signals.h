/* SPDX-License-Identifier: Apache-2.0 */
/* Signals as events: blocked for the whole process and read from a descriptor in the loop. */
#ifndef ASSAY_IO_SIGNALS_H
#define ASSAY_IO_SIGNALS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

/* Blocks these signals and returns a non-blocking signalfd. SIGPIPE is ignored from now on. */
bool signals_open(const int *signals, size_t count, int *ret_fd, struct err *err);
/* The next pending signal's number, or 0 when there is none. */
int signals_read(int fd);

#endif
