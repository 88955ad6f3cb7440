/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arrays as PostgreSQL's binary form has them: a header (dimensions, whether there are NULLs,
 * element type, length, lower bound), then each element as length and bytes, all big endian.
 * Numbers are gathered with eight bytes and cut to the element's size at the end, when the
 * statement says what it is.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "coordinator/store/pg.h"

enum {
    HEADER_BYTES = 20,
    NUMBER_BYTES = 8,
    LENGTH_BYTES = 4,
    FIRST_BYTES = 1024,
};

/* PostgreSQL counts microseconds from 2000-01-01. */
#define EPOCH_MS 946684800000

static const struct pg_type types[] = {
    {"int8", 20, 1016, 8},
    {"int4", 23, 1007, 4},
    {"int2", 21, 1005, 2},
    {"bool", 16, 1000, 1},
    {"float8", 701, 1022, 8},
    {"timestamptz", 1184, 1185, 8},
    {"text", 25, 1009, 0},
    {"bytea", 17, 1001, 0},
};

const struct pg_type *pg_type_named(const char *name, size_t length)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (strlen(types[i].name) == length && strncmp(types[i].name, name, length) == 0) {
            return &types[i];
        }
    }
    return NULL;
}

static void put_u32(uint8_t *out, uint32_t value)
{
    for (size_t i = 0; i < LENGTH_BYTES; i++) {
        out[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

static uint32_t get_u32(const uint8_t *in)
{
    return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

static void put_u64(uint8_t *out, uint64_t value)
{
    put_u32(out, (uint32_t)(value >> 32));
    put_u32(out + 4, (uint32_t)value);
}

static uint64_t get_u64(const uint8_t *in)
{
    return (uint64_t)get_u32(in) << 32 | get_u32(in + 4);
}

void pg_array_init(struct pg_array *array)
{
    *array = (struct pg_array){.uniform = true, .length = HEADER_BYTES};
}

void pg_array_done(struct pg_array *array)
{
    free(array->data);
    *array = (struct pg_array){0};
}

/* Room for one more element, with its length written. */
static uint8_t *next_item(struct pg_array *array, size_t bytes)
{
    size_t wanted = array->length + LENGTH_BYTES + bytes;
    CHECK(wanted < LIMIT_SQL_ARRAY_BYTES);
    if (wanted > array->capacity) {
        array->capacity = 2 * wanted > FIRST_BYTES ? 2 * wanted : FIRST_BYTES;
        array->data = xrealloc(array->data, array->capacity);
    }
    put_u32(array->data + array->length, (uint32_t)bytes);
    return array->data + array->length + LENGTH_BYTES;
}

/* The element is written: is it like the first one? */
static void item_done(struct pg_array *array, size_t bytes)
{
    const uint8_t *item = array->data + array->length;
    array->length += LENGTH_BYTES + bytes;
    array->uniform =
        array->uniform && memcmp(item, array->data + HEADER_BYTES, LENGTH_BYTES + bytes) == 0;
    array->count++;
}

static void add_null(struct pg_array *array)
{
    (void)next_item(array, 0);
    put_u32(array->data + array->length, UINT32_MAX);
    item_done(array, 0);
    array->nulls = true;
}

void pg_array_u64(struct pg_array *array, uint64_t value)
{
    put_u64(next_item(array, NUMBER_BYTES), value);
    item_done(array, NUMBER_BYTES);
}

void pg_array_i64(struct pg_array *array, int64_t value)
{
    pg_array_u64(array, (uint64_t)value);
}

void pg_array_double(struct pg_array *array, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    pg_array_u64(array, bits);
}

void pg_array_bool(struct pg_array *array, bool value)
{
    pg_array_u64(array, value);
}

void pg_array_bytes(struct pg_array *array, const void *data, size_t length)
{
    memcpy(next_item(array, length), data, length);
    item_done(array, length);
}

void pg_array_text(struct pg_array *array, const char *value)
{
    if (value == NULL) {
        add_null(array);
    } else {
        pg_array_bytes(array, value, strlen(value));
    }
}

void pg_array_digest(struct pg_array *array, const struct digest *digest)
{
    if (digest_is_zero(digest)) {
        add_null(array);
    } else {
        pg_array_bytes(array, digest->bytes, sizeof(digest->bytes));
    }
}

/* A number's bytes as the type wants them; false: it is SQL NULL. */
static bool encode_number(const struct pg_type *type, uint64_t value, uint8_t *out)
{
    if (strcmp(type->name, "timestamptz") == 0) {
        if (value == 0) {
            return false;
        }
        value = (uint64_t)(((int64_t)value - EPOCH_MS) * 1000);
    }
    uint8_t bytes[NUMBER_BYTES];
    put_u64(bytes, value);
    memcpy(out, bytes + NUMBER_BYTES - type->bytes, type->bytes);
    return true;
}

/* Elements move towards the front, or stay where they are. */
static void encode_numbers(struct pg_array *array, const struct pg_type *type)
{
    const uint8_t *in = array->data + HEADER_BYTES;
    uint8_t *out = array->data + HEADER_BYTES;
    for (size_t i = 0; i < array->count; i++) {
        CHECK(get_u32(in) == NUMBER_BYTES);
        uint64_t value = get_u64(in + LENGTH_BYTES);
        in += LENGTH_BYTES + NUMBER_BYTES;
        if (encode_number(type, value, out + LENGTH_BYTES)) {
            put_u32(out, (uint32_t)type->bytes);
            out += LENGTH_BYTES + type->bytes;
        } else {
            put_u32(out, UINT32_MAX);
            out += LENGTH_BYTES;
            array->nulls = true;
        }
    }
    array->length = (size_t)(out - array->data);
}

struct pg_param pg_array_end(struct pg_array *array, const struct pg_type *type)
{
    if (array->count == 0) {
        (void)next_item(array, 0); /* so that there is a header */
    }
    if (type->bytes > 0 && !(type->bytes == NUMBER_BYTES && type->name[0] != 't')) {
        encode_numbers(array, type);
    }
    const uint32_t header[] = {
        array->count > 0, array->nulls, type->oid, (uint32_t)array->count, 1};
    for (size_t i = 0; i < ARRAY_LEN(header); i++) {
        put_u32(array->data + i * sizeof(uint32_t), header[i]);
    }
    return (struct pg_param){
        .value = (const char *)array->data,
        .length = array->count > 0 ? (int)array->length : 3 * (int)sizeof(uint32_t),
        .format = 1,
        .oid = type->array_oid};
}

struct pg_param pg_array_end_scalar(struct pg_array *array, const struct pg_type *type)
{
    CHECK(array->count > 0 && array->uniform);
    uint8_t *item = array->data + HEADER_BYTES;
    struct pg_param param = {
        .value = (const char *)item + LENGTH_BYTES,
        .length = (int)get_u32(item),
        .format = 1,
        .oid = type->oid};
    if (get_u32(item) == UINT32_MAX) {
        param.value = NULL;
        param.length = 0;
    } else if (type->bytes > 0) {
        CHECK(param.length == NUMBER_BYTES);
        param.length = (int)type->bytes;
        if (!encode_number(type, get_u64(item + LENGTH_BYTES), item + LENGTH_BYTES)) {
            param.value = NULL;
        }
    }
    return param;
}
