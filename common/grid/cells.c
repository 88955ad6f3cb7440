/* SPDX-License-Identifier: Apache-2.0 */
/* Cells: the product of the axes, plus `include:`, minus `exclude:`, with `zip:`; and points of
 * fewer axes. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/grid/load.h"

enum {
    PATTERNS_FREE =
        16, /* this many patterns of `exclude:` cost about as much as a cell itself */
};

/* --- Sorted sets of points --- */

struct order {
    size_t axes_count;
};

static int compare_points(const void *left, const void *right, void *context)
{
    const struct order *order = context;
    const uint32_t *a = left;
    const uint32_t *b = right;
    for (size_t i = 0; i < order->axes_count; i++) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}

struct projection project(
    const struct grid *grid,
    const uint32_t *points,
    size_t count,
    uint32_t mask,
    struct arena *arena)
{
    size_t width = grid->axes_count;
    size_t bytes = width * sizeof(uint32_t);
    if (width == 0 || count == 0) {
        return (struct projection){ARENA_ARRAY(arena, uint32_t, 1), count > 0};
    }
    uint32_t *kept = NULL;
    size_t kept_count = 0;
    size_t capacity = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t point[LIMIT_AXES];
        for (size_t a = 0; a < width; a++) {
            point[a] = mask >> a & 1 ? points[i * width + a] : GRID_NONE;
        }
        /* Points come sorted, so that most equal ones are neighbours. */
        if (kept_count > 0 && memcmp(kept + (kept_count - 1) * width, point, bytes) == 0) {
            continue;
        }
        kept = arena_grow(arena, kept, kept_count, &capacity, bytes);
        memcpy(kept + kept_count++ * width, point, bytes);
    }
    struct order order = {width};
    qsort_r(kept, kept_count, bytes, compare_points, &order);
    size_t unique = 1;
    for (size_t i = 1; i < kept_count; i++) {
        if (memcmp(kept + (unique - 1) * width, kept + i * width, bytes) != 0) {
            memmove(kept + unique++ * width, kept + i * width, bytes);
        }
    }
    return (struct projection){kept, unique};
}

