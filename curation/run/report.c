/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/run/report.h"

#include <inttypes.h>
#include <string.h>

enum {
    STEP_WIDTH_MIN = 12,
    STEP_WIDTH_MAX = 40,
};

static const struct node *item(const struct node *list, size_t place)
{
    return list && list->kind == NODE_LIST && place < list->list.count ? list->list.items[place]
                                                                       : NULL;
}

/* Wide enough for the longest name. */
static int step_width(const struct node *funnel)
{
    size_t width = STEP_WIDTH_MIN;
    for (size_t i = 0; item(funnel, i); i++) {
        size_t length = strlen(node_get_text(item(funnel, i), "step", ""));
        width = length > width ? length : width;
    }
    return (int)(width < STEP_WIDTH_MAX ? width : STEP_WIDTH_MAX);
}

static void append_line(
    const struct node *line,
    const struct node *before,
    int width,
    int64_t pool,
    struct str *out)
{
    char bytes[32];
    int64_t documents = node_get_int(line, "documents", 0);
    int64_t in = before ? node_get_int(before, "documents", 0) : documents;
    int64_t size = node_get_int(line, "bytes", 0);
    (void)str_human_bytes((uint64_t)size, bytes, sizeof(bytes));
    double left = pool > 0 ? 100.0 * (double)size / (double)pool : 0;
    str_appendf(
        out,
        "%-*s %12" PRId64 " %12" PRId64 " %12" PRId64 " %10s %6.1f %%\n",
        width,
        node_get_text(line, "step", ""),
        in,
        documents,
        in - documents,
        bytes,
        left);
}

void report_funnel(const struct node *view, struct str *out)
{
    const struct node *components = node_get(view, "components");
    for (size_t i = 0; item(components, i); i++) {
        const struct node *component = item(components, i);
        const struct node *funnel = node_get(component, "funnel");
        int width = step_width(funnel);
        if (components->list.count > 1) {
            str_appendf(
                out,
                "%scomponent %s\n",
                i > 0 ? "\n" : "",
                node_get_text(component, "name", ""));
        }
        str_appendf(
            out,
            "%-*s %12s %12s %12s %10s %8s\n",
            width,
            "step",
            "in",
            "out",
            "removed",
            "bytes",
            "left");
        int64_t pool = node_get_int(item(funnel, 0), "bytes", 0);
        for (size_t j = 0; item(funnel, j); j++) {
            const struct node *before = j > 0 ? item(funnel, j - 1) : NULL;
            append_line(item(funnel, j), before, width, pool, out);
        }
    }
}
