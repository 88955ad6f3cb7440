/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/str.h"

enum {
    LINE_EVERY_MS = 10000, /* where lines are not redrawn */
    SURE_AFTER_MS = 1000,  /* before that, a time left is a guess */
};

void progress_init(struct progress *progress)
{
    uint64_t now = clock_monotonic_ms();
    *progress = (struct progress){
        .terminal = isatty(STDERR_FILENO) == 1,
        .started_ms = now,
        .shown_ms = now,
    };
}

static void show(void *context, double done, double total, const char *unit)
{
    struct progress *progress = context;
    uint64_t now = clock_monotonic_ms();
    uint64_t elapsed = now - progress->started_ms;
    if ((!progress->terminal && now - progress->shown_ms < LINE_EVERY_MS) || total <= 0) {
        return;
    }
    progress->shown_ms = now;
    char speed[32] = "";
    char left[32] = "?";
    double share = done < total ? done / total : 1;
    if (elapsed > 0 && strcmp(unit, "bytes") == 0) {
        (void)str_human_bytes((uint64_t)(done * 1000 / (double)elapsed), speed, sizeof(speed));
    }
    if (elapsed >= SURE_AFTER_MS && share > 0) {
        (void)str_human_ms(
            (uint64_t)((double)elapsed * (1 - share) / share), left, sizeof(left));
    }
    (void)fprintf(
        stderr,
        "%s%3.0f %%%s%s%s, %s left%s",
        progress->terminal ? "\r\033[K" : "",
        100 * share,
        speed[0] != '\0' ? ", " : "",
        speed,
        speed[0] != '\0' ? "/s" : "",
        left,
        progress->terminal ? "" : "\n");
    progress->drawn = progress->terminal;
}

struct task_report progress_report(struct progress *progress)
{
    return (struct task_report){.progress = show, .context = progress};
}

void progress_done(struct progress *progress)
{
    if (progress->drawn) {
        (void)fputs("\r\033[K", stderr);
        progress->drawn = false;
    }
}
