/* SPDX-License-Identifier: Apache-2.0 */
/* Statements for what is kept for good: grids with their plans, accepted results with outputs
 * and lineage, metrics. */
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/node.h"
#include "coordinator/store/commit_rows.h"
#include "coordinator/store/plan_slices.h"

static char *uuid_text(const struct submission_id *id, struct arena *arena)
{
    CLEANUP(str_done) struct str text;
    str_init(&text, 64);
    for (size_t i = 0; i < sizeof(id->bytes); i++) {
        str_appendf(&text, "%02x", id->bytes[i]);
    }
    return arena_strdup(arena, text.data);
}

enum {
    PLAN_PARAM = 14, /* index of the plan's first slice among the parameters of insert_grid() */
};

static void insert_grid(
    struct store *store, const struct effect_persist_grid *grid, struct arena *arena)
{
    const struct grid_row *row = &grid->row;
    const struct plan *plan = grid->plan;
    struct store_grid_info *info = store_grid_info_of(store, plan);
    struct store_grid_info nothing = {
        .plan = plan, .about = "", .grid_text = "", .sets_json = "[]", .note = ""};
    info = info == NULL ? &nothing : info;
    char hex[DIGEST_HEX];
    if (info->packed.bytes == NULL) {
        info->packed = plan_pack(plan);
    }
    const char *const texts[] = {
        arena_printf(arena, "%u", row->grid.value),
        uuid_text(&row->submission, arena),
        row->name,
        info->about,
        row->owner,
        arena_printf(arena, "%d", (int)row->state),
        row->cancelled ? "t" : "f",
        arena_printf(arena, "%d", (int)row->verdict),
        arena_printf(arena, "%llu", (unsigned long long)row->submitted_ms),
        arena_printf(arena, "%llu", (unsigned long long)row->finished_ms),
        digest_to_hex(&info->bundle, hex),
        arena_strndup(arena, info->grid_text, info->grid_text_length),
        info->sets_json,
        arena_printf(arena, "%u", plan->version),
        NULL, /* PLAN_PARAM */
        arena_printf(arena, "%zu", plan->tasks_count),
        plan->compare == NULL ? NULL : node_to_json_arena(plan->compare, arena),
        plan->decontaminate ? "t" : "f",
        info->note,
    };
    struct pg_param params[ARRAY_LEN(texts)];
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        params[i] = pg_param_text(texts[i]);
    }
    params[PLAN_PARAM] = plan_slices_begin(store, row->grid.value, plan, &info->packed);
    batch_send_params(
        store,
        "INSERT INTO grid (grid_id, submission_id, name, about, owner, state, cancelled, verdict, submitted_at, finished_at, "
        "bundle, grid_text, sets, plan_version, plan, tasks_count, compare, decontaminate, note) VALUES ($1::int4, $2::uuid, "
        "$3, $4, $5, $6::int2, $7::bool, $8::int2, to_timestamp($9::int8 / 1000.0), CASE WHEN $10::int8 = 0 THEN NULL ELSE "
        "to_timestamp($10::int8 / 1000.0) END, decode($11, 'hex'), $12, $13::jsonb, $14::int4, $15, $16::int4,"
        " $17::jsonb, $18::bool, $19)",
        params,
        ARRAY_LEN(params));
}

static void update_grid(struct store *store, const struct grid_row *row, struct arena *arena)
{
    const char *const params[] = {
        arena_printf(arena, "%u", row->grid.value),
        arena_printf(arena, "%d", (int)row->state),
        row->cancelled ? "t" : "f",
        arena_printf(arena, "%d", (int)row->verdict),
        arena_printf(arena, "%llu", (unsigned long long)row->finished_ms),
    };
    batch_send(
        store,
        "UPDATE grid SET state = $2::int2, cancelled = $3::bool, verdict = $4::int2, finished_at = CASE WHEN $5::int8 = 0 "
        "THEN NULL ELSE to_timestamp($5::int8 / 1000.0) END WHERE grid_id = $1::int4",
        params,
        ARRAY_LEN(params));
}

static void insert_cells(
    struct store *store, uint32_t grid, const struct plan *plan, struct arena *arena)
{
    if (plan->cells_count == 0 || plan->cells_count > LIMIT_CELLS_STORED) {
        return;
    }
    CLEANUP(columns_done) struct columns c;
    columns_init(&c, 3);
    for (size_t i = 0; i < plan->cells_count; i++) {
        const uint32_t *cell = &plan->cells[i * plan->axes_count];
        pg_array_u64(&c.arrays[0], grid);
        pg_array_u64(&c.arrays[1], i);
        pg_array_text(&c.arrays[2], batch_point_json(plan, cell, arena));
    }
    columns_send(
        &c,
        store,
        "INSERT INTO grid_cell SELECT u.a, u.b, u.c::jsonb FROM unnest($1::int4[], $2::int4[], $3::text[]) AS u(a,b,c)");
}

