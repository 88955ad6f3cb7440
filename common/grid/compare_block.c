/* SPDX-License-Identifier: Apache-2.0 */
/* `compare:` and `promote:`: axes, points and metrics that they name must exist. */
#include <string.h>

#include "common/grid/load.h"

/* --- Metrics --- */

static struct names metric_names(struct arena *arena, const struct grid *grid)
{
    struct names names = {0};
    for (size_t s = 0; s < grid->stages_count; s++) {
        const struct manifest *program = grid->stages[s].program;
        for (size_t i = 0; program && i < program->metrics_count; i++) {
            names_add(
                arena,
                &names,
                arena_printf(arena, "%s.%s", grid->stages[s].name, program->metrics[i].name));
        }
    }
    return names;
}

uint32_t find_metric(
    const struct loader *loader, const char *name, const struct manifest_metric **ret_metric)
{
    const struct grid *grid = loader->grid;
    const char *dot = strchr(name, '.');
    if (!dot) {
        return GRID_NONE;
    }
    const char *stage_name = arena_strndup(loader->reader.arena, name, (size_t)(dot - name));
    uint32_t stage = find_stage(grid, stage_name);
    const struct manifest *program = stage == GRID_NONE ? NULL : grid->stages[stage].program;
    for (size_t i = 0; program && i < program->metrics_count; i++) {
        if (strcmp(program->metrics[i].name, dot + 1) == 0) {
            *ret_metric = &program->metrics[i];
            return stage;
        }
    }
    return GRID_NONE;
}

void report_metric(struct loader *loader, const struct node *place, const char *name)
{
    const struct reader *reader = &loader->reader;
    struct names names = metric_names(reader->arena, loader->grid);
    const char *dot = strchr(name, '.');
    const char *stage_name =
        dot ? arena_strndup(reader->arena, name, (size_t)(dot - name)) : name;
    uint32_t stage = find_stage(loader->grid, stage_name);
    if (stage != GRID_NONE && loader->stages[stage].broken) {
        return;
    }
    REPORT(
        reader,
        "E060",
        place,
        names_help(reader->arena, &names, "metrics", name),
        "there is no metric '%s': a metric is STAGE.NAME, and the stage's program declares it",
        name);
}

/* GRID_NONE after a report. */
static uint32_t need_metric(struct loader *loader, const struct node *node, const char *name)
{
    const struct manifest_metric *metric = NULL;
    uint32_t stage = find_metric(loader, name, &metric);
    if (stage == GRID_NONE) {
        report_metric(loader, node, name);
    }
    return stage;
}

/* "best(eval.bpb_dev)": the metric's name; NULL when it is something else. */
static const char *best_metric(struct arena *arena, const char *text)
{
    size_t length = strlen(text);
    if (!str_has_prefix(text, "best(") || length < 7 || text[length - 1] != ')') {
        return NULL;
    }
    return arena_strndup(arena, text + 5, length - 6);
}

/* --- compare --- */

struct comparing {
    struct loader *loader;
    const struct node *map;
    uint32_t rows, columns, across; /* masks of axes */
};

static void load_rows(struct comparing *comparing)
{
    struct loader *loader = comparing->loader;
    struct grid_compare *compare = &loader->grid->compare;
    const struct node *rows = node_get(comparing->map, "rows");
    if (!rows
        || !read_texts(
            &loader->reader, comparing->map, "rows", &compare->rows, &compare->rows_count)) {
        return;
    }
    for (size_t i = 0; i < compare->rows_count; i++) {
        const struct node *place = rows->kind == NODE_LIST ? rows->list.items[i] : rows;
        uint32_t axis = need_axis(loader, NULL, place, compare->rows[i]);
        if (axis != GRID_NONE && comparing->rows >> axis & 1) {
            REPORT(
                &loader->reader,
                "E006",
                place,
                NULL,
                "axis '%s' stands twice",
                compare->rows[i]);
        }
        comparing->rows |= axis == GRID_NONE ? 0 : UINT32_C(1) << axis;
    }
}

static void load_columns(struct comparing *comparing)
{
    struct loader *loader = comparing->loader;
    struct grid_compare *compare = &loader->grid->compare;
    const struct node *columns = node_get(comparing->map, "columns");
    compare->columns = read_text(&loader->reader, comparing->map, "columns");
    if (!compare->columns) {
        return;
    }
    uint32_t axis = need_axis(loader, NULL, columns, compare->columns);
    comparing->columns = axis == GRID_NONE ? 0 : UINT32_C(1) << axis;
    if (comparing->columns & comparing->rows) {
        REPORT(
            &loader->reader,
            "E006",
            columns,
            NULL,
            "axis '%s' cannot be both rows and columns",
            compare->columns);
    }
}

