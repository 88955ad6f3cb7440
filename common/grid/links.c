/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links: which source feeds which input of a program. `from:` and artifact parameters are bound
 * to the manifest's inputs, then checked: kinds, axes that only the upstream has, points where
 * nothing is there, cycles.
 */
#include <string.h>

#include "common/grid/load.h"

/* --- Inputs of a program, artifact parameters among them --- */

/* What may be linked by name. */
struct socket {
    const char *name, *kind;
    bool many, optional;
};

struct sockets {
    struct socket *items;
    size_t count, capacity;
};

static struct sockets sockets_of(struct arena *arena, const struct manifest *program)
{
    struct sockets sockets = {0};
    for (size_t i = 0; i < program->inputs_count; i++) {
        const struct manifest_input *input = &program->inputs[i];
        struct socket socket = {input->name, input->kind, input->many, input->optional};
        if (strcmp(input->kind, "order") != 0) {
            ARENA_PUSH(arena, sockets.items, sockets.count, sockets.capacity, socket);
        }
    }
    for (size_t i = 0; i < program->params_count; i++) {
        const struct manifest_param *param = &program->params[i];
        struct socket socket = {
            .name = param->name,
            .kind = param->kind ? param->kind : "any",
            .optional = param->fallback != NULL,
        };
        if (param->type == PARAM_ARTIFACT) {
            ARENA_PUSH(arena, sockets.items, sockets.count, sockets.capacity, socket);
        }
    }
    return sockets;
}

static const struct socket *find_socket(const struct sockets *sockets, const char *name)
{
    for (size_t i = 0; i < sockets->count; i++) {
        if (strcmp(sockets->items[i].name, name) == 0) {
            return &sockets->items[i];
        }
    }
    return NULL;
}

/* --- One stage --- */

struct linking {
    struct loader *loader;
    struct grid_stage *stage;
    struct stage_load *load;
    struct sockets sockets;
    const struct node **places; /* of links */
};

static const char *what_of(struct linking *linking, const char *name)
{
    return arena_printf(
        linking->loader->reader.arena, "input '%s' of '%s'", name, linking->stage->name);
}

static void add_link(
    struct linking *linking,
    const struct socket *socket,
    struct grid_link *link,
    const struct node *place)
{
    struct loader *loader = linking->loader;
    struct grid_stage *stage = linking->stage;
    for (size_t i = 0; i < stage->links_count; i++) {
        if (strcmp(stage->links[i].name, socket->name) == 0) {
            REPORT(
                &loader->reader,
                "E006",
                place,
                NULL,
                "%s has two sources",
                what_of(linking, socket->name));
            return;
        }
    }
    struct wanted wanted = {socket->kind, what_of(linking, socket->name), place};
    bool good = true;
    for (size_t i = 0; i < link->choices_count; i++) {
        good = source_bind(loader, &link->choices[i], &wanted) && good;
    }
    if (!good) {
        linking->load->broken_links = true;
        return;
    }
    link->name = socket->name;
    link->many = socket->many;
    linking->places[stage->links_count] = place;
    stage->links[stage->links_count++] = *link;
}

static void link_named(
    struct linking *linking, const struct socket *socket, const struct node *value)
{
    struct grid_link link = {0};
    if (read_link(linking->loader, value, linking->load->over_mask, &link)) {
        add_link(linking, socket, &link, value);
    } else {
        linking->load->broken_links = true;
    }
}