static void insert_metrics_declared(
    struct store *store, uint32_t grid, const struct plan *plan, struct arena *arena)
{
    bool *done = ARENA_ARRAY(arena, bool, plan->stages_count + 1);
    CLEANUP(columns_done) struct columns c;
    columns_init(&c, 6);
    size_t left = plan->stages_count;
    for (size_t t = 0; t < plan->tasks_count && left > 0; t++) {
        const struct plan_traits *task = plan_task_traits(plan, (uint32_t)t);
        if (task->helper || done[task->stage]) {
            continue;
        }
        done[task->stage] = true;
        left--;
        const struct plan_program *program = &plan->programs[task->program];
        for (size_t m = 0; m < program->metrics_count; m++) {
            pg_array_u64(&c.arrays[0], grid);
            pg_array_text(&c.arrays[1], plan->stages[task->stage]);
            pg_array_text(&c.arrays[2], program->metrics[m].name);
            pg_array_i64(&c.arrays[3], program->metrics[m].better);
            pg_array_text(
                &c.arrays[4], program->metrics[m].unit == NULL ? "" : program->metrics[m].unit);
            pg_array_i64(&c.arrays[5], program->metrics[m].take);
        }
    }
    if (c.arrays[0].count > 0) {
        columns_send(
            &c,
            store,
            "INSERT INTO grid_metric SELECT u.a, u.b, u.c, u.d, u.e, u.f FROM unnest($1::int4[], $2::text[], $3::text[], "
            "$4::int2[], $5::text[], $6::int2[]) AS u(a,b,c,d,e,f)");
    }
}

/* A grid made and finished within one batch is inserted with the state of the last row. */
void batch_send_grids(struct store *store, const struct effects *batch, struct arena *arena)
{
    struct batch_row *rows = NULL;
    size_t count = batch_rows(batch, EFFECT_PERSIST_GRID, arena, &rows);
    for (size_t i = 0; i < count; i++) {
        const struct effect_persist_grid *grid = &rows[i].last->grid;
        if (!rows[i].first->grid.created) {
            update_grid(store, &grid->row, arena);
            continue;
        }
        insert_grid(store, grid, arena);
        insert_cells(store, grid->row.grid.value, grid->plan, arena);
        insert_metrics_declared(store, grid->row.grid.value, grid->plan, arena);
    }
}

/* --- Results --- */

struct result_columns {
    struct columns rows, outputs, inputs, plan_keys, output_keys;
};

static void add_outputs(struct result_columns *c, const struct effect_persist_result *result)
{
    const struct result_row *row = &result->result;
    uint32_t ordinal = task_ordinal(result->task);
    const struct plan_slots slots = plan_task_outputs(result->plan, ordinal);
    for (size_t i = 0; i < row->outputs_count; i++) {
        pg_array_digest(&c->outputs.arrays[0], &row->key);
        pg_array_u64(&c->outputs.arrays[1], row->attempt.value);
        pg_array_u64(&c->outputs.arrays[2], i);
        pg_array_text(&c->outputs.arrays[3], row->outputs[i].name);
        pg_array_text(&c->outputs.arrays[4], i < slots.count ? slots.items[i].kind : "");
        pg_array_digest(&c->outputs.arrays[5], &row->outputs[i].digest);
        struct digest key = i < slots.count ? plan_task_output_key(result->plan, ordinal, i)
                                            : (struct digest){0};
        if (!digest_is_zero(&key)) {
            pg_array_digest(&c->output_keys.arrays[0], &key);
            pg_array_digest(&c->output_keys.arrays[1], &row->outputs[i].digest);
            pg_array_digest(&c->output_keys.arrays[2], &row->key);
        }
    }
}

static const char *source_name(
    const struct plan *plan, const struct plan_source *source, struct arena *arena)
{
    switch (source->kind) {
    case PLAN_FROM_TASK:
        return plan_task_name(plan, source->task, arena);
    case PLAN_FROM_INPUT:
        return plan->inputs[source->input].name;
    case PLAN_FROM_ARTIFACT:
        break;
    }
    return "";
}

