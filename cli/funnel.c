/* SPDX-License-Identifier: Apache-2.0 */
/* What curation kept, step by step, and some of what it removed. */
#include <math.h>
#include <string.h>

#include "cli/client.h"
#include "cli/compare.h"
#include "cli/grids.h"
#include "common/base/digest.h"
#include "common/base/limits.h"

#define SAMPLES     3
#define SAMPLE_TEXT 100

/* The first part of the samples' file of a curation's view; "" when there is none. */
static const char *fetch_samples(
    struct client *client,
    const struct results_grid *grid,
    const char *task,
    struct arena *arena,
    struct err *err)
{
    struct node *body = NULL;
    struct node *parameters =
        grid_parameters(arena, arena_printf(arena, "%lld", (long long)grid->id));
    node_set(arena, parameters, "task", node_string(arena, task));
    if (!client_query(client, "task", parameters, arena, &body, err)) {
        return NULL;
    }
    const struct node *outputs = node_get(node_get(body, "task"), "outputs");
    const char *digest = outputs == NULL || outputs->list.count == 0
                             ? NULL
                             : node_get_text(outputs->list.items[0], "digest", NULL);
    struct message message = {
        .type = MSG_FETCH,
        .fetch = {.path = "removed.jsonl", .length = LIMIT_BLOB_CHUNK_BYTES}};
    struct msg_reply reply;
    if (digest == NULL || !digest_from_hex(digest, &message.fetch.digest)) {
        return "";
    }
    if (!client_request(client, &message, arena, &reply, err)) {
        return NULL;
    }
    return arena_strndup(arena, (const char *)reply.data.data, reply.data.length);
}

/* Of each step one, then more, until there are three; in the file's order. */
static struct node *choose_samples(const char *text, struct arena *arena)
{
    struct node *all = node_list(arena);
    struct node *chosen = node_list(arena);
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        struct node *sample = NULL;
        struct err ignored = {0};
        if (text[length] == '\n'
            && node_parse_json(text, length, arena, &sample, NULL, &ignored)) {
            node_push(arena, all, sample);
        }
        text += length + (text[length] == '\n');
    }
    for (int round = 0; round < SAMPLES; round++) {
        const char *step = "";
        int of_step = 0;
        for (size_t i = 0; i < all->list.count && chosen->list.count < SAMPLES; i++) {
            const char *name = node_get_text(all->list.items[i], "step", "?");
            of_step = strcmp(name, step) == 0 ? of_step + 1 : 0;
            step = name;
            if (of_step == round) {
                node_push(arena, chosen, all->list.items[i]);
            }
        }
    }
    return chosen;
}

static void show_samples(const struct node *samples, const struct show *show)
{
    for (size_t i = 0; i < samples->list.count; i++) {
        const struct node *sample = samples->list.items[i];
        const char *rule = node_get_text(sample, "rule", "");
        str_appendf(
            show->out,
            "  removed by %s%s%s: %s\n    %s%s%s\n",
            node_get_text(sample, "step", "?"),
            rule[0] == '\0' ? "" : ", ",
            rule,
            node_get_text(sample, "url", "(no url)"),
            style_on(STYLE_DIM, show->colour),
            text_cut(show->arena, node_get_text(sample, "text", ""), SAMPLE_TEXT),
            style_off(STYLE_DIM, show->colour));
    }
}

static const char *amount(struct arena *arena, double value)
{
    return isnan(value) ? "" : text_integer(arena, (uint64_t)value);
}

/* The steps of one task, `count` of them; returns its part of the JSON answer. */
static struct node *show_steps(
    const struct results_funnel_step *steps, size_t count, const struct show *show)
{
    struct arena *arena = show->arena;
    struct node *node = node_map(arena);
    struct node *list = node_list(arena);
    struct table table;
    table_init(&table, arena);
    table_left(&table, "STEP");
    table_right(&table, "DOCUMENTS");
    table_right(&table, "OF POOL");
    table_right(&table, "BYTES");
    table_right(&table, "OF POOL");
    table_right(&table, "TOKENS");
    for (size_t i = 0; i < count; i++) {
        const struct results_funnel_step *step = &steps[i];
        struct node *entry = node_map(arena);
        table_add(&table, STYLE_PLAIN, step->step);
        table_add(&table, STYLE_PLAIN, amount(arena, step->documents));
        table_addf(&table, STYLE_DIM, "%.1f %%", 100 * step->documents / steps[0].documents);
        table_add(&table, STYLE_PLAIN, amount(arena, step->bytes));
        table_addf(&table, STYLE_DIM, "%.1f %%", 100 * step->bytes / steps[0].bytes);
        table_add(&table, STYLE_PLAIN, amount(arena, step->tokens));
        node_set(arena, entry, "step", node_string(arena, step->step));
        node_set(arena, entry, "documents", node_real(arena, step->documents));
        node_set(arena, entry, "bytes", node_real(arena, step->bytes));
        node_set(
            arena,
            entry,
            "tokens",
            isnan(step->tokens) ? node_null(arena) : node_real(arena, step->tokens));
        node_push(arena, list, entry);
    }
    table_render(&table, "  ", show->columns, show->colour, show->out);
    node_set(arena, node, "task", node_string(arena, steps[0].task));
    node_set(arena, node, "point", node_clone(arena, steps[0].point));
    node_set(arena, node, "steps", list);
    return node;
}

bool funnel_show(
    const struct invocation *invocation,
    struct results *results,
    const struct results_grid *grid,
    const struct show *show,
    struct node *body,
    struct err *err)
{
    struct arena *arena = invocation->arena;
    CLEANUP(client_cleanup) struct client *client = NULL;
    struct results_funnel_step *steps = NULL;
    size_t count = 0;
    struct err away = {0};
    struct node *list = node_list(arena);
    if (!results_funnel(results, grid, &steps, &count, arena, err)) {
        return false;
    }
    bool talking = count > 0 && client_open(invocation, &client, &away);
    for (size_t i = 0, next = 0; i < count; i = next) {
        for (next = i; next < count && strcmp(steps[next].task, steps[i].task) == 0; next++) {
        }
        str_appendf(
            show->out,
            "\n%s%s%s keeps\n",
            style_on(STYLE_BOLD, show->colour),
            steps[i].task,
            style_off(STYLE_BOLD, show->colour));
        struct node *part = show_steps(&steps[i], next - i, show);
        const char *text =
            talking ? fetch_samples(client, grid, steps[i].task, arena, &away) : NULL;
        talking = talking && (text != NULL || away.code != ERR_UNAVAILABLE);
        struct node *samples = choose_samples(text == NULL ? "" : text, arena);
        show_samples(samples, show);
        node_set(arena, part, "removed", samples);
        node_push(arena, list, part);
    }
    if (away.code != ERR_NONE) {
        say("samples of removed documents are not all here: %s", away.message);
    }
    node_set(arena, body, "funnel", list);
    return true;
}