static void link_map(struct linking *linking, const struct node *map)
{
    struct loader *loader = linking->loader;
    const struct reader *reader = &loader->reader;
    struct names names = {0};
    for (size_t i = 0; i < linking->sockets.count; i++) {
        names_add(reader->arena, &names, linking->sockets.items[i].name);
    }
    for (size_t i = 0; i < map->map.count; i++) {
        const struct node_entry *entry = &map->map.entries[i];
        const struct socket *socket = find_socket(&linking->sockets, entry->key);
        if (socket) {
            link_named(linking, socket, entry->value);
            continue;
        }
        const struct manifest *program = linking->stage->program;
        bool order = false;
        for (size_t j = 0; j < program->inputs_count; j++) {
            order = order || strcmp(program->inputs[j].name, entry->key) == 0;
        }
        REPORT_KEY(
            reader,
            "E056",
            entry,
            order ? "leave it out" : names_help(reader->arena, &names, "inputs", entry->key),
            order ? "input '%s' of program '%s' is an order, which assay makes by itself"
                  : "there is no input '%s' of program '%s'",
            entry->key,
            program->name);
        linking->load->broken_links = true;
    }
}

/* The input that an unnamed source is for: the only required one, or the only one of a kind
 * that it gives. */
static const struct socket *choose_socket(struct linking *linking, const struct grid_link *link)
{
    const struct socket *required = NULL;
    const struct socket *fitting = NULL;
    size_t required_count = 0;
    size_t fitting_count = 0;
    for (size_t i = 0; i < linking->sockets.count; i++) {
        const struct socket *socket = &linking->sockets.items[i];
        if (node_entry(linking->stage->with, socket->name)) {
            continue; /* an artifact parameter that has its source already */
        }
        bool fits = true;
        for (size_t c = 0; c < link->choices_count; c++) {
            fits = fits && source_fits(linking->loader->grid, &link->choices[c], socket->kind);
        }
        required = socket->optional ? required : socket;
        required_count += !socket->optional;
        fitting = fits ? socket : fitting;
        fitting_count += fits;
    }
    if (required && required_count == 1
        && (fitting_count != 1
            || source_fits(linking->loader->grid, &link->choices[0], required->kind))) {
        return required;
    }
    if (fitting_count == 1) {
        return fitting;
    }
    return linking->sockets.count == 1 ? linking->sockets.items : NULL;
}

static void link_unnamed(struct linking *linking, const struct node *value)
{
    struct loader *loader = linking->loader;
    struct arena *arena = loader->reader.arena;
    struct grid_link link = {0};
    if (!read_link(loader, value, linking->load->over_mask, &link)) {
        linking->load->broken_links = true;
        return;
    }
    const struct socket *socket = choose_socket(linking, &link);
    if (socket) {
        add_link(linking, socket, &link, value);
        return;
    }
    linking->load->broken_links = true;
    struct names names = {0};
    for (size_t i = 0; i < linking->sockets.count; i++) {
        const struct socket *item = &linking->sockets.items[i];
        if (node_entry(linking->stage->with, item->name)) {
            continue;
        }
        names_add(arena, &names, arena_printf(arena, "%s (%s)", item->name, item->kind));
    }
    REPORT(
        &loader->reader,
        "E056",
        value,
        names.count == 0
            ? "it takes none"
            : arena_printf(
                arena, "{INPUT: SOURCE}; its inputs are %s", names_list(arena, &names)),
        "it is not clear which input of program '%s' this source is for",
        linking->stage->program->name);
}

static bool is_source_map(const struct sockets *sockets, const struct node *from)
{
    static const char *const keys[] = {"stage", "first", "input"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (node_entry(from, keys[i]) && !find_socket(sockets, keys[i])) {
            return true;
        }
    }
    return false;
}

static void link_params(struct linking *linking)
{
    const struct grid_stage *stage = linking->stage;
    for (size_t i = 0; stage->with && i < stage->program->params_count; i++) {
        const struct manifest_param *param = &stage->program->params[i];
        const struct node *value = node_get(stage->with, param->name);
        if (value && param->type == PARAM_ARTIFACT
            && !(value->kind == NODE_NULL && param->fallback)) {
            link_named(linking, find_socket(&linking->sockets, param->name), value);
        }
    }
}

