/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/proto/random_message.h"

#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "proto/shape.h"

const enum message_type message_types[] = {
    MSG_HELLO,    MSG_STARTED,  MSG_RENEW,       MSG_PROGRESS, MSG_METRICS,    MSG_FINISHED,
    MSG_LOG_DATA, MSG_ACCEPTED, MSG_GO,          MSG_WELCOME,  MSG_ASSIGN,     MSG_RENEWED,
    MSG_REVOKE,   MSG_RETRACT,  MSG_METRICS_ACK, MSG_ACK,      MSG_NEED_HELLO, MSG_LOG_READ,
    MSG_DRAIN,    MSG_BYE,      MSG_ERROR,       MSG_SUBMIT,   MSG_HAVE,       MSG_PUT,
    MSG_FETCH,    MSG_LOG,      MSG_QUERY,       MSG_CONTROL,  MSG_REPLY,
};

const size_t message_types_count = ARRAY_LEN(message_types);

static size_t minimum(size_t a, size_t b)
{
    return a < b ? a : b;
}

static const char *random_text(size_t min, size_t max, struct rng *rng, struct arena *arena)
{
    static const char *const letters[] = {"a", "Z", "0", "/", "\"", "\n", "é", "漢", "🦉"};
    size_t wanted = min + rng_below(rng, minimum(max - min, 40) + 1);
    char *text = arena_alloc(arena, wanted + 1);
    size_t length = 0;
    while (length < wanted) {
        const char *letter = letters[rng_below(rng, ARRAY_LEN(letters))];
        if (length + strlen(letter) > wanted) {
            letter = "x";
        }
        for (const char *at = letter; *at != '\0'; at++) {
            text[length++] = *at;
        }
    }
    return text;
}

static struct digest random_digest(struct rng *rng)
{
    struct digest digest = {{0}};
    for (size_t i = 0; i < DIGEST_BYTES && rng_below(rng, 20) != 0; i++) {
        digest.bytes[i] = (uint8_t)(1 + rng_below(rng, 255));
    }
    return digest;
}

static uint64_t random_number(struct rng *rng)
{
    return rng_u64(rng) >> rng_below(rng, 64); /* all magnitudes */
}

/* Recursion follows the tables, which are four deep. NOLINTBEGIN(misc-no-recursion) */
static void random_struct(
    const struct shape *shape,
    size_t items_max,
    unsigned char *plain,
    struct rng *rng,
    struct arena *arena);

static void random_list(
    const struct field *field,
    size_t items_max,
    unsigned char *plain,
    struct rng *rng,
    struct arena *arena)
{
    size_t count = rng_below(rng, minimum(items_max, field->max) + 1);
    void *items = NULL;
    if (field->kind == FIELD_U32_LIST) {
        uint32_t *list = ARENA_ARRAY(arena, uint32_t, count);
        for (size_t i = 0; i < count; i++) {
            list[i] = (uint32_t)random_number(rng);
        }
        items = list;
    } else if (field->kind == FIELD_TEXT_LIST) {
        const char **list = ARENA_ARRAY(arena, const char *, count);
        for (size_t i = 0; i < count; i++) {
            list[i] = random_text(0, 100, rng, arena);
        }
        items = list;
    } else if (field->kind == FIELD_DIGEST_LIST) {
        struct digest *list = ARENA_ARRAY(arena, struct digest, count);
        for (size_t i = 0; i < count; i++) {
            list[i] = random_digest(rng);
        }
        items = list;
    } else {
        unsigned char *list = arena_alloc(arena, count * field->part->size);
        for (size_t i = 0; i < count; i++) {
            random_struct(field->part, items_max, list + i * field->part->size, rng, arena);
        }
        items = list;
    }
    memcpy(plain + field->offset, &items, sizeof(items));
    memcpy(plain + field->count_offset, &count, sizeof(count));
}

static void random_field(
    const struct field *field,
    size_t items_max,
    unsigned char *plain,
    struct rng *rng,
    struct arena *arena)
{
    unsigned char *value = plain + field->offset;
    switch (field->kind) {
    case FIELD_U32:
    case FIELD_I32:
        *(uint32_t *)(void *)value = (uint32_t)random_number(rng);
        return;
    case FIELD_U64:
    case FIELD_I64:
        *(uint64_t *)(void *)value = random_number(rng);
        return;
    case FIELD_F64:
        *(double *)(void *)value = ((double)rng_u64(rng) - 9e18) / (1.0 + rng_unit(rng));
        return;
    case FIELD_BOOL:
        *(bool *)value = rng_below(rng, 2) == 1;
        return;
    case FIELD_ENUM:
        *(int *)(void *)value = (int)(field->min + rng_below(rng, field->max - field->min + 1));
        return;
    case FIELD_TEXT:
        *(const char **)(void *)value = random_text(field->min, field->max, rng, arena);
        return;
    case FIELD_BYTES: {
        struct msg_bytes *bytes = (void *)value;
        bytes->length = rng_below(rng, 200);
        uint8_t *data = arena_alloc(arena, bytes->length);
        for (size_t i = 0; i < bytes->length; i++) {
            data[i] = (uint8_t)rng_u64(rng);
        }
        bytes->data = data;
        return;
    }
    case FIELD_DIGEST:
        *(struct digest *)(void *)value = random_digest(rng);
        return;
    case FIELD_PART:
        random_struct(field->part, items_max, value, rng, arena);
        return;
    case FIELD_U32_LIST:
    case FIELD_TEXT_LIST:
    case FIELD_DIGEST_LIST:
    case FIELD_LIST:
        random_list(field, items_max, plain, rng, arena);
        return;
    }
}

