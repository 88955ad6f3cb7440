/* SPDX-License-Identifier: Apache-2.0 */
/* The files that a grid names: programs, scales, pipelines, the engine's steps. Each is read
 * once. */
#include <string.h>

#include "common/grid/load.h"

static struct names known_names(struct loader *loader, const char *kind)
{
    struct names names = {0};
    if (loader->files->names) {
        names.count = loader->files->names(
            loader->files->context, kind, loader->reader.arena, &names.items);
        names.capacity = names.count;
    }
    return names;
}

/* Reads the text of "kind:name"; absent or unreadable is reported at `place`. */
static bool read_named(
    struct loader *loader,
    const char *kind,
    const char *name,
    const struct node *place,
    struct diag_source *ret_file)
{
    const struct reader *reader = &loader->reader;
    const char *code = strcmp(kind, "program") == 0 ? "E020" : "E044";
    if (!name_is_valid(name)) {
        REPORT(reader, "E005", place, NULL, "'%s' cannot name a %s", name, kind);
        return false;
    }
    struct err err = {0};
    const char *logical = arena_printf(reader->arena, "%s:%s", kind, name);
    ret_file->file = logical;
    if (loader->files->read(
            loader->files->context,
            logical,
            reader->arena,
            &ret_file->text,
            &ret_file->length,
            &ret_file->file,
            &err)) {
        return true;
    }
    if (err.code != ERR_NOT_FOUND) {
        REPORT(
            reader,
            "E007",
            place,
            err.hint[0] ? err.hint : NULL,
            "%s '%s' cannot be read: %s",
            kind,
            name,
            err.message);
        return false;
    }
    struct names names = known_names(loader, kind);
    const char *plural = arena_printf(reader->arena, "%ss", kind);
    REPORT(
        reader,
        code,
        place,
        names_help(reader->arena, &names, plural, name),
        "there is no %s '%s'",
        kind,
        name);
    return false;
}

static struct node *parse_named(
    struct loader *loader, const char *kind, const char *name, const struct node *place)
{
    struct diag_source file = {0};
    struct node *tree = NULL;
    if (!read_named(loader, kind, name, place, &file)
        || !diags_parse_yaml(loader->reader.diags, file.file, file.text, file.length, &tree)) {
        return NULL;
    }
    return tree;
}

struct node *load_named(
    struct loader *loader, const char *kind, const char *name, const struct node *place)
{
    struct arena *arena = loader->reader.arena;
    const char *logical = arena_printf(arena, "%s:%s", kind, name);
    for (size_t i = 0; i < loader->named_count; i++) {
        if (strcmp(loader->named[i].name, logical) == 0) {
            return loader->named[i].tree;
        }
    }
    struct loaded named = {logical, parse_named(loader, kind, name, place)};
    ARENA_PUSH(arena, loader->named, loader->named_count, loader->named_capacity, named);
    return named.tree;
}

static const struct manifest *parse_program(
    struct loader *loader, const char *name, const struct node *place)
{
    struct diag_source file = {0};
    struct manifest *manifest = NULL;
    const struct reader *reader = &loader->reader;
    if (!read_named(loader, "program", name, place, &file)
        || !manifest_parse(
            file.file, file.text, file.length, reader->arena, reader->diags, &manifest)) {
        return NULL;
    }
    if (strcmp(manifest->name, name) != 0) {
        REPORT(
            reader,
            "E005",
            place,
            NULL,
            "the manifest %s of program '%s' says 'program: %s'",
            file.file,
            name,
            manifest->name);
        return NULL;
    }
    return manifest;
}

const struct manifest *load_program(
    struct loader *loader, const char *name, const struct node *place)
{
    for (size_t i = 0; i < loader->programs_count; i++) {
        if (strcmp(loader->programs[i].name, name) == 0) {
            return loader->programs[i].manifest;
        }
    }
    struct program_load program = {.name = name, .manifest = manifest_builtin(name)};
    if (!program.manifest) {
        program.manifest = parse_program(loader, name, place);
    }
    ARENA_PUSH(
        loader->reader.arena,
        loader->programs,
        loader->programs_count,
        loader->programs_capacity,
        program);
    return program.manifest;
}

