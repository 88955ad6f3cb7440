/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the tasks of a plan lie in memory: a row of five numbers and a key for each, and tables
 * of what tasks share. Internal to common/grid; everybody else reads through plan.h.
 *
 *   row.form   -> traits, and the names and kinds of inputs and outputs
 *   row.place  -> the point
 *   row.params -> numbers of texts, one per entry of the map: {"a":1,"b":2} is `"a":1`, `"b":2`
 *   row.reads  -> one word per input: a task where the form says `direct`, else a list of
 * entries row.rare   -> what most tasks have not: gate, group, a name of its own, output keys
 *
 * A task of a stage over 500 x 500 points that reads three others takes 20 bytes of row, 12 of
 * reads and 32 of key, besides its share of the points and parameters, which its sister stages
 * use too.
 */
#ifndef ASSAY_GRID_PLAN_TABLES_H
#define ASSAY_GRID_PLAN_TABLES_H

#include "common/base/intern.h"
#include "common/grid/plan.h"

struct plan_row {
    uint32_t form;
    uint32_t place; /* GRID_NONE: all axes absent */
    uint32_t params;
    uint32_t reads; /* index of its first word */
    uint32_t rare;  /* GRID_NONE: gate none, group -1, name from stage and point, no keys */
};

/* How an input is read. */
struct plan_way {
    bool direct;                /* the word is a task, and this is what is read of it: */
    const char *output, *label; /* either may be NULL */
};

struct plan_form {
    struct plan_traits traits;
    struct plan_slot *inputs, *outputs;
    struct plan_way *ways; /* one per input */
    uint32_t inputs_count, outputs_count;
};

/* A source in a list. */
struct plan_entry {
    uint8_t kind; /* enum plan_source_kind */
    uint8_t part; /* enum plan_part */
    uint16_t padding;
    uint32_t from;          /* task, artifact or input */
    uint32_t group;         /* of a part of an input */
    uint32_t output, label; /* texts, or INTERN_NONE */
};

struct plan_rare {
    uint32_t gate;
    int32_t group;
    uint32_t name; /* text, or INTERN_NONE */
    uint32_t keys; /* index of the key of its first output, or GRID_NONE */
};

struct plan_tables {
    struct plan_row *rows;   /* tasks_count */
    struct digest *keys;     /* plan keys, tasks_count */
    struct plan_form *forms; /* by number of forms_stored */
    struct blobs forms_stored;
    struct blobs places; /* axes_count words each */
    struct blobs params; /* words: texts */
    struct blobs texts;  /* NUL-terminated, the NUL counted */
    struct blobs lists;  /* struct plan_entry */
    uint32_t *reads;
    size_t reads_count;
    struct digest *artifacts;
    size_t artifacts_count;
    struct plan_rare *rare;
    size_t rare_count;
    struct digest *output_keys;
    size_t output_keys_count;
};

static inline const struct plan_row *plan_row(const struct plan *plan, uint32_t task)
{
    return &plan->tables->rows[task];
}

static inline const struct plan_form *plan_form(const struct plan *plan, uint32_t task)
{
    return &plan->tables->forms[plan_row(plan, task)->form];
}

/* NULL for INTERN_NONE. */
static inline const char *plan_text(const struct plan *plan, uint32_t text)
{
    return text != INTERN_NONE ? blobs_get(&plan->tables->texts, text) : NULL;
}

#endif