static void random_struct(
    const struct shape *shape,
    size_t items_max,
    unsigned char *plain,
    struct rng *rng,
    struct arena *arena)
{
    for (size_t i = 0; i < shape->count; i++) {
        random_field(&shape->fields[i], items_max, plain, rng, arena);
    }
}

struct message random_message(
    enum message_type type, size_t items_max, struct rng *rng, struct arena *arena)
{
    struct message message = {
        .protocol = 1 + (uint32_t)rng_below(rng, 3), .epoch = random_number(rng), .type = type};
    random_struct(shape_of(type), items_max, (void *)&message.hello, rng, arena);
    return message;
}

static bool struct_equal(
    const struct shape *shape, const unsigned char *a, const unsigned char *b);

static bool items_equal(
    const struct field *field, const unsigned char *a, const unsigned char *b, size_t i)
{
    switch (field->kind) {
    case FIELD_U32_LIST:
        return ((const uint32_t *)(const void *)a)[i] == ((const uint32_t *)(const void *)b)[i];
    case FIELD_TEXT_LIST:
        return strcmp(
                   ((const char *const *)(const void *)a)[i],
                   ((const char *const *)(const void *)b)[i])
               == 0;
    case FIELD_DIGEST_LIST:
        return digest_equal(
            (const struct digest *)(const void *)a + i,
            (const struct digest *)(const void *)b + i);
    case FIELD_LIST:
        return struct_equal(field->part, a + i * field->part->size, b + i * field->part->size);
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
    return false;
}

static bool field_equal(
    const struct field *field, const unsigned char *a, const unsigned char *b)
{
    const unsigned char *x = a + field->offset;
    const unsigned char *y = b + field->offset;
    switch (field->kind) {
    case FIELD_U32:
    case FIELD_I32:
    case FIELD_ENUM:
        return memcmp(x, y, sizeof(uint32_t)) == 0;
    case FIELD_U64:
    case FIELD_I64:
    case FIELD_F64:
        return memcmp(x, y, sizeof(uint64_t)) == 0;
    case FIELD_BOOL:
        return *(const bool *)x == *(const bool *)y;
    case FIELD_TEXT:
        return strcmp(
                   *(const char *const *)(const void *)x, *(const char *const *)(const void *)y)
               == 0;
    case FIELD_BYTES: {
        const struct msg_bytes *left = (const void *)x;
        const struct msg_bytes *right = (const void *)y;
        return left->length == right->length
               && (left->length == 0 || memcmp(left->data, right->data, left->length) == 0);
    }
    case FIELD_DIGEST:
        return digest_equal((const void *)x, (const void *)y);
    case FIELD_PART:
        return struct_equal(field->part, x, y);
    case FIELD_U32_LIST:
    case FIELD_TEXT_LIST:
    case FIELD_DIGEST_LIST:
    case FIELD_LIST:
        break;
    }
    size_t count = *(const size_t *)(const void *)(a + field->count_offset);
    bool equal = count == *(const size_t *)(const void *)(b + field->count_offset);
    for (size_t i = 0; equal && i < count; i++) {
        equal = items_equal(
            field,
            *(const unsigned char *const *)(const void *)x,
            *(const unsigned char *const *)(const void *)y,
            i);
    }
    return equal;
}

static bool struct_equal(
    const struct shape *shape, const unsigned char *a, const unsigned char *b)
{
    for (size_t i = 0; i < shape->count; i++) {
        if (!field_equal(&shape->fields[i], a, b)) {
            (void)fprintf(stderr, "field '%s' differs\n", shape->fields[i].name);
            return false;
        }
    }
    return true;
}

bool message_equal(const struct message *a, const struct message *b)
{
    return a->type == b->type && a->protocol == b->protocol && a->epoch == b->epoch
           && struct_equal(shape_of(a->type), (const void *)&a->hello, (const void *)&b->hello);
}

/* NOLINTEND(misc-no-recursion) */