static void check_missing(struct linking *linking)
{
    struct loader *loader = linking->loader;
    struct arena *arena = loader->reader.arena;
    struct names missing = {0};
    for (size_t i = 0; i < linking->sockets.count; i++) {
        const struct socket *socket = &linking->sockets.items[i];
        bool linked = socket->optional;
        for (size_t j = 0; j < linking->stage->links_count; j++) {
            linked = linked || strcmp(linking->stage->links[j].name, socket->name) == 0;
        }
        if (!linked) {
            names_add(
                arena, &missing, arena_printf(arena, "%s (%s)", socket->name, socket->kind));
        }
    }
    if (missing.count > 0) {
        REPORT_KEY(
            &loader->reader,
            "E054",
            linking->load->entry,
            "from: {INPUT: SOURCE}",
            "stage '%s' has no source for %s",
            linking->stage->name,
            names_list(arena, &missing));
    }
}

/* --- Checks --- */

/* An axis that only the upstream has is gathered where `many`, else it is missing. */
static bool check_axes(
    struct loader *loader,
    const struct stage_load *load,
    const struct grid_source *source,
    bool many,
    const struct wanted *wanted)
{
    const struct grid *grid = loader->grid;
    struct arena *arena = loader->reader.arena;
    uint32_t upstream = source_axes(grid, source);
    uint32_t pinned = 0;
    for (size_t i = 0; i < source->where_count; i++) {
        uint32_t axis = source->where[i].axis;
        if (!(upstream >> axis & 1)) {
            REPORT(
                &loader->reader,
                "E051",
                wanted->place,
                NULL,
                "'where' pins axis '%s', which '%s' is not over",
                grid->axes[axis].name,
                grid->stages[source->index].name);
            return false;
        }
        pinned |= UINT32_C(1) << axis;
    }
    uint32_t missing = upstream & ~pinned & ~load->over_mask;
    if (many || missing == 0) {
        return true;
    }
    struct names names = {0};
    const char *pin = "";
    for (uint32_t a = 0; a < grid->axes_count; a++) {
        if (missing >> a & 1) {
            names_add(arena, &names, grid->axes[a].name);
            const char *point =
                grid->axes[a].points_count > 0 ? grid->axes[a].points[0].id : "POINT";
            pin = arena_printf(
                arena, "%s%s%s: %s", pin, pin[0] ? ", " : "", grid->axes[a].name, point);
        }
    }
    const char *stage = grid->stages[source->index].name;
    REPORT(
        &loader->reader,
        "E051",
        wanted->place,
        arena_printf(
            arena, "add it to 'over', or pin it: {stage: %s, where: {%s}}", stage, pin),
        "%s is one artifact, and '%s' makes one per %s: axis %s is missing",
        wanted->what,
        stage,
        names_list(arena, &names),
        names_list(arena, &names));
    return false;
}

/* Where a source is there, looked up by the axes that consumer and upstream share. */
struct presence {
    const struct grid_source *source;
    uint32_t mask;
    struct projection points;
};

static struct presence presence_of(
    struct loader *loader,
    const struct stage_load *load,
    const struct grid_source *source,
    struct arena *arena)
{
    struct presence presence = {.source = source};
    if (source->kind != SOURCE_STAGE) {
        return presence;
    }
    uint32_t pinned = 0;
    for (size_t i = 0; i < source->where_count; i++) {
        pinned |= UINT32_C(1) << source->where[i].axis;
    }
    presence.mask = source_axes(loader->grid, source) & (load->over_mask | pinned);
    const struct projection *upstream = &loader->stages[source->index].points;
    presence.points =
        project(loader->grid, upstream->points, upstream->count, presence.mask, arena);
    return presence;
}

static bool is_present(
    const struct grid *grid, const struct presence *presence, const uint32_t *point)
{
    const struct grid_source *source = presence->source;
    if (grid_source_absent(source, point)) {
        return false;
    }
    if (source->kind != SOURCE_STAGE) {
        return true;
    }
    uint32_t wanted[LIMIT_AXES];
    for (size_t a = 0; a < grid->axes_count; a++) {
        wanted[a] = presence->mask >> a & 1 ? point[a] : GRID_NONE;
    }
    for (size_t i = 0; i < source->where_count; i++) {
        wanted[source->where[i].axis] = source->where[i].point;
    }
    return projection_has(grid, &presence->points, wanted);
}

