/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/yaml_scalar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_one_of(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

static const char *skip_sign(const char *text)
{
    return *text == '-' || *text == '+' ? text + 1 : text;
}

static bool only_of(const char *text, const char *characters)
{
    return *text != '\0' && strspn(text, characters) == strlen(text);
}

static bool set_integer(struct node *node, const char *digits, int base, struct err *err)
{
    errno = 0;
    long long value = strtoll(digits, NULL, base);
    if (errno != 0) {
        (void)err_set(err, ERR_INPUT, "integer '%s' does not fit into 64 bits", node->text);
        return err_hint(err, "quote it if a string is meant");
    }
    node->kind = NODE_INT;
    node->integer = value;
    return true;
}

static bool is_special_real(const char *text)
{
    static const char *const infinities[] = {".inf", ".Inf", ".INF"};
    static const char *const nans[] = {".nan", ".NaN", ".NAN"};
    return is_one_of(skip_sign(text), infinities, ARRAY_LEN(infinities))
           || is_one_of(text, nans, ARRAY_LEN(nans));
}

static bool looks_real(const char *text)
{
    const char *c = skip_sign(text);
    size_t whole = strspn(c, "0123456789");
    c += whole;
    size_t fraction = 0;
    if (*c == '.') {
        fraction = strspn(c + 1, "0123456789");
        c += 1 + fraction;
    }
    if (whole + fraction == 0) {
        return false;
    }
    if (*c == 'e' || *c == 'E') {
        c = skip_sign(c + 1);
        return only_of(c, "0123456789");
    }
    return *c == '\0';
}

static bool resolve_real(struct node *node, struct err *err)
{
    double value = 0;
    if (is_special_real(node->text) || !str_to_double(node->text, &value)) {
        (void)err_set(err, ERR_INPUT, "number '%s' is not finite", node->text);
        return err_hint(err, "quote it if a string is meant");
    }
    node->kind = NODE_REAL;
    node->real = value;
    return true;
}

bool yaml_scalar_resolve(struct node *node, struct err *err)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    static const char *const trues[] = {"true", "True", "TRUE"};
    static const char *const falses[] = {"false", "False", "FALSE"};
    const char *text = node->text;
    if (is_one_of(text, nulls, ARRAY_LEN(nulls))) {
        node->kind = NODE_NULL;
        return true;
    }
    if (is_one_of(text, trues, ARRAY_LEN(trues))
        || is_one_of(text, falses, ARRAY_LEN(falses))) {
        node->kind = NODE_BOOL;
        node->boolean = text[0] == 't' || text[0] == 'T';
        return true;
    }
    if (only_of(skip_sign(text), "0123456789")) {
        return set_integer(node, text, 10, err);
    }
    if (str_has_prefix(text, "0o") && only_of(text + 2, "01234567")) {
        return set_integer(node, text + 2, 8, err);
    }
    if (str_has_prefix(text, "0x") && only_of(text + 2, "0123456789abcdefABCDEF")) {
        return set_integer(node, text + 2, 16, err);
    }
    if (looks_real(text) || is_special_real(text)) {
        return resolve_real(node, err);
    }
    node->kind = NODE_STRING;
    return true;
}
