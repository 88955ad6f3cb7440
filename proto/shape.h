/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside proto: one table per message binds the fields of its plain struct to those of its
 * protobuf-c struct, in the order of field numbers, each with its bound. Packing, unpacking and
 * the property tests walk these tables, so that no field can be converted without its check.
 */
#ifndef ASSAY_PROTO_SHAPE_H
#define ASSAY_PROTO_SHAPE_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/message.h"

enum field_kind {
    FIELD_U32 = 0,
    FIELD_U64,
    FIELD_I32,
    FIELD_I64,
    FIELD_F64, /* finite */
    FIELD_BOOL,
    FIELD_ENUM,
    FIELD_TEXT,
    FIELD_BYTES,
    FIELD_DIGEST, /* 32 bytes, none for a zero digest */
    FIELD_PART,   /* an embedded struct; absent = zeroed */
    FIELD_U32_LIST,
    FIELD_TEXT_LIST,
    FIELD_DIGEST_LIST,
    FIELD_LIST, /* of structs */
};

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset;       /* in the plain struct */
    size_t count_offset; /* of a list's size_t */
    /* ENUM: smallest and largest value. TEXT, BYTES: bytes. Lists: `max` elements (of at most
     * LIMIT_LINE_BYTES, when of text). */
    size_t min, max;
    const struct shape *part; /* PART, LIST */
};

struct shape {
    size_t size; /* of the plain struct */
    const ProtobufCMessageDescriptor *descriptor;
    const struct field *fields; /* fields[i] is descriptor->fields[i] */
    size_t count;
};

/* Of a message's body; NULL for a type that does not exist. */
const struct shape *shape_of(enum message_type type);

#endif
