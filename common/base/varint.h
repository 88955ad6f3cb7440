/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of varying length (LEB128: seven bits a byte, lowest first), for stored tables. */
#ifndef ASSAY_BASE_VARINT_H
#define ASSAY_BASE_VARINT_H

#include "common/base/str.h"

void varint_append(struct str *out, uint64_t value);
/* Small whatever the sign. */
void varint_append_signed(struct str *out, int64_t value);

/* Reads from memory that it does not own. After something that is not there or too long `bad`
 * is set and everything read is 0. */
struct varint_reader {
    const uint8_t *at, *end;
    bool bad;
};

static inline size_t varint_left(const struct varint_reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

uint64_t varint_read(struct varint_reader *reader);
int64_t varint_read_signed(struct varint_reader *reader);
/* The next bytes, or NULL. */
const uint8_t *varint_read_bytes(struct varint_reader *reader, size_t length);

#endif
