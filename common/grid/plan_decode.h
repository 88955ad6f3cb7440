/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of plan_decode(): records one by one into a plan. */
#ifndef ASSAY_GRID_PLAN_DECODE_H
#define ASSAY_GRID_PLAN_DECODE_H

#include "common/base/varint.h"
#include "common/grid/lower.h"
#include "common/grid/plan_record.h"

/* A record holds at least so many bytes, which bounds what counts in the head may make us
 * allocate. */
enum {
    RECORD_BYTES_MIN = 5,
};

struct decoded_list {
    struct plan_source *sources;
    size_t count, capacity;
    uint32_t task_max; /* highest task that is read; meaningful when reads_task */
    bool reads_task;
};

struct decoder {
    struct arena *arena;   /* the plan's */
    struct arena *lasting; /* until all is decoded */
    struct arena *scratch; /* one record */
    struct plan *plan;
    struct plan_builder builder;
    size_t text_length; /* of the records */
    bool tables_follow; /* form 2 */
    size_t record;      /* for messages */
    const char **strings;
    size_t strings_count, strings_max;
    struct decoded_list *lists;
    size_t lists_count, lists_max;
    size_t sources_count; /* in all lists */
    size_t *points_seen;
    size_t programs_max, inputs_max, cells_max, tasks_max;
    struct key_map names;   /* of tasks */
    struct resources needs; /* of the last task: the next one mostly has the same sets */
};

bool decode_list(struct decoder *decoder, const struct node *record, struct err *err);
bool decode_task(struct decoder *decoder, const struct node *record, struct err *err);
/* What follows the records in form 2. */
bool decode_tables(struct decoder *decoder, struct varint_reader *in, struct err *err);
bool decode_check_part(
    const struct plan *plan, const struct plan_source *source, uint32_t count, struct err *err);
bool decode_has_output(const struct plan *plan, uint32_t task, const char *output);
/* Outputs can only be looked up once all tasks are there. */
bool decode_check_outputs(const struct decoder *decoder, struct err *err);

/* --- Items of a record; errors say which --- */

const struct node *record_item(const struct node *list, size_t index); /* or NULL */
bool record_has(const struct node *list, size_t count, const char *what, struct err *err);
bool record_number(
    const struct node *list,
    size_t index,
    int64_t min,
    int64_t max,
    int64_t *ret,
    struct err *err);
bool record_u32(
    const struct node *list, size_t index, uint32_t limit, uint32_t *ret, struct err *err);
bool record_u64(const struct node *list, size_t index, uint64_t *ret, struct err *err);
/* A string's number; -1 is NULL when `optional`. */
bool record_string(
    const struct decoder *decoder,
    const struct node *list,
    size_t index,
    bool optional,
    const char **ret,
    struct err *err);
/* "" is the zero digest when `optional`. */
bool record_digest(
    const struct node *list, size_t index, bool optional, struct digest *ret, struct err *err);

#endif
