/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain struct -> protobuf-c struct -> bytes, along the tables of shapes.c. The protobuf-c side
 * borrows texts and bytes from the plain one and lives in an arena of the call.
 */
#include <math.h>
#include <string.h>

#include "assay.pb-c.h"
#include "common/base/check.h"
#include "common/base/limits.h"
#include "proto/shape.h"

static bool fill(
    const struct shape *shape,
    const unsigned char *plain,
    struct arena *arena,
    ProtobufCMessage **ret_wire,
    struct err *err);

static bool fill_text(
    const struct field *field, const char *text, size_t max, void *wire, struct err *err)
{
    const char *value = text ? text : "";
    size_t length = strlen(value);
    if (length > max) {
        return err_set(
            err, ERR_LIMIT, "'%s' has %zu bytes, at most %zu", field->name, length, max);
    }
    if (length < field->min) {
        return err_set(err, ERR_INPUT, "'%s' is empty", field->name);
    }
    if (!str_is_utf8(value, length)) {
        return err_set(err, ERR_INPUT, "'%s' is not UTF-8", field->name);
    }
    memcpy(wire, &value, sizeof(value));
    return true;
}

static void fill_digest(const struct digest *digest, ProtobufCBinaryData *wire)
{
    if (!digest_is_zero(digest)) {
        /* Borrowed; protobuf-c does not write when it packs. */
        memcpy(&wire->data, &(const uint8_t *){digest->bytes}, sizeof(wire->data));
        wire->len = DIGEST_BYTES;
    }
}

static bool fill_scalar(
    const struct field *field, const unsigned char *plain, void *wire, struct err *err)
{
    switch (field->kind) {
    case FIELD_U32:
    case FIELD_I32:
        memcpy(wire, plain, sizeof(uint32_t));
        return true;
    case FIELD_U64:
    case FIELD_I64:
        memcpy(wire, plain, sizeof(uint64_t));
        return true;
    case FIELD_F64:
        memcpy(wire, plain, sizeof(double));
        return isfinite(*(const double *)(const void *)plain)
               || err_set(err, ERR_INPUT, "'%s' is not a finite number", field->name);
    case FIELD_BOOL:
        *(protobuf_c_boolean *)wire = *(const bool *)plain;
        return true;
    case FIELD_ENUM: {
        int value = *(const int *)(const void *)plain;
        *(int *)wire = value;
        return (value >= (int)field->min && value <= (int)field->max)
               || err_set(err, ERR_INPUT, "'%s' is %d, which has no name", field->name, value);
    }
    case FIELD_TEXT:
        return fill_text(
            field, *(const char *const *)(const void *)plain, field->max, wire, err);
    case FIELD_BYTES: {
        const struct msg_bytes *bytes = (const void *)plain;
        ProtobufCBinaryData *data = wire;
        memcpy(&data->data, &bytes->data, sizeof(data->data));
        data->len = bytes->length;
        return bytes->length <= field->max
               || err_set(
                   err,
                   ERR_LIMIT,
                   "'%s' has %zu bytes, at most %zu",
                   field->name,
                   bytes->length,
                   field->max);
    }
    case FIELD_DIGEST:
        fill_digest((const void *)plain, wire);
        return true;
    case FIELD_PART:
    case FIELD_U32_LIST:
    case FIELD_TEXT_LIST:
    case FIELD_DIGEST_LIST:
    case FIELD_LIST:
        break;
    }
    return err_set(err, ERR_INTERNAL, "'%s' is no scalar", field->name);
}

/* NOLINTNEXTLINE(misc-no-recursion): see fill() */
static bool fill_items(
    const struct field *field,
    const unsigned char *items,
    size_t count,
    struct arena *arena,
    void **ret_list,
    struct err *err)
{
    if (field->kind == FIELD_U32_LIST) {
        *ret_list = arena_copy(arena, items, count * sizeof(uint32_t));
        return true;
    }
    if (field->kind == FIELD_DIGEST_LIST) {
        ProtobufCBinaryData *list = ARENA_ARRAY(arena, ProtobufCBinaryData, count);
        for (size_t i = 0; i < count; i++) {
            fill_digest((const struct digest *)(const void *)items + i, &list[i]);
        }
        *ret_list = list;
        return true;
    }
    void **list = ARENA_ARRAY(arena, void *, count);
    *ret_list = list;
    for (size_t i = 0; i < count; i++) {
        bool filled = field->kind == FIELD_TEXT_LIST ? fill_text(
                          field,
                          ((const char *const *)(const void *)items)[i],
                          LIMIT_LINE_BYTES,
                          &list[i],
                          err)
                                                     : fill(
                                                         field->part,
                                                         items + i * field->part->size,
                                                         arena,
                                                         (ProtobufCMessage **)&list[i],
                                                         err);
        if (!filled) {
            return err_wrap(err, "'%s' %zu", field->name, i);
        }
    }
    return true;
}

