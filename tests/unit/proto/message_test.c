/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "common/base/limits.h"
#include "proto/message.h"
#include "proto/shape.h"
#include "tests/unit/proto/random_message.h"
#include "tests/unit/test.h"

enum {
    ROUNDS = 200,
};

static void tables_match_the_descriptors(void **state)
{
    (void)state;
    for (size_t t = 0; t < message_types_count; t++) {
        const struct shape *shape = shape_of(message_types[t]);
        assert_int_equal(shape->count, shape->descriptor->n_fields);
        for (size_t i = 0; i < shape->count; i++) {
            const struct field *field = &shape->fields[i];
            const ProtobufCFieldDescriptor *wire = &shape->descriptor->fields[i];
            assert_string_equal(field->name, wire->name);
            assert_int_equal(wire->id, i + 1);
            assert_true(
                (field->kind > FIELD_PART) == (wire->label == PROTOBUF_C_LABEL_REPEATED));
            if (field->part) {
                assert_ptr_equal(field->part->descriptor, wire->descriptor);
            }
        }
    }
}

static void every_message_survives_the_wire(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 1);
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct str packed CLEANUP(str_done) = {0};
    str_init(&packed, LIMIT_MESSAGE_BYTES);
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t t = 0; t < message_types_count; t++) {
            struct err err = {0};
            struct message sent = random_message(message_types[t], 6, &rng, arena);
            struct message got;
            str_clear(&packed);
            assert_true(message_pack(&sent, &packed, &err));
            assert_true(message_unpack(packed.data, packed.length, arena, &got, &err));
            assert_true(message_equal(&sent, &got));
        }
        arena_reset(arena);
    }
}

static void damaged_frames_are_refused_or_read_but_never_crash(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 2);
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct str packed CLEANUP(str_done) = {0};
    str_init(&packed, LIMIT_MESSAGE_BYTES);
    size_t refused = 0;
    for (int round = 0; round < ROUNDS * 10; round++) {
        enum message_type type = message_types[rng_below(&rng, message_types_count)];
        struct message sent = random_message(type, 4, &rng, arena);
        struct message got;
        str_clear(&packed);
        assert_true(message_pack(&sent, &packed, NULL));
        for (size_t i = 0; i < 3; i++) {
            packed.data[rng_below(&rng, packed.length)] = (char)rng_u64(&rng);
        }
        size_t length = packed.length - rng_below(&rng, 4);
        refused += !message_unpack(packed.data, length, arena, &got, NULL);
        arena_reset(arena);
    }
    assert_true(refused > ROUNDS);
}

static bool pack(const struct message *message, struct str *out, struct err *err)
{
    str_clear(out);
    return message_pack(message, out, err);
}

static void bounds_hold_when_sending(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct str out CLEANUP(str_done) = {0};
    str_init(&out, LIMIT_MESSAGE_BYTES);
    struct err err = {0};

    struct message bye = {.type = MSG_BYE, .bye = {.reason = "\xff"}};
    assert_false(pack(&bye, &out, &err));
    assert_int_equal(err.code, ERR_INPUT);
    assert_string_equal(err.message, "BYE: 'reason' is not UTF-8");

    char *text = arena_alloc(arena, LIMIT_LINE_BYTES + 2);
    memset(text, 'x', LIMIT_LINE_BYTES + 1);
    bye.bye.reason = text;
    assert_false(pack(&bye, &out, &err));
    assert_int_equal(err.code, ERR_LIMIT);

    struct msg_point point = {"loss", "", 1, NAN};
    struct message metrics = {.type = MSG_METRICS, .metrics = {1, 2, 0, 10, &point, 1}};
    assert_false(pack(&metrics, &out, &err));
    assert_string_equal(err.message, "METRICS: 'points' 0: 'value' is not a finite number");
    metrics.metrics.count = LIMIT_METRIC_POINTS + 1;
    assert_false(pack(&metrics, &out, &err));
    assert_int_equal(err.code, ERR_LIMIT);

    struct msg_result result = {.task = 1, .attempt = 1}; /* without an outcome */
    struct message finished = {.type = MSG_FINISHED, .finished = {&result, 1}};
    assert_false(pack(&finished, &out, &err));
    assert_int_equal(err.code, ERR_INPUT);
    assert_int_equal(out.length, 0);

    struct message query = {.type = MSG_QUERY, .query = {.request = 1}};
    assert_false(pack(&query, &out, &err));
    assert_string_equal(err.message, "QUERY: 'kind' is empty");
}