static void add_inputs(
    struct result_columns *c, const struct effect_persist_result *result, struct arena *arena)
{
    const struct plan *plan = result->plan;
    uint32_t ordinal = task_ordinal(result->task);
    const struct plan_slots slots = plan_task_inputs(plan, ordinal);
    for (size_t i = 0; result->inputs != NULL && i < slots.count; i++) {
        uint32_t sources = plan_task_sources(plan, ordinal, i);
        for (uint32_t j = 0; j < sources; j++) {
            const struct plan_source source = plan_task_source(plan, ordinal, i, j);
            pg_array_u64(&c->inputs.arrays[0], result->result.attempt.value);
            pg_array_text(&c->inputs.arrays[1], slots.items[i].name);
            pg_array_u64(&c->inputs.arrays[2], j);
            pg_array_digest(&c->inputs.arrays[3], &result->inputs[i][j]);
            pg_array_text(&c->inputs.arrays[4], source_name(plan, &source, arena));
        }
    }
}

/* A result of a batch, with what other effects of the batch say of it. */
struct accepted {
    const struct effect_persist_result *effect;
    uint64_t wall_ms;
    bool first; /* of its key in the batch */
};

static void add_result(
    struct result_columns *c, const struct accepted *accepted, struct arena *arena)
{
    const struct effect_persist_result *result = accepted->effect;
    const struct result_row *row = &result->result;
    const struct plan *plan = result->plan;
    uint32_t ordinal = task_ordinal(result->task);
    const struct plan_traits *task = plan_task_traits(plan, ordinal);
    const struct plan_program *program = &plan->programs[task->program];
    pg_array_digest(&c->rows.arrays[0], &row->key);
    pg_array_u64(&c->rows.arrays[1], row->attempt.value);
    pg_array_u64(&c->rows.arrays[2], result->task.value);
    pg_array_text(&c->rows.arrays[3], program->name);
    pg_array_u64(&c->rows.arrays[4], program->version);
    pg_array_text(&c->rows.arrays[5], program->revision == NULL ? "" : program->revision);
    pg_array_text(
        &c->rows.arrays[6],
        !task->cache || (result->inputs == NULL && plan_task_inputs(plan, ordinal).count > 0)
            ? "{}" /* nobody will be answered from it, or nobody knows what it read */
            : plan_key_components(plan, ordinal, result->inputs, arena));
    pg_array_i64(&c->rows.arrays[7], row->verdict);
    pg_array_text(&c->rows.arrays[8], row->verdict_reason == NULL ? "" : row->verdict_reason);
    pg_array_u64(&c->rows.arrays[9], accepted->wall_ms);
    pg_array_bool(&c->rows.arrays[10], accepted->first);
    add_outputs(c, result);
    add_inputs(c, result, arena);
}

static void result_columns_init(struct result_columns *c)
{
    columns_init(&c->rows, 11);
    columns_init(&c->outputs, 6);
    columns_init(&c->inputs, 5);
    columns_init(&c->plan_keys, 2);
    columns_init(&c->output_keys, 3);
}

static void result_columns_done(struct result_columns *c)
{
    columns_done(&c->rows);
    columns_done(&c->outputs);
    columns_done(&c->inputs);
    columns_done(&c->plan_keys);
    columns_done(&c->output_keys);
}

/* One current row per key: a second result of a key (uncached programs, or a late one) stands
 * beside the current one, flagged when its outputs differ. The sub-select is a scalar one since
 * the planner would answer EXISTS by hashing the whole index. */
static void send_results(struct store *store, struct result_columns *c)
{
    columns_send(
        &c->rows,
        store,
        "INSERT INTO result SELECT u.a, u.b, u.c, u.k AND (SELECT r.current FROM result r WHERE r.key = u.a AND r.current) IS "
        "NULL, false, u.d, u.e, u.f, u.g::jsonb, u.h, u.i, u.j, clock_timestamp() FROM unnest($1::bytea[], $2::int8[], "
        "$3::int8[], $4::text[], $5::int4[], $6::text[], $7::text[], $8::int2[], $9::text[], $10::int8[], $11::bool[]) AS "
        "u(a,b,c,d,e,f,g,h,i,j,k)");
    columns_send(
        &c->outputs,
        store,
        "INSERT INTO result_output SELECT u.a, u.b, u.c, u.d, u.e, u.f, 0 FROM unnest($1::bytea[], $2::int8[], $3::int2[],"
        " $4::text[], $5::text[], $6::bytea[]) AS u(a,b,c,d,e,f) ON CONFLICT DO NOTHING");
    columns_send(
        &c->inputs,
        store,
        "INSERT INTO attempt_input SELECT u.a, u.b, u.c, u.d, u.e FROM unnest($1::int8[], $2::text[], $3::int4[], $4::bytea[], "
        "$5::text[]) AS u(a,b,c,d,e) ON CONFLICT DO NOTHING");
    columns_send(
        &c->plan_keys,
        store,
        "INSERT INTO plan_result SELECT u.a, u.b FROM unnest($1::bytea[], $2::bytea[]) AS u(a,b) ON CONFLICT (plan_key) DO "
        "UPDATE SET key = excluded.key WHERE plan_result.key <> excluded.key");
    columns_send(
        &c->output_keys,
        store,
        "INSERT INTO output SELECT DISTINCT ON (u.a) u.a, u.b, u.c FROM unnest($1::bytea[], $2::bytea[], $3::bytea[]) AS "
        "u(a,b,c) ON CONFLICT (output_key) DO NOTHING");
}