static void load_baseline(struct comparing *comparing)
{
    struct loader *loader = comparing->loader;
    const struct reader *reader = &loader->reader;
    struct node *baseline = node_get(comparing->map, "baseline");
    if (!baseline || !read_expect(reader, baseline, NODE_MAP, "'baseline'")) {
        return;
    }
    loader->grid->compare.baseline = baseline;
    for (size_t i = 0; i < baseline->map.count; i++) {
        const struct node_entry *entry = &baseline->map.entries[i];
        uint32_t axis = need_axis(loader, entry, NULL, entry->key);
        if (axis == GRID_NONE) {
            continue;
        }
        (void)need_point(loader, axis, entry->value);
        if (!(comparing->rows >> axis & 1)) {
            REPORT_KEY(
                reader,
                "E061",
                entry,
                "a baseline is one of the rows",
                "axis '%s' is not among the rows",
                entry->key);
        }
    }
}

static void load_across(struct comparing *comparing)
{
    struct loader *loader = comparing->loader;
    const struct reader *reader = &loader->reader;
    struct node *across = node_get(comparing->map, "across");
    if (!across || !read_expect(reader, across, NODE_MAP, "'across'")) {
        return;
    }
    loader->grid->compare.across = across;
    for (size_t i = 0; i < across->map.count; i++) {
        const struct node_entry *entry = &across->map.entries[i];
        uint32_t axis = need_axis(loader, entry, NULL, entry->key);
        const char *how = node_text(entry->value);
        const char *metric = how ? best_metric(reader->arena, how) : NULL;
        if (metric) {
            (void)need_metric(loader, entry->value, metric);
            not_in_force(loader, entry, "'best(...)' over an axis");
        } else if (!how || strcmp(how, "mean") != 0) {
            REPORT(
                reader,
                "E061",
                entry->value,
                "mean, or best(STAGE.METRIC)",
                "axis '%s' cannot be taken that way",
                entry->key);
        }
        comparing->across |= axis == GRID_NONE ? 0 : UINT32_C(1) << axis;
    }
}

/* Axes of a stage that the table says nothing of split it in parts that nobody asked for. */
static void warn_open_axes(
    struct comparing *comparing, uint32_t stage, const struct node *place)
{
    struct loader *loader = comparing->loader;
    const struct grid *grid = loader->grid;
    uint32_t said = comparing->rows | comparing->columns | comparing->across;
    uint32_t seed = find_axis(grid, "seed");
    said |= seed == GRID_NONE ? 0 : UINT32_C(1) << seed;
    uint32_t open = loader->stages[stage].over_mask & ~said;
    struct names names = {0};
    for (uint32_t a = 0; a < grid->axes_count; a++) {
        if (open >> a & 1) {
            names_add(loader->reader.arena, &names, grid->axes[a].name);
        }
    }
    if (names.count > 0) {
        diag_add(
            loader->reader.diags,
            DIAG_WARNING,
            "W003",
            loader->reader.file,
            place->line,
            place->column,
            place->end_column,
            "add it to 'rows' or 'columns', or 'across: {AXIS: mean}'",
            "stage '%s' is over %s, of which 'compare' says nothing",
            grid->stages[stage].name,
            names_list(loader->reader.arena, &names));
    }
}

static void load_metrics(struct comparing *comparing)
{
    struct loader *loader = comparing->loader;
    struct grid_compare *compare = &loader->grid->compare;
    const struct node *metrics = node_get(comparing->map, "metrics");
    if (!metrics
        || !read_texts(
            &loader->reader,
            comparing->map,
            "metrics",
            &compare->metrics,
            &compare->metrics_count)) {
        return;
    }
    for (size_t i = 0; i < compare->metrics_count; i++) {
        const struct node *place =
            metrics->kind == NODE_LIST ? metrics->list.items[i] : metrics;
        uint32_t stage = need_metric(loader, place, compare->metrics[i]);
        if (stage != GRID_NONE) {
            warn_open_axes(comparing, stage, place);
        }
    }
}