/* NOLINTNEXTLINE(misc-no-recursion): see fill() */
static bool fill_field(
    const struct field *field,
    const unsigned char *plain,
    struct arena *arena,
    const ProtobufCFieldDescriptor *target,
    unsigned char *wire,
    struct err *err)
{
    void *value = wire + target->offset;
    if (field->kind < FIELD_PART) {
        return fill_scalar(field, plain + field->offset, value, err);
    }
    if (field->kind == FIELD_PART) {
        return fill(field->part, plain + field->offset, arena, value, err)
               || err_wrap(err, "'%s'", field->name);
    }
    size_t count;
    const unsigned char *items;
    memcpy(&count, plain + field->count_offset, sizeof(count));
    memcpy(&items, plain + field->offset, sizeof(items));
    if (count > field->max) {
        return err_set(
            err,
            ERR_LIMIT,
            "'%s' has %zu entries, at most %zu",
            field->name,
            count,
            field->max);
    }
    if (count == 0) {
        return true;
    }
    memcpy(wire + target->quantifier_offset, &count, sizeof(count));
    return fill_items(field, items, count, arena, value, err);
}

/* Recursion follows the tables, which are four deep. NOLINTNEXTLINE(misc-no-recursion) */
static bool fill(
    const struct shape *shape,
    const unsigned char *plain,
    struct arena *arena,
    ProtobufCMessage **ret_wire,
    struct err *err)
{
    CHECK(shape->count == shape->descriptor->n_fields);
    unsigned char *wire = arena_alloc(arena, shape->descriptor->sizeof_message);
    ((ProtobufCMessage *)(void *)wire)->descriptor = shape->descriptor;
    for (size_t i = 0; i < shape->count; i++) {
        const ProtobufCFieldDescriptor *target = &shape->descriptor->fields[i];
        if (!fill_field(&shape->fields[i], plain, arena, target, wire, err)) {
            return false;
        }
    }
    *ret_wire = (ProtobufCMessage *)(void *)wire;
    return true;
}

bool message_pack(const struct message *message, struct str *out, struct err *err)
{
    const struct shape *shape = shape_of(message->type);
    CHECK(shape);
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    ProtobufCMessage *body;
    const unsigned char *plain = (const void *)&message->hello; /* any member of the union */
    if (!fill(shape, plain, arena, &body, err)) {
        return err_wrap(err, "%s", message_type_name(message->type));
    }
    Assay__Message wire = ASSAY__MESSAGE__INIT;
    wire.protocol = message->protocol ? message->protocol : PROTOCOL_MAX;
    wire.epoch = message->epoch;
    wire.body_case = (Assay__Message__BodyCase)message->type;
    wire.hello = (Assay__Hello *)body;
    size_t length = assay__message__get_packed_size(&wire);
    if (length > LIMIT_MESSAGE_BYTES) {
        return err_set(
            err,
            ERR_LIMIT,
            "%s has %zu bytes, at most %zu",
            message_type_name(message->type),
            length,
            LIMIT_MESSAGE_BYTES);
    }
    uint8_t *packed = arena_alloc(arena, length);
    CHECK(assay__message__pack(&wire, packed) == length);
    str_append_bytes(out, packed, length);
    return true;
}

static size_t size_of(const struct shape *shape, const void *plain)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    ProtobufCMessage *wire;
    if (!fill(shape, plain, arena, &wire, NULL)) {
        return LIMIT_MESSAGE_BYTES; /* stands alone in its batch, where packing says why */
    }
    return protobuf_c_message_get_packed_size(wire) + 8; /* tag and length */
}

size_t message_assignment_bytes(const struct msg_assignment *assignment)
{
    return size_of(shape_of(MSG_ASSIGN)->fields[0].part, assignment);
}

size_t message_result_bytes(const struct msg_result *result)
{
    return size_of(shape_of(MSG_FINISHED)->fields[0].part, result);
}
