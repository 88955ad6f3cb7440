/* SPDX-License-Identifier: Apache-2.0 */
/* Quantities with units, and the resources that are written with them. */
#include <math.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/grid/read.h"

struct unit {
    const char *name;
    double factor;
};

static const struct unit byte_units[] = {
    {"", 1},
    {"B", 1},
    {"kB", 1e3},
    {"KB", 1e3},
    {"MB", 1e6},
    {"GB", 1e9},
    {"TB", 1e12},
    {"KiB", (double)KIB},
    {"MiB", (double)MIB},
    {"GiB", (double)GIB},
    {"TiB", 1024 * (double)GIB},
};

static const struct unit duration_units[] = {
    {"ms", 1},
    {"s", 1e3},
    {"m", 60e3},
    {"min", 60e3},
    {"h", 3600e3},
    {"d", 86400e3},
};

/* "1.5GB" with the units given, rounded to an integer. */
static bool parse_quantity(
    const char *text, const struct unit *units, size_t units_count, uint64_t *ret_value)
{
    size_t digits = strspn(text, "0123456789.");
    if (digits == 0 || digits > 24) {
        return false;
    }
    char number[32] = {0};
    memcpy(number, text, digits);
    const char *unit = text + digits + strspn(text + digits, " ");
    double value = 0;
    if (!str_to_double(number, &value)) {
        return false;
    }
    for (size_t i = 0; i < units_count; i++) {
        if (strcmp(unit, units[i].name) == 0) {
            double product = value * units[i].factor;
            /* Doubles are exact up to 2^53; more bytes or milliseconds than that are a mistake.
             */
            if (!(product <= 9007199254740992.0)) {
                return false;
            }
            *ret_value = (uint64_t)llround(product);
            return true;
        }
    }
    return false;
}

bool parse_bytes(const char *text, uint64_t *ret_bytes)
{
    return parse_quantity(text, byte_units, ARRAY_LEN(byte_units), ret_bytes);
}

bool parse_duration_ms(const char *text, uint64_t *ret_ms)
{
    return parse_quantity(text, duration_units, ARRAY_LEN(duration_units), ret_ms);
}

enum {
    CORES_MAX = 100000, /* of one task; keeps thousandths in 32 bits */
};

/* 2, 0.5 or "500m", in thousandths. */
static bool read_milli(
    const struct reader *reader,
    const struct node *map,
    const char *key,
    uint32_t max,
    uint32_t *value)
{
    const struct node *node = node_get(map, key);
    if (!node) {
        return true;
    }
    double number = -1;
    if (node_is_number(node)) {
        number = node_number(node) * 1000;
    } else if (node->kind == NODE_STRING && str_has_suffix(node->text, "m")) {
        char *digits = arena_strndup(reader->arena, node->text, node->text_length - 1);
        number = str_to_double(digits, &number) ? number : -1;
    }
    if (number > max * 1000.0) {
        diag_at(
            reader->diags,
            "E024",
            reader->file,
            node,
            NULL,
            "'%s' must be at most %u, found %g",
            key,
            max,
            number / 1000);
        return false;
    }
    if (number >= 0 && number == floor(number)) {
        *value = (uint32_t)number;
        return true;
    }
    diag_at(
        reader->diags,
        "E003",
        reader->file,
        node,
        "write 2, 0.5 or 500m",
        "'%s' is not a number of %s",
        key,
        key);
    return false;
}

static bool read_bytes(
    const struct reader *reader, const struct node *map, const char *key, uint64_t *value)
{
    const struct node *node = node_get(map, key);
    if (!node) {
        return true;
    }
    if (node->kind == NODE_INT && node->integer >= 0) {
        *value = (uint64_t)node->integer;
        return true;
    }
    if (node->kind == NODE_STRING && parse_bytes(node->text, value)) {
        return true;
    }
    diag_at(
        reader->diags,
        "E003",
        reader->file,
        node,
        "write a number of bytes, or one with a unit, such as 512MiB or 1.5GB",
        "'%s' is not a size",
        key);
    return false;
}

