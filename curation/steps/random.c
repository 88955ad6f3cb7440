/* SPDX-License-Identifier: Apache-2.0 */
/* A number that is uniform on [0, 1) and depends on the seed and the document's text alone: the
 * control of every ablation. Exact copies draw the same number. */
#include <string.h>

#include "common/base/cleanup.h"
#include "curation/steps/features.h"
#include "curation/steps/table.h"

enum {
    SEED = 0,
};

/* The first 3 bytes of SHA-256("random", seed as i64 LE, document digest): as many bits as a
 * float holds exactly. */
static void measure(const struct step_value *params, struct features *features, union cell *row)
{
    uint8_t bytes[6 + 8 + DIGEST_BYTES] = "random";
    int64_t seed = (int64_t)params[SEED].number;
    for (size_t i = 0; i < 8; i++) {
        bytes[6 + i] = (uint8_t)((uint64_t)seed >> (8 * i));
    }
    memcpy(bytes + 14, features_digest(features)->bytes, DIGEST_BYTES);
    struct digest digest = digest_of(bytes, sizeof(bytes));
    uint32_t drawn = (uint32_t)digest.bytes[0] | (uint32_t)digest.bytes[1] << 8
                     | (uint32_t)digest.bytes[2] << 16;
    row[0].f32 = (float)drawn / 16777216.0F;
}

static const struct curation_param params[] = {
    [SEED] =
        {.name = "seed",
         .type = "int",
         .role = STEP_ROLE_MEASURE,
         .fallback = "1",
         .help = "another seed draws other documents"},
};

static const struct curation_column columns[] = {{"value", COLUMN_F32}};

const struct curation_step step_random = {
    .name = "random",
    .profile = "",
    .profile_default = true,
    .version = 1,
    .yields = STEP_MEASURE,
    .about = "a random number per document; keep: 0.1 keeps a tenth",
    .params = params,
    .params_count = ARRAY_LEN(params),
    .columns = columns,
    .columns_count = ARRAY_LEN(columns),
    .measure = measure,
};