static const char *choices_text(struct loader *loader, const struct grid_link *link)
{
    const struct grid *grid = loader->grid;
    struct names names = {0};
    for (size_t i = 0; i < link->choices_count; i++) {
        const struct grid_source *source = &link->choices[i];
        const char *name = source->kind == SOURCE_STAGE  ? grid->stages[source->index].name
                           : source->kind == SOURCE_AXIS ? grid->axes[source->index].name
                                                         : grid->inputs[source->index].name;
        if (!names_have(&names, name)) {
            names_add(loader->reader.arena, &names, name);
        }
    }
    return names_list(loader->reader.arena, &names);
}

static void check_presence(
    struct linking *linking, const struct grid_link *link, const struct node *place)
{
    struct loader *loader = linking->loader;
    const struct grid *grid = loader->grid;
    const struct stage_load *load = linking->load;
    struct arena *scratch CLEANUP(arena_cleanup) = arena_create();
    struct presence *choices = ARENA_ARRAY(scratch, struct presence, link->choices_count);
    for (size_t i = 0; i < link->choices_count; i++) {
        choices[i] = presence_of(loader, load, &link->choices[i], scratch);
    }
    const uint32_t *first = NULL;
    size_t absent = 0;
    for (size_t p = 0; p < load->points.count; p++) {
        const uint32_t *point = load->points.points + p * grid->axes_count;
        bool present = false;
        for (size_t i = 0; i < link->choices_count && !present; i++) {
            present = is_present(grid, &choices[i], point);
        }
        first = present || first ? first : point;
        absent += !present;
    }
    if (absent == 0) {
        return;
    }
    const char *name = grid_point_name(grid, first, scratch);
    const char *more =
        absent > 1 ? arena_printf(scratch, " and %zu more points", absent - 1) : "";
    REPORT(
        &loader->reader,
        "E052",
        place,
        "give another with {first: [a, b]}, or limit the stage with 'only'",
        "input '%s' of '%s' has no source at %s%s: %s is not there",
        link->name,
        linking->stage->name,
        name[0] ? name : "its only point",
        more,
        choices_text(loader, link));
}

static void check_links(struct linking *linking)
{
    struct grid_stage *stage = linking->stage;
    for (size_t i = 0; i < stage->links_count; i++) {
        const struct grid_link *link = &stage->links[i];
        const struct node *place = linking->places[i];
        struct wanted wanted = {NULL, what_of(linking, link->name), place};
        bool good = true;
        bool broken = false;
        for (size_t c = 0; c < link->choices_count; c++) {
            const struct grid_source *source = &link->choices[c];
            broken = broken
                     || (source->kind == SOURCE_STAGE
                         && linking->loader->stages[source->index].broken);
            good =
                check_axes(linking->loader, linking->load, source, link->many, &wanted) && good;
        }
        const struct socket *socket = find_socket(&linking->sockets, link->name);
        if (good && !broken && !socket->optional) {
            check_presence(linking, link, place);
        }
    }
}

static void link_stage(struct loader *loader, size_t index)
{
    struct linking linking = {
        .loader = loader,
        .stage = &loader->grid->stages[index],
        .load = &loader->stages[index],
    };
    struct arena *arena = loader->reader.arena;
    linking.sockets = sockets_of(arena, linking.stage->program);
    linking.stage->links = ARENA_ARRAY(arena, struct grid_link, linking.sockets.count);
    linking.places = ARENA_ARRAY(arena, const struct node *, linking.sockets.count);
    const struct node *from = node_get(linking.load->entry->value, "from");
    if (from && from->kind == NODE_MAP && !is_source_map(&linking.sockets, from)) {
        link_map(&linking, from);
    } else if (from) {
        link_unnamed(&linking, from);
    }
    link_params(&linking);
    if (!linking.load->broken_links) {
        check_missing(&linking);
    }
    check_links(&linking);
}