static bool read_labels(
    const struct reader *reader, const struct node *map, const struct labels **labels)
{
    const struct node *node = node_get(map, "labels");
    const char **names = NULL;
    size_t count = 0;
    if (!node || !read_texts(reader, map, "labels", &names, &count)) {
        return !node;
    }
    for (size_t i = 0; i < count; i++) {
        if (!label_is_valid(names[i])) {
            diag_at(
                reader->diags,
                "E005",
                reader->file,
                node->kind == NODE_LIST ? node->list.items[i] : node,
                "write a word as in a100, or zone=b",
                "'%s' is not a label",
                names[i]);
            return false;
        }
    }
    if (count > LIMIT_LABELS) {
        diag_at(
            reader->diags,
            "E024",
            reader->file,
            node,
            NULL,
            "'labels' must be at most %d, found %zu",
            LIMIT_LABELS,
            count);
        return false;
    }
    *labels = labels_make(reader->arena, names, count);
    return true;
}

static bool read_counters(
    const struct reader *reader, const struct node *map, const struct counters **counters)
{
    struct counter items[LIMIT_COUNTERS];
    const struct node *node = node_get(map, "counters");
    if (!node || !read_expect(reader, node, NODE_MAP, "'counters'")) {
        return !node;
    }
    if (node->map.count > LIMIT_COUNTERS) {
        diag_at(
            reader->diags,
            "E024",
            reader->file,
            node,
            NULL,
            "'counters' must be at most %d, found %zu",
            LIMIT_COUNTERS,
            node->map.count);
        return false;
    }
    for (size_t i = 0; i < node->map.count; i++) {
        const struct node_entry *entry = &node->map.entries[i];
        int64_t amount = 1;
        if (!counter_is_valid(entry->key)) {
            diag_at_key(
                reader->diags,
                "E005",
                reader->file,
                entry,
                "write a word as in licence",
                "'%s' is not the name of a counter",
                entry->key);
            return false;
        }
        if (!read_int(reader, node, entry->key, 0, LIMIT_COUNTER_AMOUNT, &amount)) {
            return false;
        }
        items[i] = (struct counter){entry->key, (uint32_t)amount};
    }
    *counters = counters_make(reader->arena, items, node->map.count);
    return true;
}

/* What one node is to have. */
static bool read_amounts(
    const struct reader *reader, const struct node *map, struct resources *needs)
{
    bool good = true;
    good = read_milli(reader, map, "cpus", CORES_MAX, &needs->cpus_milli) && good;
    good = read_bytes(reader, map, "memory", &needs->memory_bytes) && good;
    good = read_bytes(reader, map, "disk", &needs->disk_bytes) && good;
    good = read_milli(reader, map, "gpus", LIMIT_DEVICES, &needs->gpus_milli) && good;
    good = read_labels(reader, map, &needs->labels) && good;
    return read_counters(reader, map, &needs->counters) && good;
}

static bool read_per_node(
    const struct reader *reader, const struct node *map, struct resources *needs)
{
    static const char *const keys[] = {
        "cpus", "memory", "disk", "gpus", "labels", "counters", NULL};
    if (!map) {
        return true;
    }
    if (!read_expect(reader, map, NODE_MAP, "'per_node'")) {
        return false;
    }
    bool good = read_keys(reader, map, "'per_node'", keys);
    return read_amounts(reader, map, needs) && good;
}

bool read_needs(const struct reader *reader, const struct node *map, struct resources *needs)
{
    static const char *const keys[] = {
        "cpus", "memory", "disk", "gpus", "labels", "counters", "nodes", "per_node", NULL};
    if (!read_expect(reader, map, NODE_MAP, "'needs'")) {
        return false;
    }
    bool good = read_keys(reader, map, "'needs'", keys);
    good = read_amounts(reader, map, needs) && good;
    int64_t nodes = needs->nodes;
    good = read_int(reader, map, "nodes", 1, LIMIT_RANKS, &nodes) && good;
    needs->nodes = (uint32_t)nodes;
    return read_per_node(reader, node_get(map, "per_node"), needs) && good;
}
