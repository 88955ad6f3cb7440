/* SPDX-License-Identifier: Apache-2.0 */
/* The packed body of a lease row: 48 bytes a lease of one rank, little endian, so that a turn's
 * grants cost one row. Pure. */
#ifndef ASSAY_STORE_LEASE_CODEC_H
#define ASSAY_STORE_LEASE_CODEC_H

#include "common/base/arena.h"
#include "common/base/str.h"
#include "coordinator/core/rows.h"

#define LEASE_PACKED_BYTES 48

void lease_pack(const struct lease_row *lease, uint8_t out[LEASE_PACKED_BYTES]);
void lease_unpack(const uint8_t in[LEASE_PACKED_BYTES], struct lease_row *ret_lease);

#endif