static void whole_message_is_bounded(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct str out CLEANUP(str_done) = {0};
    str_init(&out, 2 * LIMIT_MESSAGE_BYTES);
    struct err err = {0};
    char *json = arena_alloc(arena, LIMIT_FIELD_JSON_BYTES + 1);
    memset(json, ' ', LIMIT_FIELD_JSON_BYTES);
    struct msg_assignment two[] = {
        {.task = 1, .attempt = 1, .name = "a", .program = "p", .params = json},
        {.task = 2, .attempt = 2, .name = "b", .program = "p", .params = json},
    };
    struct message assign = {.type = MSG_ASSIGN, .assign = {two, 2}};
    assert_false(pack(&assign, &out, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assign.assign.count = 1;
    assert_true(pack(&assign, &out, &err));
    assert_true(message_assignment_bytes(&two[0]) >= LIMIT_FIELD_JSON_BYTES);
    assert_true(out.length <= message_assignment_bytes(&two[0]) + 32);
}

static void absent_parts_and_null_texts_read_as_empty(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct str out CLEANUP(str_done) = {0};
    str_init(&out, LIMIT_MESSAGE_BYTES);
    struct msg_result result = {.task = 7, .attempt = 9, .outcome = MSG_OUTCOME_DONE};
    struct message sent = {.type = MSG_FINISHED, .finished = {&result, 1}};
    struct message got;
    assert_true(pack(&sent, &out, NULL));
    assert_true(message_unpack(out.data, out.length, arena, &got, NULL));
    assert_int_equal(got.protocol, PROTOCOL_MAX);
    assert_int_equal(got.finished.count, 1);
    const struct msg_result *read = &got.finished.results[0];
    assert_string_equal(read->message, "");
    assert_string_equal(read->decision, "");
    assert_true(digest_is_zero(&read->log));
    assert_int_equal(read->usage.wall_ms, 0);
    assert_int_equal(read->outputs_count, 0);

    /* An assignment on the wire without its resources: field 17 of protobuf is missing. */
    static const uint8_t bare[] = {
        0xaa, 0x01, 0x08, 0x0a, 0x06, 0x1a, 0x01, 'n', 0x2a, 0x01, 'p'};
    assert_true(message_unpack(bare, sizeof(bare), arena, &got, NULL));
    assert_int_equal(got.type, MSG_ASSIGN);
    assert_string_equal(got.assign.assignments[0].params, "");
    assert_int_equal(got.assign.assignments[0].resources.gpus_count, 0);
}

static void unknown_messages_and_values(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct message got;
    struct err err = {0};
    static const uint8_t later[] = {0x08, 0x02, 0xa2, 0x06, 0x00}; /* field 100 */
    assert_true(message_unpack(later, sizeof(later), arena, &got, &err));
    assert_int_equal(got.type, MSG_NONE);
    assert_int_equal(got.protocol, 2);

    static const uint8_t outcome[] = {0x7a, 0x04, 0x0a, 0x02, 0x18, 0x63}; /* outcome 99 */
    assert_false(message_unpack(outcome, sizeof(outcome), arena, &got, &err));
    assert_int_equal(err.code, ERR_PROTOCOL);
    assert_string_equal(
        err.message, "FINISHED: 'results' 0: 'outcome' is 99, which is unknown");
    assert_false(message_unpack("\xff\xff", 2, arena, &got, &err));
    assert_int_equal(err.code, ERR_PROTOCOL);
}

static void a_frame_of_empty_parts_cannot_eat_memory(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    /* FINISHED with two million empty results, two bytes each. */
    size_t body = LIMIT_MESSAGE_BYTES - 16;
    uint8_t *frame = arena_alloc(arena, LIMIT_MESSAGE_BYTES);
    frame[0] = 0x7a;
    size_t at = 1;
    for (size_t rest = body; rest > 0; rest >>= 7) {
        frame[at++] = (uint8_t)((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    }
    for (size_t i = 0; i < body; i += 2) {
        frame[at + i] = 0x0a;
    }
    size_t before = arena_bytes(arena);
    struct message got;
    struct err err = {0};
    assert_false(message_unpack(frame, at + body, arena, &got, &err));
    assert_true(arena_bytes(arena) - before <= LIMIT_UNPACK_BYTES);
}

static void names_are_stable(void **state)
{
    (void)state;
    for (size_t t = 0; t < message_types_count; t++) {
        assert_string_not_equal(message_type_name(message_types[t]), "?");
    }
    for (int o = MSG_OUTCOME_DONE; o <= MSG_OUTCOME_RETRACTED; o++) {
        enum msg_outcome read = MSG_OUTCOME_NONE;
        assert_true(
            message_outcome_from_name(message_outcome_name((enum msg_outcome)o), &read));
        assert_int_equal(read, o);
    }
    /* The codes of docs/protocol.md section 5 are those of enum err_code. */
    assert_int_equal(ERR_UNAVAILABLE, 8);
    assert_int_equal(ERR_INTERNAL, 13);
}

/* HELLO as a worker wrote it before fields were added: protocol window, name, incarnation,
 * slots. What it leaves out means what was meant before. */
static void a_hello_of_an_older_worker_is_understood(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct str packed CLEANUP(str_done) = {0};
    str_init(&packed, LIMIT_MESSAGE_BYTES);
    struct err err = {0};
    struct message newer = {
        .type = MSG_HELLO,
        .hello = {
            .protocol_min = 1,
            .protocol_max = 1,
            .cluster = "",
            .worker = "old",
            .incarnation = 7,
            .version = "0.1",
            .host = "",
            .slots = 2,
        }};
    assert_true(message_pack(&newer, &packed, &err));
    size_t plain = packed.length;
    struct message got;
    assert_true(message_unpack(packed.data, packed.length, arena, &got, &err));
    assert_int_equal(got.hello.life_ms, 0);
    assert_int_equal(got.hello.prefetch, 0);
    assert_int_equal(got.hello.number, 0);
    assert_int_equal(got.hello.resources.gpus_count, 0);
    assert_string_equal(got.hello.worker, "old");
    /* Fields that mean nothing new take no bytes: an older reader sees the same frame. */
    newer.hello.life_ms = 1;
    str_clear(&packed);
    assert_true(message_pack(&newer, &packed, &err));
    assert_true(packed.length > plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_match_the_descriptors),
        cmocka_unit_test(every_message_survives_the_wire),
        cmocka_unit_test(damaged_frames_are_refused_or_read_but_never_crash),
        cmocka_unit_test(bounds_hold_when_sending),
        cmocka_unit_test(whole_message_is_bounded),
        cmocka_unit_test(absent_parts_and_null_texts_read_as_empty),
        cmocka_unit_test(unknown_messages_and_values),
        cmocka_unit_test(a_frame_of_empty_parts_cannot_eat_memory),
        cmocka_unit_test(names_are_stable),
        cmocka_unit_test(a_hello_of_an_older_worker_is_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
