/* SPDX-License-Identifier: Apache-2.0 */
/* A shard of any bytes, plain or compressed: the reader ends or says why, what it gives is
 * valid UTF-8, and every local step can measure it. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/cleanup.h"
#include "common/base/str.h"
#include "curation/io/reader.h"
#include "curation/steps/features.h"
#include "curation/steps/step.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void measure_all(struct features *features, const struct document *document)
{
    size_t count = 0;
    const struct curation_step *const *steps = curation_steps(&count);
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    features_set(features, document->text, document->text_length);
    for (size_t i = 0; i < count; i++) {
        union cell row[STEP_COLUMNS_MAX];
        struct curation_use use;
        if (steps[i]->measure != NULL) {
            CHECK(curation_use_bind(steps[i], NULL, arena, &use, NULL));
            steps[i]->measure(use.values, features, row);
            CHECK(curation_use_verdict(&use, row) <= steps[i]->rules_count);
        }
    }
}

static void read_shard(const char *path, enum reader_malformed malformed)
{
    struct reader_options options = {
        .url_field = "url", .id_field = "id", .malformed = malformed};
    struct reader *reader CLEANUP(reader_cleanup) = reader_create(&path, 1, &options);
    struct features *features CLEANUP(features_cleanup) = features_create();
    const struct document *document = NULL;
    struct err err = {0};
    while (reader_next(reader, &document, &err) && document != NULL) {
        if (document->present) {
            CHECK(str_is_utf8(document->text, document->text_length));
            CHECK(document->text_start < document->text_end);
            CHECK(document->text_end <= document->line_length);
            measure_all(features, document);
        }
    }
    CHECK(document == NULL || err.code != ERR_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    int fd CLEANUP(fd_cleanup) = memfd_create("shard", MFD_CLOEXEC);
    CHECK(fd >= 0);
    CHECK(write(fd, data, size) == (ssize_t)size);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    read_shard(path, READER_FAIL);
    read_shard(path, READER_ABSENT);
    return 0;
}
