/* SPDX-License-Identifier: Apache-2.0 */
/* Type=notify of systemd, without its library: one datagram to $NOTIFY_SOCKET. Nothing happens
 * when nobody asked for it. */
#ifndef ASSAY_COORDINATOR_NOTIFY_H
#define ASSAY_COORDINATOR_NOTIFY_H

#include <stdint.h>

#include "common/base/err.h"

/* "READY=1", "STOPPING=1". */
void notify_say(const char *assignments);
/* STATUS=..., one line for `systemctl status`. */
void notify_status(const char *format, ...) PRINTF(1, 2);
/* How often WATCHDOG=1 is due by $WATCHDOG_USEC, half of it; 0: never. */
uint64_t notify_watchdog_ms(void);

#endif
