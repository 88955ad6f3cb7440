/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipelines for use without a grid: a YAML file with a list of steps, or a map with `steps`.
 * The steps are those of the engine; what edits other pipelines (base, without, set, then) or
 * runs programs needs a grid.
 */
#ifndef ASSAY_CURATION_RUN_PIPELINE_FILE_H
#define ASSAY_CURATION_RUN_PIPELINE_FILE_H

#include "common/pipeline/pipeline.h"

/* The engine's own steps, as the planner sees them. */
bool pipeline_engine_steps(
    struct arena *arena, struct step_library *ret_library, struct err *err);
/* Parses a text. Errors name `path`, line and column. The variant has one component over pool
 * 0. */
bool pipeline_file_parse(
    const char *path,
    const char *text,
    const struct step_library *library,
    struct arena *arena,
    struct pipeline_variant *ret_variant,
    struct err *err);
bool pipeline_file_read(
    const char *path,
    const struct step_library *library,
    struct arena *arena,
    struct pipeline_variant *ret_variant,
    struct err *err);

#endif
