/* SPDX-License-Identifier: Apache-2.0 */
/* A submitted bundle (docs/formats.md section 3): read from the artifact store, parsed, checked
 * against known revisions, lowered. */
#ifndef ASSAY_COORDINATOR_BUNDLE_H
#define ASSAY_COORDINATOR_BUNDLE_H

#include "common/grid/plan.h"
#include "common/io/artifact.h"
#include "coordinator/store/store.h"
#include "proto/message.h"

/* A program of the bundle and what is known of its files. */
struct bundle_program {
    const char *name;
    uint32_t version;
    struct digest files;
    char revision[DIGEST_HEX];
    char former[DIGEST_HEX]; /* the last revision before, when files changed at the same
                                version; else "" */
    bool is_new;             /* to be stored */
};

struct bundle {
    struct arena *arena; /* owns everything below, the plan too */
    struct digest digest;
    struct artifact_store *store;
    const char *grid_text;
    size_t grid_text_length;
    const char *sets_json;     /* --set edits that the client applied: a JSON list */
    struct node *files, *globs; /* logical name -> path in the tree; pattern -> paths */
    struct diags diags;
    struct grid *grid;
    struct plan_frozen *inputs;
    size_t inputs_count;
    struct plan_program_files *program_files;
    size_t program_files_count;
    struct bundle_program *programs;
    size_t programs_count;
    struct plan *plan;
};

void bundle_done(struct bundle *bundle); /* usable with CLEANUP */
bool bundle_read(struct bundle *bundle, struct artifact_store *store, struct err *err);
/* GRID section 8: ERR_CONFLICT when files changed at the same version and `changed` says stop.
 */
bool bundle_revisions(
    struct bundle *bundle, struct store *store, enum msg_changed changed, struct err *err);
bool bundle_store_revisions(struct bundle *bundle, struct store *store, struct err *err);
bool bundle_lower(struct bundle *bundle, struct store *store, struct err *err);
/* Lists of text for replies: all diagnostics rendered with their source line; notes and
 * warnings only. */
struct node *bundle_diagnostics(const struct bundle *bundle, struct arena *arena);
struct node *bundle_notes(const struct bundle *bundle, struct arena *arena);

#endif
