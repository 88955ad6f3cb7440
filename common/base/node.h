/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One tree type for what comes from outside as YAML or JSON: bounded, arena-allocated, with
 * positions for messages. YAML follows the 1.2 core schema (`no` is a string, 1e-3 a number);
 * anchors, aliases, tags, merge keys and duplicate keys are refused. Depth, nodes and bytes are
 * bounded by limits.h. Map order is file order.
 */
#ifndef ASSAY_BASE_NODE_H
#define ASSAY_BASE_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/str.h"

enum node_kind {
    NODE_NULL = 0,
    NODE_BOOL,
    NODE_INT,
    NODE_REAL,
    NODE_STRING,
    NODE_LIST,
    NODE_MAP,
};

struct node_entry {
    const char *key;
    uint32_t line, column; /* of the key, 1-based; 0 when built by code */
    struct node *value;
};

struct node {
    enum node_kind kind;
    uint32_t line, column, end_column; /* of the value, 1-based; 0 = unknown */
    bool quoted;                       /* a quoted YAML scalar: always a string */
    const char *text; /* STRING: the value; INT/REAL: as written when parsed (may be NULL) */
    size_t text_length;

    union {
        bool boolean;
        int64_t integer;
        double real;

        struct {
            struct node **items;
            size_t count, capacity;
        } list;

        struct {
            struct node_entry *entries;
            size_t count, capacity;
        } map;
    };
};

/* Where a syntax error was found. */
struct node_place {
    uint32_t line, column;
};

/* Parse a whole document. On failure err has "line L, column C: ..." and *ret_place (may be
 * NULL) the position. */
bool node_parse_yaml(
    const char *text,
    size_t length,
    struct arena *arena,
    struct node **ret_node,
    struct node_place *ret_place,
    struct err *err);
bool node_parse_json(
    const char *text,
    size_t length,
    struct arena *arena,
    struct node **ret_node,
    struct node_place *ret_place,
    struct err *err);

/* Building. Strings are copied into the arena. */
struct node *node_null(struct arena *arena);
struct node *node_bool(struct arena *arena, bool value);
struct node *node_int(struct arena *arena, int64_t value);
struct node *node_real(struct arena *arena, double value);
struct node *node_string(struct arena *arena, const char *text);
struct node *node_list(struct arena *arena);
struct node *node_map(struct arena *arena);
void node_push(struct arena *arena, struct node *list, struct node *item);
void node_set(
    struct arena *arena, struct node *map, const char *key, struct node *value); /* replaces */
bool node_remove(struct node *map, const char *key);
struct node *node_clone(struct arena *arena, const struct node *node); /* positions kept */

/* Reading. NULL or the default when absent or of another kind; safe on NULL nodes. */
struct node *node_get(const struct node *map, const char *key);
const struct node_entry *node_entry(const struct node *map, const char *key);
const char *node_text(const struct node *node); /* STRING, else NULL */
const char *node_get_text(const struct node *map, const char *key, const char *fallback);
int64_t node_get_int(const struct node *map, const char *key, int64_t fallback);
double node_get_real(
    const struct node *map, const char *key, double fallback); /* INT or REAL */
bool node_get_bool(const struct node *map, const char *key, bool fallback);
bool node_is_number(const struct node *node);
double node_number(const struct node *node); /* INT or REAL, else 0 */
bool node_equal(
    const struct node *a,
    const struct node *b); /* 1 and 1.0 are equal numbers; map order ignored */
const char *node_kind_name(
    enum node_kind kind); /* "null", "boolean", "integer", "number", "string", "list", "map" */

/*
 * Canonical JSON: map keys sorted by bytes, no blanks, integers as such, reals in the shortest
 * form that reads back the same (a real with an integral value below 2^53 prints as an
 * integer), strings escaped minimally, UTF-8. Equal trees (node_equal) give equal bytes:
 * digests are taken over it.
 */
void node_to_json(const struct node *node, struct str *out);
/* The same with two-blank indentation and file order, for people and files. */
void node_to_json_pretty(const struct node *node, struct str *out);
char *node_to_json_arena(const struct node *node, struct arena *arena);

#endif