static struct node *read_scale(
    struct loader *loader, const char *name, const struct node *place)
{
    struct node *tree = load_named(loader, "scale", name, place);
    const struct reader *reader = &loader->reader;
    if (!tree || !read_expect(reader, tree, NODE_MAP, "a scale")) {
        return NULL;
    }
    const char *own = read_required(reader, tree, "scale", NULL);
    if (own && strcmp(own, name) != 0) {
        REPORT(
            reader,
            "E005",
            node_get(tree, "scale"),
            NULL,
            "the file of scale '%s' says 'scale: %s'",
            name,
            own);
    }
    struct node *fields = node_clone(reader->arena, tree);
    (void)node_remove(fields, "scale");
    (void)node_remove(fields, "about");
    return own ? fields : NULL;
}

struct node *load_scale(struct loader *loader, const char *name, const struct node *place)
{
    struct grid_detail *detail = loader->grid->detail;
    for (size_t i = 0; i < detail->scales_count; i++) {
        if (strcmp(detail->scales[i].name, name) == 0) {
            return detail->scales[i].tree;
        }
    }
    struct loaded scale = {.name = name, .tree = read_scale(loader, name, place)};
    ARENA_PUSH(
        loader->reader.arena,
        detail->scales,
        detail->scales_count,
        detail->scales_capacity,
        scale);
    return scale.tree;
}

void load_steps(struct loader *loader, const struct node *place)
{
    if (loader->steps_loaded) {
        return;
    }
    loader->steps_loaded = true;
    const struct reader *reader = &loader->reader;
    struct diag_source file = {.file = "steps.json"};
    struct err err = {0};
    if (!loader->files->read(
            loader->files->context,
            "steps:",
            reader->arena,
            &file.text,
            &file.length,
            &file.file,
            &err)
        || !step_library_parse(
            file.text, file.length, reader->arena, &loader->grid->steps, &err)) {
        REPORT(
            reader,
            "E007",
            place,
            err.hint[0] ? err.hint : NULL,
            "the list of curation steps (%s) cannot be read: %s",
            file.file,
            err.message);
    }
}

static const char *step_name(struct arena *arena, const struct step_kind *kind)
{
    bool plain = kind->profile[0] == '\0' || kind->profile_default;
    return plain ? kind->name : arena_printf(arena, "%s@%s", kind->name, kind->profile);
}

/* A name that is no step of the engine's may be a program's; asked before anything is reported.
 */
static bool program_exists(struct loader *loader, const char *name)
{
    struct diag_source file = {0};
    return loader->files->read(
        loader->files->context,
        arena_printf(loader->reader.arena, "program:%s", name),
        loader->reader.arena,
        &file.text,
        &file.length,
        &file.file,
        NULL);
}

const struct step_kind *load_step_kind(
    struct loader *loader, const char *name, const struct node *place)
{
    struct grid *grid = loader->grid;
    const struct reader *reader = &loader->reader;
    load_steps(loader, place);
    const struct step_kind *kind = step_library_find(&grid->steps, name);
    if (kind) {
        return kind;
    }
    if (name_is_plain(name) && program_exists(loader, name)) {
        const struct manifest *program = load_program(loader, name, place);
        if (program && program->is_step) {
            step_library_add(reader->arena, &grid->steps, &program->step);
            return step_library_find(&grid->steps, name);
        }
        if (program) {
            REPORT(
                reader,
                "E040",
                place,
                "its manifest needs 'step: {yields: measure, columns: [...]}'",
                "program '%s' is no curation step",
                name);
        }
        return NULL;
    }
    struct names names = {0};
    for (size_t i = 0; i < grid->steps.kinds_count; i++) {
        names_add(reader->arena, &names, step_name(reader->arena, &grid->steps.kinds[i]));
    }
    REPORT(
        reader,
        "E040",
        place,
        names_help(reader->arena, &names, "steps", name),
        "there is no curation step '%s'",
        name);
    return NULL;
}