bool projection_has(
    const struct grid *grid, const struct projection *projection, const uint32_t *point)
{
    struct order order = {grid->axes_count};
    size_t low = 0;
    size_t high = projection->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int side =
            compare_points(projection->points + middle * grid->axes_count, point, &order);
        if (side == 0) {
            return true;
        }
        if (side < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

size_t grid_stage_points(
    const struct grid *grid,
    const struct grid_stage *stage,
    struct arena *arena,
    uint32_t **ret_points)
{
    uint32_t mask = 0;
    for (size_t i = 0; i < stage->over_count; i++) {
        mask |= UINT32_C(1) << stage->over[i];
    }
    struct projection points = project(grid, grid->cells, grid->cells_count, mask, arena);
    size_t width = grid->axes_count;
    size_t kept = 0;
    for (size_t i = 0; i < points.count; i++) {
        const uint32_t *point = points.points + i * width;
        bool allowed = true;
        for (size_t f = 0; f < stage->only_count && allowed; f++) {
            const struct grid_filter *filter = &stage->only[f];
            allowed = filter->allowed[point[filter->axis]];
        }
        if (allowed) {
            memmove(points.points + kept++ * width, point, width * sizeof(*point));
        }
    }
    *ret_points = points.points;
    return kept;
}

char *grid_point_name(const struct grid *grid, const uint32_t *point, struct arena *arena)
{
    char *name = arena_strdup(arena, "");
    for (size_t a = 0; a < grid->axes_count; a++) {
        if (point[a] != GRID_NONE) {
            const struct axis *axis = &grid->axes[a];
            const char *comma = name[0] ? "," : "";
            name = arena_printf(
                arena, "%s%s%s=%s", name, comma, axis->name, axis->points[point[a]].id);
        }
    }
    return name;
}

/* --- zip --- */

static void zip_group(
    struct loader *loader, const struct node *place, const uint32_t *axes, size_t count)
{
    const struct reader *reader = &loader->reader;
    const struct grid *grid = loader->grid;
    uint32_t leader = axes[0];
    for (size_t i = 0; i < count; i++) {
        leader = axes[i] < leader ? axes[i] : leader;
    }
    size_t points_count = loader->axes[leader].product_count;
    for (size_t i = 0; i < count; i++) {
        const struct axis_load *load = &loader->axes[axes[i]];
        if (load->broken || loader->axes[leader].broken) {
            return;
        }
        if (load->product_count != points_count) {
            REPORT(
                reader,
                "E033",
                place,
                NULL,
                "zipped axes need equally many points: '%s' has %zu, '%s' has %zu",
                grid->axes[leader].name,
                points_count,
                grid->axes[axes[i]].name,
                load->product_count);
            return;
        }
    }
    for (size_t i = 0; i < count; i++) {
        loader->axes[axes[i]].zip_leader = leader;
    }
}

/* Reads the axes of one group; each may stand in one group only. */
static size_t read_group(
    struct loader *loader, const struct node *group, bool *zipped, uint32_t *axes)
{
    const struct reader *reader = &loader->reader;
    size_t count = 0;
    for (size_t i = 0; i < group->list.count; i++) {
        const struct node *item = group->list.items[i];
        if (!read_expect(reader, item, NODE_STRING, "an axis in 'zip'")) {
            return 0;
        }
        uint32_t axis = need_axis(loader, NULL, item, item->text);
        if (axis == GRID_NONE) {
            return 0;
        }
        bool dependent = loader->grid->axes[axis].by != GRID_NONE;
        if (dependent || zipped[axis]) {
            REPORT(
                reader,
                "E033",
                item,
                NULL,
                dependent ? "axis '%s' depends on another and cannot be zipped"
                          : "axis '%s' is zipped twice",
                item->text);
            return 0;
        }
        zipped[axis] = true;
        axes[count++] = axis;
    }
    if (count < 2) {
        REPORT(reader, "E033", group, "[[a, b]]", "an item of 'zip' names two axes or more");
    }
    return count;
}

static void load_zip(struct loader *loader)
{
    const struct reader *reader = &loader->reader;
    const struct node *zip = node_get(loader->root, "zip");
    bool zipped[LIMIT_AXES] = {0};
    if (!zip || !read_expect(reader, zip, NODE_LIST, "'zip'")) {
        return;
    }
    for (size_t i = 0; i < zip->list.count; i++) {
        const struct node *group = zip->list.items[i];
        uint32_t axes[LIMIT_AXES];
        if (!read_expect(reader, group, NODE_LIST, "an item of 'zip'")) {
            continue;
        }
        size_t count = read_group(loader, group, zipped, axes);
        if (count >= 2) {
            zip_group(loader, group, axes, count);
        }
    }
}

/* --- include and exclude --- */

/* A partial point: per axis the points that match; NULL = any. */
struct pattern {
    bool *matches[LIMIT_AXES];
    const struct node *place;
    bool used;
};

struct patterns {
    struct pattern *items;
    size_t count, capacity;
};

static void read_pattern(struct loader *loader, const struct node *map, struct pattern *pattern)
{
    const struct reader *reader = &loader->reader;
    struct grid *grid = loader->grid;
    for (size_t i = 0; i < map->map.count; i++) {
        const struct node_entry *entry = &map->map.entries[i];
        uint32_t axis = need_axis(loader, entry, NULL, entry->key);
        if (axis == GRID_NONE) {
            continue;
        }
        bool *matches = ARENA_ARRAY(reader->arena, bool, grid->axes[axis].points_count);
        pattern->matches[axis] = matches;
        const struct node *value = entry->value;
        size_t count = value->kind == NODE_LIST ? value->list.count : 1;
        for (size_t j = 0; j < count; j++) {
            uint32_t point = need_point(
                loader, axis, value->kind == NODE_LIST ? value->list.items[j] : value);
            if (point != GRID_NONE) {
                matches[point] = true;
            }
        }
    }
}

static const struct node *points_list(struct loader *loader, const char *key)
{
    const struct reader *reader = &loader->reader;
    const struct node *list = node_get(loader->root, key);
    const char *what = arena_printf(reader->arena, "'%s'", key);
    if (!list || !read_expect(reader, list, NODE_LIST, what)) {
        return NULL;
    }
    if (list->list.count > LIMIT_GRID_POINTS_LISTED) {
        REPORT(
            reader,
            "E002",
            list,
            NULL,
            "'%s' has more than %d points",
            key,
            LIMIT_GRID_POINTS_LISTED);
        return NULL;
    }
    return list;
}

static struct patterns load_exclude(struct loader *loader)
{
    struct patterns patterns = {0};
    const struct reader *reader = &loader->reader;
    const struct node *list = points_list(loader, "exclude");
    for (size_t i = 0; list && i < list->list.count; i++) {
        const struct node *item = list->list.items[i];
        if (!read_expect(reader, item, NODE_MAP, "an item of 'exclude'")) {
            continue;
        }
        struct pattern pattern = {.place = item};
        read_pattern(loader, item, &pattern);
        ARENA_PUSH(reader->arena, patterns.items, patterns.count, patterns.capacity, pattern);
    }
    return patterns;
}

static bool pattern_matches(
    const struct grid *grid, const struct pattern *pattern, const uint32_t *point)
{
    for (size_t a = 0; a < grid->axes_count; a++) {
        if (pattern->matches[a] && !pattern->matches[a][point[a]]) {
            return false;
        }
    }
    return true;
}

static bool excluded(const struct grid *grid, struct patterns *patterns, const uint32_t *point)
{
    bool out = false;
    for (size_t i = 0; i < patterns->count; i++) {
        if (pattern_matches(grid, &patterns->items[i], point)) {
            patterns->items[i].used = true;
            out = true;
        }
    }
    return out;
}

/* A point that only `include:` names: numbers, names of scales and names of pipelines can be
 * looked up or mean themselves; any other new name is more likely a slip. */
static uint32_t add_included(struct loader *loader, uint32_t index, struct node *value)
{
    const struct axis_load *load = &loader->axes[index];
    struct axis *axis = &loader->grid->axes[index];
    struct arena *arena = loader->reader.arena;
    if (axis->by != GRID_NONE || load->broken || axis->points_count >= LIMIT_POINTS_PER_AXIS) {
        return GRID_NONE;
    }
    bool pipeline = load->variants && value->kind == NODE_STRING;
    bool number = !load->variants && !load->scales && node_is_number(value);
    struct node *point = pipeline || number ? value : NULL;
    if (load->scales && value->kind == NODE_STRING) {
        point = load_scale(loader, value->text, value);
    }
    if (!point || !axis_add(arena, axis, scalar_text(arena, value), point)) {
        return GRID_NONE;
    }
    return (uint32_t)axis->points_count - 1;
}

static bool read_included(struct loader *loader, const struct node *map, uint32_t *point)
{
    const struct reader *reader = &loader->reader;
    struct grid *grid = loader->grid;
    struct names missing = {0};
    bool good = true;
    for (size_t i = 0; i < map->map.count; i++) {
        good =
            need_axis(loader, &map->map.entries[i], NULL, map->map.entries[i].key) != GRID_NONE
            && good;
    }
    for (uint32_t a = 0; a < grid->axes_count; a++) {
        struct node *value = node_get(map, grid->axes[a].name);
        if (!value) {
            names_add(reader->arena, &missing, grid->axes[a].name);
            continue;
        }
        point[a] = find_point(&grid->axes[a], value);
        size_t errors = reader->diags->errors;
        point[a] = point[a] == GRID_NONE ? add_included(loader, a, value) : point[a];
        if (point[a] == GRID_NONE && reader->diags->errors == errors) {
            point[a] = need_point(loader, a, value);
        }
        good = good && point[a] != GRID_NONE;
    }
    if (missing.count > 0) {
        REPORT(
            reader,
            "E034",
            map,
            NULL,
            "an item of 'include' is a full point, and this one says nothing of %s",
            names_list(reader->arena, &missing));
    }
    return good && missing.count == 0;
}

/* --- The cells --- */

static bool in_product(const struct loader *loader, const uint32_t *point)
{
    const struct grid *grid = loader->grid;
    for (size_t a = 0; a < grid->axes_count; a++) {
        if (point[a] >= loader->axes[a].product_count) {
            return false;
        }
    }
    for (size_t a = 0; a < grid->axes_count; a++) {
        const struct axis *axis = &grid->axes[a];
        if (axis->by != GRID_NONE && !axis->by_allowed[point[axis->by]][point[a]]) {
            return false;
        }
        if (point[a] != point[loader->axes[a].zip_leader] && loader->axes[a].zip_leader != a) {
            return false;
        }
    }
    return true;
}

static bool push_cell(struct loader *loader, const uint32_t *point, size_t *capacity)
{
    struct grid *grid = loader->grid;
    size_t bytes = grid->axes_count * sizeof(*point);
    if (grid->cells_count >= LIMIT_TASKS_PER_GRID) {
        REPORT_KEY(
            &loader->reader,
            "E002",
            node_entry(loader->root, "axes"),
            NULL,
            "the grid has more than %d cells",
            LIMIT_TASKS_PER_GRID);
        return false;
    }
    grid->cells =
        arena_grow(loader->reader.arena, grid->cells, grid->cells_count, capacity, bytes);
    memcpy(grid->cells + grid->cells_count++ * grid->axes_count, point, bytes);
    return true;
}

/* The next point of the product, zipped axes following their leader; false after the last. */
static bool advance(const struct loader *loader, uint32_t *point)
{
    const struct grid *grid = loader->grid;
    bool moved = false;
    for (size_t a = grid->axes_count; a-- > 0 && !moved;) {
        if (loader->axes[a].zip_leader != a) {
            continue;
        }
        moved = ++point[a] < loader->axes[a].product_count;
        point[a] = moved ? point[a] : 0;
    }
    for (size_t a = 0; a < grid->axes_count; a++) {
        point[a] = point[loader->axes[a].zip_leader];
    }
    return moved;
}

static bool product_fits(const struct loader *loader, size_t patterns_count)
{
    /* Every point is compared with every pattern. */
    uint64_t product = patterns_count / PATTERNS_FREE + 1;
    for (size_t a = 0; a < loader->grid->axes_count; a++) {
        if (loader->axes[a].zip_leader == a) {
            product *= loader->axes[a].product_count;
        }
        if (product > LIMIT_GRID_PRODUCT) {
            return false;
        }
    }
    return true;
}

static bool load_product(struct loader *loader, struct patterns *exclude, size_t *capacity)
{
    struct grid *grid = loader->grid;
    uint32_t point[LIMIT_AXES] = {0};
    if (!product_fits(loader, exclude->count)) {
        REPORT_KEY(
            &loader->reader,
            "E002",
            node_entry(loader->root, "axes"),
            "zip axes, or make one depend on another with 'by', or exclude less",
            "the product of the axes has more than %" PRIu64
            " points, with the work for 'exclude'",
            LIMIT_GRID_PRODUCT);
        return false;
    }
    do {
        if (in_product(loader, point) && !excluded(grid, exclude, point)
            && !push_cell(loader, point, capacity)) {
            return false;
        }
    } while (advance(loader, point));
    return true;
}

/* Full points, LIMIT_AXES wide. */
struct included {
    uint32_t (*points)[LIMIT_AXES];
    size_t count;
};

static struct included load_include(struct loader *loader)
{
    const struct node *list = points_list(loader, "include");
    struct included included = {0};
    if (!list) {
        return included;
    }
    included.points =
        arena_alloc(loader->reader.arena, (list->list.count + 1) * sizeof(*included.points));
    for (size_t i = 0; i < list->list.count; i++) {
        const struct node *item = list->list.items[i];
        if (read_expect(&loader->reader, item, NODE_MAP, "an item of 'include'")
            && read_included(loader, item, included.points[included.count])) {
            included.count++;
        }
    }
    return included;
}

static bool is_repeated(const struct included *included, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (memcmp(included->points[i], included->points[index], sizeof(*included->points))
            == 0) {
            return true;
        }
    }
    return false;
}

static void warn_unused(struct loader *loader, const struct patterns *exclude)
{
    for (size_t i = 0; i < exclude->count; i++) {
        const struct node *place = exclude->items[i].place;
        if (!exclude->items[i].used) {
            diag_add(
                loader->reader.diags,
                DIAG_WARNING,
                "W001",
                loader->reader.file,
                place->line,
                place->column,
                place->end_column,
                NULL,
                "this item of 'exclude' matches no cell");
        }
    }
}

static bool any_axis_broken(const struct loader *loader)
{
    for (size_t a = 0; a < loader->grid->axes_count; a++) {
        if (loader->axes[a].broken) {
            return true;
        }
    }
    return false;
}

void load_cells(struct loader *loader)
{
    struct grid *grid = loader->grid;
    size_t errors = loader->reader.diags->errors;
    size_t capacity = 0;
    load_zip(loader);
    struct included included = load_include(loader);
    struct patterns exclude = load_exclude(loader);
    if (any_axis_broken(loader) || loader->reader.diags->errors > errors) {
        return;
    }
    if (grid->axes_count == 0) {
        grid->cells = ARENA_ARRAY(loader->reader.arena, uint32_t, 1);
        grid->cells_count = 1;
        return;
    }
    if (!load_product(loader, &exclude, &capacity)) {
        return;
    }
    for (size_t i = 0; i < included.count; i++) {
        const uint32_t *point = included.points[i];
        if (!in_product(loader, point) && !is_repeated(&included, i)
            && !excluded(grid, &exclude, point) && !push_cell(loader, point, &capacity)) {
            return;
        }
    }
    warn_unused(loader, &exclude);
    if (grid->cells_count == 0) {
        REPORT_KEY(
            &loader->reader,
            "E035",
            node_entry(loader->root, "axes"),
            NULL,
            "no cell is left: 'exclude' or dependent axes take all of them away");
    }
}
