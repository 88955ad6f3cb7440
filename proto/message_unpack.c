/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes -> protobuf-c struct -> plain struct, along the tables of shapes.c. Both lie in the
 * caller's arena; the plain side borrows texts and bytes from the protobuf-c one. protobuf-c
 * may allocate a bounded multiple of the frame, and an allocation that it is refused makes it
 * give up.
 */
#include <math.h>
#include <string.h>

#include "assay.pb-c.h"
#include "common/base/check.h"
#include "common/base/limits.h"
#include "proto/shape.h"

enum {
    /* A result without anything costs some 10 bytes on the wire and 250 in memory. */
    GROWTH_MAX = 16,
    ALLOWANCE_BYTES = 2 << 20,
};

struct budget {
    struct arena *arena;
    size_t left;
};

static void *budget_alloc(void *data, size_t size)
{
    struct budget *budget = data;
    size_t cost = size + 16; /* alignment, so that many tiny ones are not free */
    if (size > budget->left || cost > budget->left) {
        return NULL;
    }
    budget->left -= cost;
    return arena_alloc(budget->arena, size);
}

static void budget_free(void *data, void *pointer)
{
    (void)data;
    (void)pointer; /* the arena's owner drops everything at once */
}

static bool take(
    const struct shape *shape,
    const unsigned char *wire,
    struct arena *arena,
    unsigned char *plain,
    struct err *err);

static bool take_text(
    const struct field *field, const char *text, size_t max, const char **ret, struct err *err)
{
    const char *value = text ? text : "";
    size_t length = strlen(value);
    if (length > max) {
        return err_set(
            err, ERR_LIMIT, "'%s' has %zu bytes, at most %zu", field->name, length, max);
    }
    if (length < field->min) {
        return err_set(err, ERR_PROTOCOL, "'%s' is empty", field->name);
    }
    if (!str_is_utf8(value, length)) {
        return err_set(err, ERR_PROTOCOL, "'%s' is not UTF-8", field->name);
    }
    *ret = value;
    return true;
}

static bool take_digest(
    const struct field *field,
    const ProtobufCBinaryData *wire,
    struct digest *ret,
    struct err *err)
{
    if (wire->len != 0 && wire->len != DIGEST_BYTES) {
        return err_set(
            err,
            ERR_PROTOCOL,
            "'%s' has %zu bytes, not %d",
            field->name,
            wire->len,
            DIGEST_BYTES);
    }
    if (wire->len != 0) {
        memcpy(ret->bytes, wire->data, DIGEST_BYTES);
    }
    return true;
}

static bool take_scalar(
    const struct field *field, const unsigned char *wire, unsigned char *plain, struct err *err)
{
    switch (field->kind) {
    case FIELD_U32:
    case FIELD_I32:
        memcpy(plain, wire, sizeof(uint32_t));
        return true;
    case FIELD_U64:
    case FIELD_I64:
        memcpy(plain, wire, sizeof(uint64_t));
        return true;
    case FIELD_F64:
        memcpy(plain, wire, sizeof(double));
        return isfinite(*(const double *)(const void *)wire)
               || err_set(err, ERR_PROTOCOL, "'%s' is not a finite number", field->name);
    case FIELD_BOOL:
        *(bool *)plain = *(const protobuf_c_boolean *)(const void *)wire != 0;
        return true;
    case FIELD_ENUM: {
        int value = *(const int *)(const void *)wire;
        memcpy(plain, &value, sizeof(value));
        return (value >= (int)field->min && value <= (int)field->max)
               || err_set(
                   err, ERR_PROTOCOL, "'%s' is %d, which is unknown", field->name, value);
    }
    case FIELD_TEXT:
        return take_text(
            field,
            *(char *const *)(const void *)wire,
            field->max,
            (const char **)(void *)plain,
            err);
    case FIELD_BYTES: {
        const ProtobufCBinaryData *data = (const void *)wire;
        *(struct msg_bytes *)(void *)plain = (struct msg_bytes){data->data, data->len};
        return data->len <= field->max
               || err_set(
                   err,
                   ERR_LIMIT,
                   "'%s' has %zu bytes, at most %zu",
                   field->name,
                   data->len,
                   field->max);
    }
    case FIELD_DIGEST:
        return take_digest(field, (const void *)wire, (struct digest *)(void *)plain, err);
    case FIELD_PART:
    case FIELD_U32_LIST:
    case FIELD_TEXT_LIST:
    case FIELD_DIGEST_LIST:
    case FIELD_LIST:
        break;
    }
    return err_set(err, ERR_INTERNAL, "'%s' is no scalar", field->name);
}