static void flag_differing(struct store *store, const struct accepted *accepted, size_t count)
{
    CLEANUP(columns_done) struct columns c;
    columns_init(&c, 2);
    for (size_t i = 0; i < count; i++) {
        const struct result_row *row = &accepted[i].effect->result;
        if (accepted[i].effect->recomputed && row->outputs_count > 0) {
            pg_array_digest(&c.arrays[0], &row->key);
            pg_array_u64(&c.arrays[1], row->attempt.value);
        }
    }
    columns_send(
        &c,
        store,
        "UPDATE result r SET differs = true FROM unnest($1::bytea[], $2::int8[]) AS u(key,attempt_id) WHERE r.key = u.key AND "
        "r.attempt_id = u.attempt_id AND NOT r.current AND EXISTS (SELECT FROM result c JOIN result_output co ON co.key = "
        "c.key AND co.attempt_id = c.attempt_id JOIN result_output o ON o.key = r.key AND o.attempt_id = r.attempt_id AND "
        "o.position = co.position WHERE c.key = r.key AND c.current AND o.digest <> co.digest)");
}

/* --- What else the batch says of a result --- */

/* Attempts come in the order of their ids, as results do. */
static void note_wall(
    const struct effects *batch, struct accepted *accepted, size_t count, struct arena *arena)
{
    struct batch_row *attempts = NULL;
    size_t attempts_count = batch_rows(batch, EFFECT_PERSIST_ATTEMPT, arena, &attempts);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t id = accepted[i].effect->result.attempt.value;
        while (at < attempts_count && attempts[at].id < id) {
            at++;
        }
        if (at < attempts_count && attempts[at].id == id) {
            accepted[i].wall_ms = attempts[at].last->attempt.usage.wall_ms;
        }
    }
}

/* A key that stands for a result, as an entry of a list that is sorted. */
struct keyed {
    const struct digest *key;
    size_t index; /* of the result */
};

static int compare_keyed(const void *a, const void *b)
{
    const struct keyed *left = a;
    const struct keyed *right = b;
    int order = memcmp(left->key->bytes, right->key->bytes, sizeof(left->key->bytes));
    if (order != 0) {
        return order;
    }
    return left->index < right->index ? -1 : left->index > right->index;
}

static bool is_same_key(const struct keyed *keyed, size_t i, size_t j)
{
    return digest_equal(keyed[i].key, keyed[j].key);
}

static void note_first(struct accepted *accepted, size_t count, struct arena *arena)
{
    struct keyed *keyed = ARENA_ARRAY(arena, struct keyed, count + 1);
    for (size_t i = 0; i < count; i++) {
        keyed[i] = (struct keyed){&accepted[i].effect->result.key, i};
    }
    qsort(keyed, count, sizeof(*keyed), compare_keyed);
    for (size_t i = 0; i < count; i++) {
        accepted[keyed[i].index].first = i == 0 || !is_same_key(keyed, i - 1, i);
    }
}

/* The newest result of a plan key, in the order of keys, which the index likes. */
static void add_plan_keys(
    struct result_columns *c,
    const struct accepted *accepted,
    size_t count,
    struct arena *arena)
{
    struct keyed *keyed = ARENA_ARRAY(arena, struct keyed, count + 1);
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        const struct effect_persist_result *effect = accepted[i].effect;
        uint32_t ordinal = task_ordinal(effect->task);
        const struct digest *key = plan_task_key(effect->plan, ordinal);
        if (plan_task_traits(effect->plan, ordinal)->cache && !digest_is_zero(key)) {
            keyed[used++] = (struct keyed){key, i};
        }
    }
    qsort(keyed, used, sizeof(*keyed), compare_keyed);
    for (size_t i = 0; i < used; i++) {
        if (i + 1 == used || !is_same_key(keyed, i, i + 1)) {
            pg_array_digest(&c->plan_keys.arrays[0], keyed[i].key);
            pg_array_digest(
                &c->plan_keys.arrays[1], &accepted[keyed[i].index].effect->result.key);
        }
    }
}

