/* SPDX-License-Identifier: Apache-2.0 */
/* What verbs say to people and to scripts: stderr, exit status, JSON; and what a Ctrl-C says to
 * them. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"

static volatile sig_atomic_t signalled;

static void on_signal(int number)
{
    (void)number;
    signalled++;
    if (signalled > 1) {
        _exit(EXIT_INTERRUPTED); /* asked twice: now */
    }
}

void catch_interrupts(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

bool interrupted(void)
{
    return signalled != 0;
}

void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
}

void print_json(const struct node *body)
{
    CLEANUP(str_done) struct str text;
    str_init(&text, OUTPUT_BYTES_MAX);
    node_to_json_pretty(body, &text);
    (void)printf("%s\n", text.data);
}

void print_err(const struct invocation *invocation, const struct err *err)
{
    bool colour = invocation != NULL && invocation->colour_err;
    (void)fprintf(
        stderr,
        "%serror:%s %s\n",
        colour ? "\033[1;31m" : "",
        colour ? "\033[0m" : "",
        err->message);
    if (err->hint[0] != '\0') {
        (void)fprintf(stderr, "  help: %s\n", err->hint);
    }
}

enum exit_status exit_status_of(const struct err *err)
{
    switch (err->code) {
    case ERR_NONE:
        return EXIT_OK;
    case ERR_INPUT:
    case ERR_LIMIT:
        return EXIT_USAGE;
    case ERR_UNAVAILABLE:
        return EXIT_UNREACHABLE;
    case ERR_NOT_FOUND:
        return EXIT_NOT_FOUND;
    case ERR_TIMEOUT:
        return EXIT_TIMEOUT;
    case ERR_INTERRUPTED:
        return EXIT_INTERRUPTED;
    case ERR_CONFLICT:
    case ERR_DENIED:
    case ERR_IO:
    case ERR_NO_SPACE:
    case ERR_PROTOCOL:
    case ERR_CORRUPT:
    case ERR_INTERNAL:
        break;
    }
    return EXIT_FAILED;
}
