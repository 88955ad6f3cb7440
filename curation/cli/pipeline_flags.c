/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/cli/pipeline_flags.h"

#include "curation/run/pipeline_file.h"

bool pipeline_request(
    const struct invocation *invocation, struct run_request *ret_request, struct err *err)
{
    struct arena *arena = invocation->arena;
    struct step_library *library = ARENA_NEW(arena, struct step_library);
    struct pipeline_variant *variant = ARENA_NEW(arena, struct pipeline_variant);
    if (!pipeline_engine_steps(arena, library, err)
        || !pipeline_file_read(invocation->arguments[0], library, arena, variant, err)) {
        return false;
    }
    *ret_request = (struct run_request){
        .shards = (const char *const *)invocation->arguments + 1,
        .shards_count = invocation->count - 1,
        .text_field = config_text(invocation->flags, "text"),
        .group_bytes = (uint64_t)config_int(invocation->flags, "group-bytes"),
        .stop = &stop_requested,
        .library = library,
        .variants = variant,
        .variants_count = 1,
    };
    ret_request->heldout =
        config_list(invocation->flags, "heldout", &ret_request->heldout_count);
    return true;
}