/* --- Cycles --- */

struct edges {
    uint32_t *upstream[LIMIT_STAGES];
    size_t count[LIMIT_STAGES];
};

static struct edges *find_edges(struct loader *loader, struct arena *arena)
{
    const struct grid *grid = loader->grid;
    struct edges *edges = ARENA_NEW(arena, struct edges);
    for (size_t s = 0; s < grid->stages_count; s++) {
        const struct grid_stage *stage = &grid->stages[s];
        const struct stage_load *load = &loader->stages[s];
        size_t capacity = 0;
        for (size_t i = 0; i < stage->links_count; i++) {
            for (size_t c = 0; c < stage->links[i].choices_count; c++) {
                const struct grid_source *source = &stage->links[i].choices[c];
                if (source->kind == SOURCE_STAGE) {
                    ARENA_PUSH(
                        arena, edges->upstream[s], edges->count[s], capacity, source->index);
                }
            }
        }
        for (size_t i = 0; i < load->step_sources_count; i++) {
            const struct grid_source *source = &load->step_sources[i].source;
            if (source->kind == SOURCE_STAGE) {
                ARENA_PUSH(arena, edges->upstream[s], edges->count[s], capacity, source->index);
            }
        }
    }
    return edges;
}

static void report_cycle(
    struct loader *loader, const uint32_t *path, size_t depth, uint32_t closing)
{
    struct arena *arena = loader->reader.arena;
    const struct grid *grid = loader->grid;
    size_t start = 0;
    while (path[start] != closing) {
        start++;
    }
    const char *text = "";
    for (size_t i = start; i < depth; i++) {
        text = arena_printf(arena, "%s'%s' reads ", text, grid->stages[path[i]].name);
    }
    REPORT_KEY(
        &loader->reader,
        "E055",
        loader->stages[closing].entry,
        NULL,
        "stages wait for each other: %s'%s'",
        text,
        grid->stages[closing].name);
}

/* Depth first from every stage; a stage on the path that is met again closes a cycle. */
static void check_cycles(struct loader *loader)
{
    enum {
        UNSEEN = 0,
        ON_PATH,
        DONE
    };

    const struct grid *grid = loader->grid;
    struct arena *scratch CLEANUP(arena_cleanup) = arena_create();
    const struct edges *edges = find_edges(loader, scratch);
    int state[LIMIT_STAGES] = {0};
    size_t next[LIMIT_STAGES] = {0};
    uint32_t path[LIMIT_STAGES] = {0};
    for (uint32_t root = 0; root < grid->stages_count; root++) {
        size_t depth = 0;
        if (state[root] == UNSEEN) {
            state[root] = ON_PATH;
            path[depth++] = root;
        }
        while (depth > 0) {
            uint32_t stage = path[depth - 1];
            if (next[stage] == edges->count[stage]) {
                state[stage] = DONE;
                depth--;
                continue;
            }
            uint32_t upstream = edges->upstream[stage][next[stage]++];
            if (state[upstream] == ON_PATH) {
                report_cycle(loader, path, depth, upstream);
            } else if (state[upstream] == UNSEEN) {
                state[upstream] = ON_PATH;
                path[depth++] = upstream;
            }
        }
    }
}

void load_links(struct loader *loader)
{
    struct grid *grid = loader->grid;
    for (size_t s = 0; s < grid->stages_count; s++) {
        struct stage_load *load = &loader->stages[s];
        if (grid->stages[s].program && !load->broken) {
            link_stage(loader, s);
        }
        for (size_t i = 0; i < load->step_sources_count; i++) {
            const struct step_source *source = &load->step_sources[i];
            struct wanted wanted = {
                .what =
                    arena_printf(loader->reader.arena, "what step '%s' reads", source->step),
                .place = source->place,
            };
            (void)check_axes(loader, load, &source->source, false, &wanted);
        }
    }
    check_cycles(loader);
}
