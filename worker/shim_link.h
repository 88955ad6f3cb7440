/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's end of the shim's socket (worker/shim/shim.h): finds a living shim or starts
 * one, gives orders, and hands over what it says, one line at a time. Never blocks.
 */
#ifndef ASSAY_WORKER_SHIM_LINK_H
#define ASSAY_WORKER_SHIM_LINK_H

#include "common/base/err.h"
#include "common/io/child.h"

struct shim_link {
    const char *state;   /* borrowed */
    const char *program; /* assay-shim */
    const char *helper;  /* assay-attempt */
    int fd;              /* -1: not connected */
    struct child child;  /* the one that we started, to reap it */
    uint64_t try_at_ms;  /* next try to connect */
    uint64_t spawned_ms; /* 0: none yet */
    bool listed;         /* it has told everything that it holds */
};

enum shim_event_kind {
    SHIM_NOTHING = 0,
    SHIM_JOB,    /* task, attempt, ready, running, pid */
    SHIM_LISTED, /* everything held was told since the connection was made */
    SHIM_ENDED,  /* task, attempt */
    SHIM_LOST,   /* the connection is gone */
};

struct shim_event {
    enum shim_event_kind kind;
    uint64_t task, attempt;
    bool ready;   /* a rank of a gang waits for `go` */
    bool running; /* the program itself runs */
    uint32_t pid;
};

void shim_link_init(
    struct shim_link *link, const char *state, const char *program, const char *helper);
void shim_link_close(struct shim_link *link);
/* Connects when it is time to; starts a shim when there is none. False: that could not be
 * started; the tick tries again after a while. */
bool shim_link_tick(struct shim_link *link, uint64_t now_ms, struct err *err);
uint64_t shim_link_deadline(const struct shim_link *link); /* UINT64_MAX while connected */
/* ERR_CONFLICT: a shim of another version runs. */
bool shim_link_next(struct shim_link *link, struct shim_event *ret_event, struct err *err);
/* False while not connected. */
bool shim_link_order(struct shim_link *link, const char *format, ...) PRINTF(2, 3);

#endif
