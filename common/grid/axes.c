/* SPDX-License-Identifier: Apache-2.0 */
/* `axes:`: every form of an axis becomes a list of points. */
#include <string.h>

#include "common/base/check.h"
#include "common/grid/load.h"

enum {
    BY_TABLE_MAX = 16 << 20, /* bytes of the table that says which points go together */
};

/* Keys that make a map a form of its own; they are not point ids. */
static const char *const form_keys[] = {"use", "points", "file", "files", "kind", "by"};

static bool is_form_key(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(form_keys); i++) {
        if (strcmp(form_keys[i], key) == 0) {
            return true;
        }
    }
    return false;
}

/* --- Points --- */

static void add_point(
    struct loader *loader,
    struct axis *axis,
    const char *id,
    struct node *value,
    const struct node *place)
{
    const struct reader *reader = &loader->reader;
    if (!name_is_valid(id)) {
        REPORT(
            reader,
            "E005",
            place,
            "letters, digits and '._+-', not starting with '.'; or {id: NAME, ...}",
            "'%s' cannot name a point of axis '%s'",
            id,
            axis->name);
        return;
    }
    if (axis->points_count >= LIMIT_POINTS_PER_AXIS) {
        REPORT(
            reader,
            "E002",
            place,
            NULL,
            "axis '%s' has more than %d points",
            axis->name,
            LIMIT_POINTS_PER_AXIS);
        return;
    }
    if (!axis_add(reader->arena, axis, id, value)) {
        REPORT(reader, "E006", place, NULL, "axis '%s' has point '%s' twice", axis->name, id);
    }
}

/* Name of a scale on an axis of scales: its fields are the point's. */
static void add_scale(
    struct loader *loader, struct axis *axis, const char *name, const struct node *place)
{
    struct node *fields = load_scale(loader, name, place);
    add_point(loader, axis, name, fields ? fields : node_map(loader->reader.arena), place);
}

/* One item of a list of points. */
static void add_item(
    struct loader *loader, const struct axis_load *load, struct axis *axis, struct node *item)
{
    const struct reader *reader = &loader->reader;
    if (item->kind == NODE_MAP) {
        const struct node *id = node_get(item, "id");
        const char *text = id ? scalar_text(reader->arena, id) : NULL;
        if (!text) {
            REPORT(
                reader,
                "E004",
                item,
                "{id: NAME, ...}",
                "a point of axis '%s' that is a map needs an 'id'",
                axis->name);
            return;
        }
        struct node *fields = node_clone(reader->arena, item);
        (void)node_remove(fields, "id");
        add_point(loader, axis, text, fields, id);
        return;
    }
    const char *text = scalar_text(reader->arena, item);
    if (!text) {
        REPORT(
            reader,
            "E032",
            item,
            NULL,
            "a point of axis '%s' must be a scalar, a name or a map with 'id', found %s",
            axis->name,
            kind_text(item->kind));
    } else if (load->scales && item->kind == NODE_STRING) {
        add_scale(loader, axis, text, item);
    } else {
        add_point(loader, axis, text, item, item);
    }
}

static void add_list(
    struct loader *loader,
    const struct axis_load *load,
    struct axis *axis,
    const struct node *list)
{
    for (size_t i = 0; i < list->list.count; i++) {
        add_item(loader, load, axis, list->list.items[i]);
    }
}

/* --- each_without: one point for the whole and one for each step left out --- */

static struct node *placed(struct node *node, const struct node *place)
{
    node->line = place->line;
    node->column = place->column;
    node->end_column = place->end_column;
    return node;
}

static struct node *without(
    struct arena *arena, const struct node *map, const struct node *base, const char *step)
{
    struct node *edited = placed(node_map(arena), base);
    struct node *from = node_get(map, "from");
    if (from) {
        node_set(arena, edited, "from", from);
    }
    node_set(arena, edited, "base", placed(node_string(arena, base->text), base));
    if (step) {
        struct node *steps = placed(node_list(arena), base);
        node_push(arena, steps, placed(node_string(arena, step), base));
        node_set(arena, edited, "without", steps);
    }
    return edited;
}

