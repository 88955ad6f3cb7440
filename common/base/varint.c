/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/varint.h"

void varint_append(struct str *out, uint64_t value)
{
    uint8_t bytes[10];
    size_t count = 0;
    for (; value >= 0x80; value >>= 7) {
        bytes[count++] = (uint8_t)(value | 0x80);
    }
    bytes[count++] = (uint8_t)value;
    str_append_bytes(out, bytes, count);
}

void varint_append_signed(struct str *out, int64_t value)
{
    uint64_t bits = (uint64_t)value << 1;
    varint_append(out, value < 0 ? ~bits : bits);
}

static uint64_t give_up(struct varint_reader *reader)
{
    reader->bad = true;
    reader->at = reader->end;
    return 0;
}

uint64_t varint_read(struct varint_reader *reader)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
        uint8_t byte = *reader->at++;
        if (shift == 63 && byte > 1) {
            break;
        }
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            return value;
        }
    }
    return give_up(reader);
}

int64_t varint_read_signed(struct varint_reader *reader)
{
    uint64_t bits = varint_read(reader);
    return (int64_t)(bits & 1 ? ~(bits >> 1) : bits >> 1);
}

const uint8_t *varint_read_bytes(struct varint_reader *reader, size_t length)
{
    if (length > varint_left(reader)) {
        (void)give_up(reader);
        return NULL;
    }
    const uint8_t *bytes = reader->at;
    reader->at += length;
    return bytes;
}
