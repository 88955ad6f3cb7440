/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/lease_codec.h"

static void put(uint8_t *out, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint64_t get(const uint8_t *in, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++) {
        value |= (uint64_t)in[i] << (8 * i);
    }
    return value;
}

void lease_pack(const struct lease_row *lease, uint8_t out[LEASE_PACKED_BYTES])
{
    put(out, lease->attempt.value, 8);
    put(out + 8, lease->task.value, 8);
    put(out + 16, lease->devices.whole, 8);
    put(out + 24, lease->granted_ms, 8);
    put(out + 32, lease->worker.value, 4);
    put(out + 36, lease->devices.share_device, 4);
    put(out + 40, lease->devices.share_milli, 4);
    put(out + 44, lease->rank, 2);
    put(out + 46, lease->ranks, 2);
}

void lease_unpack(const uint8_t in[LEASE_PACKED_BYTES], struct lease_row *ret_lease)
{
    *ret_lease = (struct lease_row){
        .attempt = {get(in, 8)},
        .task = {get(in + 8, 8)},
        .worker = {(uint32_t)get(in + 32, 4)},
        .rank = (uint32_t)get(in + 44, 2),
        .ranks = (uint32_t)get(in + 46, 2),
        .devices =
            {.whole = get(in + 16, 8),
             .share_device = (uint32_t)get(in + 36, 4),
             .share_milli = (uint32_t)get(in + 40, 4)},
        .granted_ms = get(in + 24, 8),
    };
}