static void add_each_without(
    struct loader *loader,
    const struct axis_load *load,
    struct axis *axis,
    const char *id,
    const struct node *map)
{
    static const char *const keys[] = {"each_without", "from", "id", NULL};
    const struct reader *reader = &loader->reader;
    const struct node *base = node_get(map, "each_without");
    (void)read_keys(reader, map, "a variant with 'each_without'", keys);
    struct names ids = {0};
    if (!read_expect(reader, base, NODE_STRING, "'each_without'")
        || !pipeline_step_ids(loader, load, base, &ids)) {
        return;
    }
    struct arena *arena = reader->arena;
    add_point(
        loader,
        axis,
        arena_printf(arena, "%s.full", id),
        without(arena, map, base, NULL),
        base);
    for (size_t i = 0; i < ids.count; i++) {
        add_point(
            loader,
            axis,
            arena_printf(arena, "%s.no-%s", id, ids.items[i]),
            without(arena, map, base, ids.items[i]),
            base);
    }
}

/* --- Forms --- */

/* Map `id: point`. */
static void add_map(
    struct loader *loader,
    const struct axis_load *load,
    struct axis *axis,
    const struct node *map)
{
    const struct reader *reader = &loader->reader;
    for (size_t i = 0; i < map->map.count; i++) {
        const struct node_entry *entry = &map->map.entries[i];
        struct node *value = entry->value;
        struct node *place = placed(node_null(reader->arena), value);
        place->line = entry->line;
        place->column = entry->column;
        place->end_column = entry->column + (uint32_t)strlen(entry->key);
        if (load->variants && node_entry(value, "each_without")) {
            add_each_without(loader, load, axis, entry->key, value);
        } else if (load->scales && value->kind == NODE_STRING) {
            struct node *fields = load_scale(loader, value->text, value);
            add_point(
                loader, axis, entry->key, fields ? fields : node_map(reader->arena), place);
        } else if (value->kind == NODE_NULL || (value->kind == NODE_LIST && !load->variants)) {
            REPORT(
                reader,
                "E032",
                value,
                NULL,
                "point '%s' of axis '%s' must be a scalar or a map of fields, found %s",
                entry->key,
                axis->name,
                kind_text(value->kind));
        } else {
            add_point(loader, axis, entry->key, value, place);
        }
    }
}

/* A list whose maps may be variants with each_without. */
static void add_points(
    struct loader *loader,
    const struct axis_load *load,
    struct axis *axis,
    const struct node *list)
{
    if (!load->variants) {
        add_list(loader, load, axis, list);
        return;
    }
    for (size_t i = 0; i < list->list.count; i++) {
        struct node *item = list->list.items[i];
        const char *id = node_get_text(item, "id", NULL);
        if (id && node_entry(item, "each_without")) {
            add_each_without(loader, load, axis, id, item);
        } else {
            add_item(loader, load, axis, item);
        }
    }
}

static void load_use(
    struct loader *loader, struct axis_load *load, struct axis *axis, const struct node *map)
{
    static const char *const keys[] = {"use", "points", NULL};
    const struct reader *reader = &loader->reader;
    const struct node *use = node_get(map, "use");
    const struct node *points = node_get(map, "points");
    (void)read_keys(reader, map, "an axis with 'use'", keys);
    if (!read_expect(reader, use, NODE_STRING, "'use'")) {
        return;
    }
    if (strcmp(use->text, "scales") != 0) {
        REPORT(reader, "E032", use, "use: scales", "an axis cannot use '%s'", use->text);
        return;
    }
    if (!points) {
        REPORT_KEY(
            reader,
            "E004",
            load->entry,
            "{use: scales, points: [cpu-xs, cpu-s]}",
            "axis '%s' needs 'points'",
            axis->name);
        return;
    }
    load->uses_scales = true;
    load->scales = true;
    if (read_expect(reader, points, NODE_LIST, "'points'")) {
        add_list(loader, load, axis, points);
    }
}

