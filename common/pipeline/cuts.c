/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts wait until a global step needs to know what reached it; then one node applies them all.
 */
#include <stdlib.h>
#include <string.h>

#include "common/pipeline/pipeline_plan.h"
#include "common/pipeline/walk.h"

struct sorted_cut {
    struct value_set *set;
    struct node *entry; /* without the input's name */
    struct digest key;
    bool is_measure;
};

static int compare_cuts(const void *a, const void *b)
{
    const struct sorted_cut *left = a;
    const struct sorted_cut *right = b;
    return digest_compare(&left->key, &right->key);
}

static struct sorted_cut sortable(struct arena *arena, const struct pending_cut *cut)
{
    struct sorted_cut sorted = {.is_measure = cut->measure != NULL};
    sorted.set = cut->measure ? cut->measure : cut->selection;
    sorted.entry = cut->measure ? walk_step_name(cut->use, arena) : node_map(arena);
    if (cut->measure) {
        node_set(arena, sorted.entry, "params", walk_spec_params(cut->use, true, arena));
    }
    const char *json = node_to_json_arena(sorted.entry, arena);
    struct digester digester CLEANUP(digester_done);
    digester_init(&digester);
    digester_add(&digester, sorted.set->key.bytes, DIGEST_BYTES);
    digester_add(&digester, json, strlen(json));
    sorted.key = digester_end(&digester);
    return sorted;
}

static bool is_numbered(const char *name, const char *prefix)
{
    size_t length = strlen(prefix);
    return strncmp(name, prefix, length) == 0 && name[length] != '\0'
           && name[length + strspn(name + length, "0123456789")] == '\0';
}

const char *walk_input_of(
    struct arena *arena,
    const char *prefix,
    struct value_set *set,
    struct port *ports,
    size_t *count)
{
    size_t number = 0;
    for (size_t i = 0; i < *count; i++) {
        if (!is_numbered(ports[i].name, prefix)) {
            continue;
        }
        if (digest_equal(&ports[i].set->key, &set->key)) {
            return ports[i].name;
        }
        number++;
    }
    ports[*count] = (struct port){arena_printf(arena, "%s%zu", prefix, number), true, set};
    return ports[(*count)++].name;
}

static struct node *cut_entries(
    struct walk *walk, const struct sorted_cut *sorted, struct port *ports, size_t *count)
{
    struct arena *arena = walk->plan->arena;
    struct node *entries = node_list(arena);
    for (size_t i = 0; i < walk->cuts_count; i++) {
        if (i > 0 && digest_equal(&sorted[i].key, &sorted[i - 1].key)) {
            continue; /* the same cut twice */
        }
        bool measure = sorted[i].is_measure;
        const char *input =
            walk_input_of(arena, measure ? "m" : "s", sorted[i].set, ports, count);
        struct node *name = node_string(arena, input);
        node_set(arena, sorted[i].entry, measure ? "measure" : "selection", name);
        node_push(arena, entries, sorted[i].entry);
    }
    return entries;
}

void walk_apply_cuts(struct walk *walk)
{
    static const char *const outputs[] = {"selection"};
    struct arena *arena = walk->plan->arena;
    if (walk->cuts_count == 0) {
        return;
    }
    /* Cuts commute, so their order in the pipeline has no part in the key. */
    struct sorted_cut *sorted = ARENA_ARRAY(arena, struct sorted_cut, walk->cuts_count);
    for (size_t i = 0; i < walk->cuts_count; i++) {
        sorted[i] = sortable(arena, &walk->cuts[i]);
    }
    qsort(sorted, walk->cuts_count, sizeof(*sorted), compare_cuts);
    struct port *ports = ARENA_ARRAY(arena, struct port, walk->cuts_count + 1);
    size_t count = walk_reach_port(walk, &ports[0]);
    if (count == 0) {
        struct value_set *document = plan_document(walk->plan, &walk->text);
        ports[count++] = (struct port){"document", true, document};
    }
    struct node *spec = spec_new(arena, ENGINE_CUT, 1);
    node_set(arena, spec, "cuts", cut_entries(walk, sorted, ports, &count));
    const struct recipe recipe = {
        .op = ENGINE_CUT,
        .group = -1,
        .pool = walk->text.pool,
        .spec = spec,
        .ports = ports,
        .ports_count = count,
        .outputs = outputs,
        .outputs_count = 1,
    };
    walk->selection = plan_recipe(walk->plan, &recipe);
    walk->cuts = NULL;
    walk->cuts_count = walk->cuts_capacity = 0;
}