static size_t item_size(const struct field *field)
{
    switch (field->kind) {
    case FIELD_U32_LIST:
        return sizeof(uint32_t);
    case FIELD_TEXT_LIST:
        return sizeof(char *);
    case FIELD_DIGEST_LIST:
        return sizeof(struct digest);
    case FIELD_LIST:
        return field->part->size;
    case FIELD_U32:
    case FIELD_U64:
    case FIELD_I32:
    case FIELD_I64:
    case FIELD_F64:
    case FIELD_BOOL:
    case FIELD_ENUM:
    case FIELD_TEXT:
    case FIELD_BYTES:
    case FIELD_DIGEST:
    case FIELD_PART:
        break;
    }
    CHECK(field->kind > FIELD_PART);
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): see take() */
static bool take_item(
    const struct field *field,
    const void *list,
    size_t i,
    struct arena *arena,
    unsigned char *item,
    struct err *err)
{
    if (field->kind == FIELD_U32_LIST) {
        memcpy(item, (const uint32_t *)list + i, sizeof(uint32_t));
        return true;
    }
    if (field->kind == FIELD_TEXT_LIST) {
        const char *text = ((char *const *)list)[i];
        return take_text(field, text, LIMIT_LINE_BYTES, (const char **)(void *)item, err);
    }
    if (field->kind == FIELD_DIGEST_LIST) {
        const ProtobufCBinaryData *wire = (const ProtobufCBinaryData *)list + i;
        return take_digest(field, wire, (struct digest *)(void *)item, err);
    }
    return take(field->part, ((void *const *)list)[i], arena, item, err);
}

/* NOLINTNEXTLINE(misc-no-recursion): see take() */
static bool take_list(
    const struct field *field,
    const void *list,
    size_t count,
    struct arena *arena,
    unsigned char *plain,
    struct err *err)
{
    if (count > field->max) {
        return err_set(
            err,
            ERR_LIMIT,
            "'%s' has %zu entries, at most %zu",
            field->name,
            count,
            field->max);
    }
    size_t size = item_size(field);
    unsigned char *items = arena_alloc(arena, count * size);
    for (size_t i = 0; i < count; i++) {
        if (!take_item(field, list, i, arena, items + i * size, err)) {
            return err_wrap(err, "'%s' %zu", field->name, i);
        }
    }
    memcpy(plain + field->offset, &items, sizeof(items));
    memcpy(plain + field->count_offset, &count, sizeof(count));
    return true;
}

/* NOLINTNEXTLINE(misc-no-recursion): see take() */
static bool take_part(
    const struct field *field,
    const unsigned char *wire,
    struct arena *arena,
    unsigned char *plain,
    struct err *err)
{
    const unsigned char *part;
    memcpy(&part, wire, sizeof(part));
    if (!part) { /* absent means all defaults, of texts too */
        ProtobufCMessage *empty = arena_alloc(arena, field->part->descriptor->sizeof_message);
        protobuf_c_message_init(field->part->descriptor, empty);
        part = (const void *)empty;
    }
    return take(field->part, part, arena, plain + field->offset, err)
           || err_wrap(err, "'%s'", field->name);
}

/* Recursion follows the tables, which are four deep. NOLINTNEXTLINE(misc-no-recursion) */
static bool take(
    const struct shape *shape,
    const unsigned char *wire,
    struct arena *arena,
    unsigned char *plain,
    struct err *err)
{
    CHECK(shape->count == shape->descriptor->n_fields);
    for (size_t i = 0; i < shape->count; i++) {
        const struct field *field = &shape->fields[i];
        const ProtobufCFieldDescriptor *source = &shape->descriptor->fields[i];
        const unsigned char *value = wire + source->offset;
        bool taken;
        if (field->kind < FIELD_PART) {
            taken = take_scalar(field, value, plain + field->offset, err);
        } else if (field->kind == FIELD_PART) {
            taken = take_part(field, value, arena, plain, err);
        } else {
            size_t count;
            const void *list;
            memcpy(&count, wire + source->quantifier_offset, sizeof(count));
            memcpy(&list, value, sizeof(list));
            taken = take_list(field, list, count, arena, plain, err);
        }
        if (!taken) {
            return false;
        }
    }
    return true;
}

bool message_unpack(
    const void *data,
    size_t length,
    struct arena *arena,
    struct message *ret_message,
    struct err *err)
{
    if (length > LIMIT_MESSAGE_BYTES) {
        return err_set(
            err, ERR_LIMIT, "a message of %zu bytes, at most %zu", length, LIMIT_MESSAGE_BYTES);
    }
    struct budget budget = {arena, ALLOWANCE_BYTES + GROWTH_MAX * length};
    if (budget.left > LIMIT_UNPACK_BYTES) {
        budget.left = LIMIT_UNPACK_BYTES;
    }
    ProtobufCAllocator allocator = {budget_alloc, budget_free, &budget};
    const Assay__Message *wire = assay__message__unpack(&allocator, length, data);
    if (!wire) {
        return err_set(err, ERR_PROTOCOL, "a frame of %zu bytes is not a message", length);
    }
    struct message message = {.protocol = wire->protocol, .epoch = wire->epoch};
    const struct shape *shape = shape_of((enum message_type)wire->body_case);
    if (shape) {
        message.type = (enum message_type)wire->body_case;
        unsigned char *plain = (void *)&message.hello; /* any member of the union */
        if (!take(shape, (const void *)wire->hello, arena, plain, err)) {
            return err_wrap(err, "%s", message_type_name(message.type));
        }
    }
    *ret_message = message;
    return true;
}