void load_compare(struct loader *loader)
{
    static const char *const keys[] = {
        "rows", "columns", "baseline", "across", "margin", "metrics", NULL};
    const struct reader *reader = &loader->reader;
    const struct node *map = node_get(loader->root, "compare");
    if (!map || !read_expect(reader, map, NODE_MAP, "'compare'")) {
        return;
    }
    (void)read_keys(reader, map, "'compare'", keys);
    struct comparing comparing = {.loader = loader, .map = map};
    load_rows(&comparing);
    load_columns(&comparing);
    load_baseline(&comparing);
    load_across(&comparing);
    load_metrics(&comparing);
    const struct node_entry *margin = node_entry(map, "margin");
    if (margin && (!node_is_number(margin->value) || node_number(margin->value) < 0)) {
        REPORT(reader, "E061", margin->value, NULL, "'margin' must be a number, 0 or more");
    } else if (margin) {
        loader->grid->compare.margin = node_number(margin->value);
        not_in_force(loader, margin, "'margin'");
    }
}

/* --- promote --- */

static uint32_t promote_axis(struct loader *loader, const struct node *map, const char *key)
{
    const struct reader *reader = &loader->reader;
    const char *name = read_required(reader, map, key, node_entry(loader->root, "promote"));
    return name ? need_axis(loader, NULL, node_get(map, key), name) : GRID_NONE;
}

static void promote_points(struct loader *loader, const struct node *map, uint32_t of)
{
    const struct node *always = node_get(map, "always");
    const struct node *seeds = node_get(map, "extra_seeds");
    const struct reader *reader = &loader->reader;
    if (always && of != GRID_NONE && read_expect(reader, always, NODE_LIST, "'always'")) {
        for (size_t i = 0; i < always->list.count; i++) {
            (void)need_point(loader, of, always->list.items[i]);
        }
    }
    if (!seeds || !read_expect(reader, seeds, NODE_LIST, "'extra_seeds'")) {
        return;
    }
    if (find_axis(loader->grid, "seed") == GRID_NONE) {
        REPORT_KEY(
            reader, "E030", node_entry(map, "extra_seeds"), NULL, "there is no axis 'seed'");
    }
    for (size_t i = 0; i < seeds->list.count; i++) {
        (void)read_expect(reader, seeds->list.items[i], NODE_INT, "a seed");
    }
}

static void promote_best(struct loader *loader, const struct node *map)
{
    const char **axes = NULL;
    size_t count = 0;
    const struct node *best = node_get(map, "best");
    if (!best || !read_texts(&loader->reader, map, "best", &axes, &count)) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct node *place = best->kind == NODE_LIST ? best->list.items[i] : best;
        (void)need_axis(loader, NULL, place, axes[i]);
    }
}

void load_promote(struct loader *loader)
{
    static const char *const keys[] = {
        "of", "along", "by", "keep", "at_most", "always", "extra_seeds", "best", NULL};
    const struct reader *reader = &loader->reader;
    struct node *map = node_get(loader->root, "promote");
    const struct node_entry *entry = node_entry(loader->root, "promote");
    if (!map || !read_expect(reader, map, NODE_MAP, "'promote'")) {
        return;
    }
    loader->grid->promote = map;
    not_in_force(loader, entry, "'promote'");
    (void)read_keys(reader, map, "'promote'", keys);
    uint32_t of = promote_axis(loader, map, "of");
    uint32_t along = promote_axis(loader, map, "along");
    if (of != GRID_NONE && of == along) {
        REPORT(
            reader,
            "E061",
            node_get(map, "along"),
            NULL,
            "'of' and 'along' name the same axis");
    }
    const char *by = read_required(reader, map, "by", entry);
    if (by) {
        (void)need_metric(loader, node_get(map, "by"), by);
    }
    int64_t keep = 1;
    int64_t at_most = LIMIT_POINTS_PER_AXIS;
    (void)read_int(reader, map, "keep", 1, LIMIT_POINTS_PER_AXIS, &keep);
    (void)read_int(reader, map, "at_most", 1, LIMIT_POINTS_PER_AXIS, &at_most);
    if (!node_entry(map, "keep")) {
        REPORT_KEY(reader, "E004", entry, NULL, "'promote' needs 'keep'");
    } else if (at_most < keep) {
        REPORT(reader, "E024", node_get(map, "at_most"), NULL, "'at_most' is less than 'keep'");
    }
    promote_points(loader, map, of);
    promote_best(loader, map);
}
