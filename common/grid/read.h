/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading maps from outside with diagnostics: kinds, unknown keys, names, numbers. Internal to
 * common/grid. Every function that fails has reported why; absent keys are no failure unless
 * said so.
 */
#ifndef ASSAY_GRID_READ_H
#define ASSAY_GRID_READ_H

#include "common/grid/diag.h"
#include "common/grid/manifest.h"

struct reader {
    struct arena *arena;
    struct diags *diags;
    const char *file; /* of nodes that carry no source */
};

#define REPORT(reader, code, place, help, ...) \
    diag_at((reader)->diags, (code), (reader)->file, (place), (help), __VA_ARGS__)
#define REPORT_KEY(reader, code, entry, help, ...) \
    diag_at_key((reader)->diags, (code), (reader)->file, (entry), (help), __VA_ARGS__)

/* A growing list of names for "did you mean". */
struct names {
    const char **items;
    size_t count, capacity;
};

void names_add(struct arena *arena, struct names *names, const char *name);
bool names_have(const struct names *names, const char *name);
/* "did you mean 'x'?", else "known scales: a, b, c" (`plural` = "scales"), else NULL. */
const char *names_help(
    struct arena *arena, const struct names *names, const char *plural, const char *name);
/* "a, b and c" with ticks, at most eight. */
const char *names_list(struct arena *arena, const struct names *names);

/* "an integer", "a list", "nothing" for messages. */
const char *kind_text(enum node_kind kind);
/* E003 unless `node` has the kind. `what` as in "'axes' must be a map". */
bool read_expect(
    const struct reader *reader,
    const struct node *node,
    enum node_kind kind,
    const char *what);
/* E012 for each key that is not in `keys` (NULL-terminated). `where` as in "in stage 'train'".
 */
bool read_keys(
    const struct reader *reader,
    const struct node *map,
    const char *where,
    const char *const *keys);
/* A string at `key`: NULL when absent or, reported, of another kind. */
const char *read_text(const struct reader *reader, const struct node *map, const char *key);
/* E004 when absent. `place` is where the map stands. */
const char *read_required(
    const struct reader *reader,
    const struct node *map,
    const char *key,
    const struct node_entry *place);
bool read_bool(
    const struct reader *reader, const struct node *map, const char *key, bool *value);
/* An integer of [min, max] at `key`; absent leaves *value alone. */
bool read_int(
    const struct reader *reader,
    const struct node *map,
    const char *key,
    int64_t min,
    int64_t max,
    int64_t *value);
/* A list of strings at `key` (or one string, which is a list of one). */
bool read_texts(
    const struct reader *reader,
    const struct node *map,
    const char *key,
    const char ***ret_items,
    size_t *ret_count);
/* One of `choices` (NULL-terminated) at `key`: *value becomes its index; absent leaves it. */
bool read_choice(
    const struct reader *reader,
    const struct node *map,
    const char *key,
    const char *const *choices,
    int *value);

/* Names of points and files: [A-Za-z0-9._+-], not starting with a dot, at most LIMIT_NAME
 * bytes. */
bool name_is_valid(const char *name);
/* Names of stages, inputs, axes, parameters: as above without dots and '+', starting with a
 * letter or '_', since dots separate names in 'eval.bpb' and '${scale.gpus}'. */
bool name_is_plain(const char *name);
/* E005 unless the key is a plain name. */
bool read_plain_key(
    const struct reader *reader, const struct node_entry *entry, const char *what);

/* A duration with unit at `key`, milliseconds. */
bool read_duration(
    const struct reader *reader, const struct node *map, const char *key, uint64_t *value);
/* {cpus, memory, disk, gpus, nodes, labels, counters}; what is not named keeps its value. */
bool read_needs(const struct reader *reader, const struct node *map, struct resources *needs);

/* Checks a value against a parameter's declaration: E023 for its type, E024 for bounds and
 * choices. Returns it, as an integer where a number like 1e9 stands for one; NULL when wrong.
 * `at` is a suffix of the message ("" or " at lr=5"). */
struct node *param_value(
    const struct reader *reader,
    const struct manifest_param *param,
    struct node *value,
    const char *at);
const char *param_type_name(enum param_type type);

#endif