/* {file: points.jsonl}: one point a line, a JSON scalar or a map with `id`. */
static void load_file(
    struct loader *loader,
    const struct axis_load *load,
    struct axis *axis,
    const struct node *map)
{
    static const char *const keys[] = {"file", NULL};
    const struct reader *reader = &loader->reader;
    const struct node *path = node_get(map, "file");
    (void)read_keys(reader, map, "an axis with 'file'", keys);
    if (!read_expect(reader, path, NODE_STRING, "'file'")) {
        return;
    }
    struct diag_source file = {.file = path->text};
    struct err err = {0};
    if (!loader->files->read(
            loader->files->context,
            path->text,
            reader->arena,
            &file.text,
            &file.length,
            &file.file,
            &err)) {
        REPORT(reader, "E007", path, NULL, "'%s' cannot be read: %s", path->text, err.message);
        return;
    }
    uint32_t source = diags_add_source(reader->diags, file.file, file.text, file.length);
    const char *end = file.text + file.length;
    uint32_t line = 0;
    for (const char *start = file.text; start < end; line++) {
        const char *newline = memchr(start, '\n', (size_t)(end - start));
        size_t length = (size_t)((newline ? newline : end) - start);
        struct node *item = NULL;
        struct node_place place = {0};
        if (length > 0 && node_parse_json(start, length, reader->arena, &item, &place, &err)) {
            diag_stamp(item, source, line);
            add_item(loader, load, axis, item);
        } else if (length > 0) {
            const char *colon = strstr(err.message, ": ");
            diag_add(
                reader->diags,
                DIAG_ERROR,
                "E001",
                file.file,
                line + 1,
                place.column,
                0,
                NULL,
                "%s",
                colon ? colon + 2 : err.message);
            return;
        }
        start += length + 1;
    }
}

/* The last component of a path: "ckpt/a/" -> "a". */
static const char *base_name(struct arena *arena, const char *path)
{
    size_t end = strlen(path);
    while (end > 0 && path[end - 1] == '/') {
        end--;
    }
    size_t start = end;
    while (start > 0 && path[start - 1] != '/') {
        start--;
    }
    return arena_strndup(arena, path + start, end - start);
}

static void load_files(
    struct loader *loader, struct axis_load *load, struct axis *axis, const struct node *map)
{
    static const char *const keys[] = {"files", "kind", NULL};
    const struct reader *reader = &loader->reader;
    const struct node *pattern = node_get(map, "files");
    (void)read_keys(reader, map, "an axis with 'files'", keys);
    const char *kind = read_text(reader, map, "kind");
    axis->files_kind = kind ? kind : "tree";
    if (!read_expect(reader, pattern, NODE_STRING, "'files'")) {
        return;
    }
    const char **paths = NULL;
    size_t count = 0;
    if (loader->files->glob) {
        count =
            loader->files->glob(loader->files->context, pattern->text, reader->arena, &paths);
    }
    if (count == 0) {
        REPORT(reader, "E007", pattern, NULL, "no file matches '%s'", pattern->text);
        load->broken = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct node *fields = placed(node_map(reader->arena), pattern);
        node_set(
            reader->arena,
            fields,
            "path",
            placed(node_string(reader->arena, paths[i]), pattern));
        add_point(loader, axis, base_name(reader->arena, paths[i]), fields, pattern);
    }
}

/* --- Dependent axes --- */

static void allow(
    struct loader *loader,
    const struct axis_load *load,
    struct axis *axis,
    size_t of,
    struct node *list)
{
    bool *allowed = axis->by_allowed[of];
    for (size_t i = 0; i < list->list.count; i++) {
        struct node *item = list->list.items[i];
        uint32_t point = find_point(axis, item);
        if (point == GRID_NONE) {
            point = (uint32_t)axis->points_count;
            add_item(loader, load, axis, item);
        }
        if (point < axis->points_count) {
            allowed[point] = true;
        }
    }
}

/* {by: scale, cpu-xs: [1, 2, 3], cpu-s: [1, 2]}: the points are the union, in order of
 * appearance. */
