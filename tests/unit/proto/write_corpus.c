/* SPDX-License-Identifier: Apache-2.0 */
/* write_corpus DIR: one small random frame of every message, the seeds of
 * tests/fuzz/corpus/wire. Run it again when a message changes. */
#include <stdio.h>

#include "common/base/limits.h"
#include "tests/unit/proto/random_message.h"

static bool write_frame(const char *dir, enum message_type type, struct rng *rng)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct str frame CLEANUP(str_done) = {0};
    str_init(&frame, LIMIT_MESSAGE_BYTES);
    struct message message = random_message(type, 2, rng, arena);
    if (!message_pack(&message, &frame, NULL)) {
        return false;
    }
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, message_type_name(type));
    FILE *file CLEANUP(file_cleanup) = fopen(path, "we");
    return file && fwrite(frame.data, 1, frame.length, file) == frame.length;
}

int main(int argc, char **argv)
{
    struct rng rng;
    rng_init(&rng, 7);
    for (size_t i = 0; argc == 2 && i < message_types_count; i++) {
        if (!write_frame(argv[1], message_types[i], &rng)) {
            (void)fprintf(stderr, "%s: cannot write\n", argv[1]);
            return 1;
        }
    }
    return argc == 2 ? 0 : 2;
}
