/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <math.h>

#include "curation/ops/json_file.h"
#include "curation/ops/op.h"

/*
 * Whether a view has enough tokens for a budget: no component may be read more than
 * `max_epochs` times. With weights each component has its share of the budget; without, all
 * count together, each as often as it is repeated. Every document counts one <|endoftext|>.
 */
struct need {
    double epochs;
    double available;
    const char *component; /* NULL: the whole view */
};

static double tokens_of(const struct node *part)
{
    int64_t documents = 0;
    const struct node *segments = node_get(part, "segments");
    for (size_t i = 0; segments && segments->kind == NODE_LIST && i < segments->list.count;
         i++) {
        documents += node_get_int(segments->list.items[i], "kept", 0);
    }
    return (double)(node_get_int(part, "tokens", 0) + documents);
}

static double epochs(double tokens, double available)
{
    return available > 0 ? tokens / available : INFINITY;
}

/* The component that is read most often. */
static struct need find_need(const struct node *components, double budget)
{
    double weights = 0;
    double available = 0;
    for (size_t i = 0; i < components->list.count; i++) {
        const struct node *part = components->list.items[i];
        weights += node_get_real(part, "weight", 0);
        available += tokens_of(part) * node_get_real(part, "repeat", 1);
    }
    struct need need = {epochs(budget, available), available, NULL};
    if (weights <= 0) {
        return need;
    }
    need.epochs = 0;
    for (size_t i = 0; i < components->list.count; i++) {
        const struct node *part = components->list.items[i];
        double share = node_get_real(part, "weight", 0) / weights;
        double tokens = tokens_of(part);
        if (share > 0 && epochs(budget * share, tokens) > need.epochs) {
            need.epochs = epochs(budget * share, tokens);
            need.available = tokens;
            need.component = node_get_text(part, "name", "");
        }
    }
    return need;
}

/* 1234567 as 1,234,567. */
static const char *grouped(struct arena *arena, double number)
{
    char digits[32];
    int length = snprintf(digits, sizeof(digits), "%.0f", number);
    struct str CLEANUP(str_done) out;
    str_init(&out, 64);
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) {
            str_append_char(&out, ',');
        }
        str_append_char(&out, digits[i]);
    }
    return arena_strdup(arena, out.data);
}

static const char *reason_of(struct arena *arena, const struct need *need, double max_epochs)
{
    const char *of = need->component ? arena_printf(arena, " of '%s'", need->component) : "";
    if (need->available <= 0) {
        return arena_printf(arena, "there are no tokens%s", of);
    }
    return arena_printf(
        arena,
        "needs %.1f epochs of %s tokens%s, at most %g",
        need->epochs,
        grouped(arena, need->available),
        of,
        max_epochs);
}

bool op_budget(struct task *task, struct err *err)
{
    const struct task_input *view;
    struct node *root;
    int64_t budget;
    double max_epochs = node_get_real(task->params, "max_epochs", 4);
    if (!task_need_int(task, "tokens", 1, INT64_MAX, &budget, err)
        || !task_need_input(task, "view", &view, err)
        || !json_file_read(
            view->paths[0], "view.json", "assay_view", task->arena, &root, err)) {
        return false;
    }
    const struct node *components = node_get(root, "components");
    const struct node *tokens = node_get(root, "tokens");
    if (!components || components->kind != NODE_LIST || !tokens || tokens->kind != NODE_INT) {
        return err_set(err, ERR_INPUT, "'%s' is a view without tokens", view->paths[0]);
    }
    struct arena *arena = task->arena;
    struct need need = find_need(components, (double)budget);
    bool go = need.epochs <= max_epochs;
    struct node *decision = json_file_new(arena, "assay_decision");
    node_set(arena, decision, "verdict", node_string(arena, go ? "go" : "skip"));
    node_set(
        arena,
        decision,
        "reason",
        node_string(arena, go ? "" : reason_of(arena, &need, max_epochs)));
    if (isfinite(need.epochs)) {
        node_set(arena, decision, "epochs", node_real(arena, need.epochs));
    }
    node_set(arena, decision, "tokens", node_int(arena, tokens->integer));
    const char *dir;
    return task_output_dir(task, NULL, &dir, err)
           && json_file_write(dir, "decision.json", decision, err);
}