void batch_send_results(struct store *store, const struct effects *batch, struct arena *arena)
{
    struct batch_row *rows = NULL;
    size_t count = batch_rows(batch, EFFECT_PERSIST_RESULT, arena, &rows);
    if (count == 0) {
        return;
    }
    CLEANUP(result_columns_done) struct result_columns c;
    result_columns_init(&c);
    struct accepted *accepted = ARENA_ARRAY(arena, struct accepted, count);
    for (size_t i = 0; i < count; i++) {
        accepted[i].effect = &rows[i].last->result;
    }
    note_wall(batch, accepted, count, arena);
    note_first(accepted, count, arena);
    for (size_t i = 0; i < count; i++) {
        add_result(&c, &accepted[i], arena);
    }
    add_plan_keys(&c, accepted, count, arena);
    send_results(store, &c);
    flag_differing(store, accepted, count);
}

/* --- Metrics --- */

static void add_points(struct columns *c, const struct effect_persist_metrics *metrics)
{
    uint64_t first =
        metrics->offset_end; /* positions count from the end of the message's bytes: unique,
                                since a line has more bytes than one */
    for (size_t i = 0; i < metrics->points_count; i++) {
        pg_array_u64(&c->arrays[0], metrics->attempt.value);
        pg_array_u64(&c->arrays[1], first - metrics->points_count + i);
        pg_array_text(&c->arrays[2], metrics->points[i].name);
        pg_array_text(&c->arrays[3], metrics->points[i].tag);
        pg_array_i64(&c->arrays[4], metrics->points[i].step);
        pg_array_double(&c->arrays[5], metrics->points[i].value);
    }
}

/* Names and tags that are new get their numbers first. */
static void send_words(
    struct store *store, const struct effects *batch, bool tags, const char *sql)
{
    CLEANUP(columns_done) struct columns c;
    columns_init(&c, 1);
    for (size_t i = 0; i < batch->count; i++) {
        const struct effect *effect = &batch->items[i];
        for (size_t p = 0;
             effect->kind == EFFECT_PERSIST_METRICS && p < effect->metrics.points_count;
             p++) {
            const struct metric_point *point = &effect->metrics.points[p];
            pg_array_text(&c.arrays[0], tags ? point->tag : point->name);
        }
    }
    columns_send(&c, store, sql);
}

static void send_points(
    struct store *store, const struct effects *batch, struct columns *points)
{
    send_words(
        store,
        batch,
        false,
        "INSERT INTO metric_name (name) SELECT DISTINCT u.a FROM unnest($1::text[]) AS u(a) WHERE NOT EXISTS (SELECT FROM "
        "metric_name n WHERE n.name = u.a) ON CONFLICT DO NOTHING");
    send_words(
        store,
        batch,
        true,
        "INSERT INTO metric_tag (tag) SELECT DISTINCT u.a FROM unnest($1::text[]) AS u(a) WHERE NOT EXISTS (SELECT FROM "
        "metric_tag t WHERE t.tag = u.a) ON CONFLICT DO NOTHING");
    columns_send(
        points,
        store,
        "INSERT INTO metric SELECT u.a, u.b, n.name_id, t.tag_id, u.e, u.f FROM unnest($1::int8[], $2::int8[], $3::text[], "
        "$4::text[], $5::int8[], $6::float8[]) AS u(a,b,c,d,e,f) JOIN metric_name n ON n.name = u.c JOIN metric_tag t ON "
        "t.tag = u.d ON CONFLICT DO NOTHING");
}

void batch_send_metrics(struct store *store, const struct effects *batch, struct arena *arena)
{
    (void)arena;
    CLEANUP(columns_done) struct columns points;
    CLEANUP(columns_done) struct columns offsets;
    columns_init(&points, 6);
    columns_init(&offsets, 2);
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->items[i].kind == EFFECT_PERSIST_METRICS) {
            add_points(&points, &batch->items[i].metrics);
            pg_array_u64(&offsets.arrays[0], batch->items[i].metrics.attempt.value);
            pg_array_u64(&offsets.arrays[1], batch->items[i].metrics.offset_end);
        }
    }
    send_points(store, batch, &points);
    columns_send(
        &offsets,
        store,
        "INSERT INTO metric_offset SELECT u.a, max(u.b) FROM unnest($1::int8[], $2::int8[]) AS u(a,b) GROUP BY u.a ON "
        "CONFLICT (attempt_id) DO UPDATE SET bytes = greatest(metric_offset.bytes, excluded.bytes)");
}