static void load_by(
    struct loader *loader,
    const struct axis_load *load,
    struct axis *axis,
    const struct node *map)
{
    struct grid *grid = loader->grid;
    const struct reader *reader = &loader->reader;
    const struct axis *by = &grid->axes[axis->by];
    size_t total = 0;
    for (size_t i = 0; i < map->map.count; i++) {
        const struct node *value = map->map.entries[i].value;
        total += value->kind == NODE_LIST ? value->list.count : 0;
    }
    if (total > 0 && by->points_count > BY_TABLE_MAX / total) {
        REPORT_KEY(
            reader,
            "E002",
            load->entry,
            NULL,
            "axis '%s' lists too many points for each %s",
            axis->name,
            by->name);
        return;
    }
    bool *given = ARENA_ARRAY(reader->arena, bool, by->points_count);
    axis->by_allowed = ARENA_ARRAY(reader->arena, bool *, by->points_count);
    for (size_t i = 0; i < by->points_count; i++) {
        axis->by_allowed[i] = ARENA_ARRAY(reader->arena, bool, total);
    }
    for (size_t i = 0; i < map->map.count; i++) {
        const struct node_entry *entry = &map->map.entries[i];
        if (strcmp(entry->key, "by") == 0) {
            continue;
        }
        uint32_t of = find_point_id(by, entry->key);
        if (of == GRID_NONE) {
            struct names names = point_names(reader->arena, by);
            REPORT_KEY(
                reader,
                "E031",
                entry,
                names_help(reader->arena, &names, "points", entry->key),
                "axis '%s' has no point '%s'",
                by->name,
                entry->key);
        } else if (read_expect(reader, entry->value, NODE_LIST, "points of a dependent axis")) {
            given[of] = true;
            allow(loader, load, axis, of, entry->value);
        }
    }
    struct names missing = {0};
    for (size_t i = 0; i < by->points_count; i++) {
        if (!given[i]) {
            names_add(reader->arena, &missing, by->points[i].id);
        }
    }
    if (missing.count > 0) {
        REPORT_KEY(
            reader,
            "E033",
            load->entry,
            "list its points; [] leaves that point out of the grid",
            "axis '%s' says nothing of %s %s",
            axis->name,
            by->name,
            names_list(reader->arena, &missing));
    }
}

static bool bind_by(struct loader *loader, struct axis *axis, const struct node *map)
{
    const struct reader *reader = &loader->reader;
    const struct node *by = node_get(map, "by");
    if (!read_expect(reader, by, NODE_STRING, "'by'")) {
        return false;
    }
    axis->by = need_axis(loader, NULL, by, by->text);
    return axis->by != GRID_NONE;
}

/* --- All axes --- */

static void load_form(
    struct loader *loader, struct axis_load *load, struct axis *axis, const struct node *map)
{
    const struct reader *reader = &loader->reader;
    if (node_entry(map, "use")) {
        load_use(loader, load, axis, map);
    } else if (node_entry(map, "file")) {
        load_file(loader, load, axis, map);
    } else if (node_entry(map, "files")) {
        load_files(loader, load, axis, map);
    } else {
        REPORT_KEY(
            reader,
            "E032",
            load->entry,
            "'use', 'points', 'file', 'files', 'kind' and 'by' are not point ids",
            "axis '%s' must have 'use', 'file', 'files' or 'by'",
            axis->name);
    }
}

static bool has_form_key(const struct node *map)
{
    for (size_t i = 0; map->kind == NODE_MAP && i < map->map.count; i++) {
        if (is_form_key(map->map.entries[i].key)) {
            return true;
        }
    }
    return false;
}

static void load_axis(struct loader *loader, struct axis_load *load, struct axis *axis)
{
    const struct reader *reader = &loader->reader;
    struct node *value = load->value;
    size_t errors = reader->diags->errors;
    if (value->kind == NODE_LIST) {
        add_points(loader, load, axis, value);
    } else if (value->kind != NODE_MAP) {
        REPORT(
            reader,
            "E032",
            value,
            "such as [1, 2, 3]",
            "axis '%s' must be a list or a map of points, found %s",
            axis->name,
            kind_text(value->kind));
    } else if (axis->by != GRID_NONE) {
        load_by(loader, load, axis, value);
    } else if (has_form_key(value)) {
        load_form(loader, load, axis, value);
    } else {
        add_map(loader, load, axis, value);
    }
    load->broken = load->broken || reader->diags->errors > errors;
    load->product_count = axis->points_count;
    if (axis->points_count == 0 && !load->broken) {
        REPORT_KEY(reader, "E032", load->entry, NULL, "axis '%s' has no points", axis->name);
        load->broken = true;
    }
}

