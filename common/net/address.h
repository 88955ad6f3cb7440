/* SPDX-License-Identifier: Apache-2.0 */
/* Where programs of one worker find those of another: addresses and ports, without a name
 * server's help where the endpoint is an address. */
#ifndef ASSAY_NET_ADDRESS_H
#define ASSAY_NET_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

#define ADDRESS_SIZE 256

/* The address of this machine from which it reaches the endpoint ("tcp://host:port"), in
 * numbers: others that reach that endpoint, too, most likely reach this one. Looks a name up,
 * and may block for it. */
bool address_towards(const char *endpoint, char ret_address[ADDRESS_SIZE], struct err *err);

/* A TCP port that nobody uses (0: any): it stays so while the descriptor is open. */
bool address_free_port(uint32_t wanted, int *ret_fd, uint32_t *ret_port, struct err *err);

#endif
