/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A conformance case: one JSON line whose members say what kind it is. A kind is one file of
 * this folder and one row of the table in main.c; its function runs the case and says what came
 * out.
 */
#ifndef ASSAY_TESTS_CONFORMANCE_CASE_H
#define ASSAY_TESTS_CONFORMANCE_CASE_H

#include "common/base/arena.h"
#include "common/base/node.h"

enum case_result {
    CASE_PASSED = 0,
    CASE_FAILED,  /* `expected` and `got` say why */
    CASE_NOT_YET, /* nothing here does what the case asks for; `what` names it */
};

struct case_report {
    const char *name;     /* of the case */
    const char *what;     /* mapper, filter or kind */
    const char *params;   /* JSON, or NULL */
    const char *expected; /* JSON */
    const char *got;
};

/* Strings of the report live in the arena. */
typedef enum case_result (*case_function)(
    const struct node *record, struct arena *arena, struct case_report *ret_report);

enum case_result case_dclm(
    const struct node *record, struct arena *arena, struct case_report *ret_report);

#endif