static void declare_axes(struct loader *loader, const struct node *map)
{
    struct grid *grid = loader->grid;
    const struct reader *reader = &loader->reader;
    for (size_t i = 0; i < map->map.count; i++) {
        const struct node_entry *entry = &map->map.entries[i];
        if (!read_plain_key(reader, entry, "an axis")) {
            continue;
        }
        if (strcmp(entry->key, "tag") == 0) {
            REPORT_KEY(
                reader,
                "E005",
                entry,
                "'tag' names the tag of a metric",
                "'tag' cannot name an axis");
            continue;
        }
        if (grid->axes_count == LIMIT_AXES) {
            REPORT_KEY(reader, "E002", entry, NULL, "more than %d axes", LIMIT_AXES);
            return;
        }
        struct axis_load *load = &loader->axes[grid->axes_count];
        load->entry = entry;
        load->value = entry->value;
        load->zip_leader = (uint32_t)grid->axes_count;
        load->variants = names_have(&loader->variant_axes, entry->key);
        load->scales = names_have(&loader->scale_axes, entry->key);
        grid->axes[grid->axes_count++] = (struct axis){
            .name = entry->key,
            .by = GRID_NONE,
            .line = diag_line(entry->line),
            .column = entry->column,
        };
    }
}

static void report_by_cycle(struct loader *loader, uint32_t start)
{
    struct grid *grid = loader->grid;
    const char *path = grid->axes[start].name;
    uint32_t at = start;
    do {
        at = grid->axes[at].by;
        path = arena_printf(loader->reader.arena, "%s -> %s", path, grid->axes[at].name);
    } while (at != start);
    REPORT_KEY(
        &loader->reader,
        "E033",
        loader->axes[start].entry,
        NULL,
        "axes depend on each other: %s",
        path);
}

/* Dependent axes wait for the one that they depend on; what is left over is a cycle. */
static void load_dependent(struct loader *loader)
{
    struct grid *grid = loader->grid;
    bool done[LIMIT_AXES] = {0};
    for (size_t round = 0; round < grid->axes_count; round++) {
        for (size_t a = 0; a < grid->axes_count; a++) {
            uint32_t by = grid->axes[a].by;
            if (!done[a] && (by == GRID_NONE || done[by])) {
                load_axis(loader, &loader->axes[a], &grid->axes[a]);
                done[a] = true;
            }
        }
    }
    bool reported = false;
    for (uint32_t a = 0; a < grid->axes_count; a++) {
        if (done[a]) {
            continue;
        }
        uint32_t at = a;
        for (size_t i = 0; i < grid->axes_count && grid->axes[at].by != GRID_NONE; i++) {
            at = grid->axes[at].by;
        }
        if (!reported) {
            report_by_cycle(loader, at);
        }
        reported = true;
        grid->axes[a].by = GRID_NONE;
        loader->axes[a].broken = true;
    }
}

void load_axes(struct loader *loader)
{
    struct grid *grid = loader->grid;
    const struct reader *reader = &loader->reader;
    const struct node *map = node_get(loader->root, "axes");
    if (!map || !read_expect(reader, map, NODE_MAP, "'axes'")) {
        return;
    }
    declare_axes(loader, map);
    for (size_t a = 0; a < grid->axes_count; a++) {
        struct node *value = loader->axes[a].value;
        if (node_entry(value, "by") && !bind_by(loader, &grid->axes[a], value)) {
            loader->axes[a].broken = true;
            loader->axes[a].value = node_list(reader->arena);
        }
    }
    load_dependent(loader);
}
