/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/expander.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/check.h"

struct queue {
    struct expansion *first, *last;
};

struct expander {
    const char *database, *artifacts_root;
    int fd;
    pthread_t thread;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t asked;
    struct queue waiting, done;
    bool stopping;
};

static void queue_push(struct queue *queue, struct expansion *expansion)
{
    expansion->next = NULL;
    if (queue->last != NULL) {
        queue->last->next = expansion;
    } else {
        queue->first = expansion;
    }
    queue->last = expansion;
}

static struct expansion *queue_pop(struct queue *queue)
{
    struct expansion *expansion = queue->first;
    if (expansion != NULL) {
        queue->first = expansion->next;
        queue->last = queue->first != NULL ? queue->last : NULL;
        expansion->next = NULL;
    }
    return expansion;
}

/* --- The thread --- */

/* NULL when it is to stop. */
static struct expansion *wait_for_work(struct expander *expander)
{
    CHECK(pthread_mutex_lock(&expander->lock) == 0);
    while (expander->waiting.first == NULL && !expander->stopping) {
        CHECK(pthread_cond_wait(&expander->asked, &expander->lock) == 0);
    }
    struct expansion *expansion = expander->stopping ? NULL : queue_pop(&expander->waiting);
    CHECK(pthread_mutex_unlock(&expander->lock) == 0);
    return expansion;
}

static void hand_back(struct expander *expander, struct expansion *expansion)
{
    CHECK(pthread_mutex_lock(&expander->lock) == 0);
    queue_push(&expander->done, expansion);
    CHECK(pthread_mutex_unlock(&expander->lock) == 0);
    CHECK(eventfd_write(expander->fd, 1) == 0);
}

static void expand(
    struct expander *expander,
    struct expansion *expansion,
    struct artifact_store **artifacts,
    struct store **store)
{
    if ((*artifacts == NULL
         && !artifact_store_open(expander->artifacts_root, artifacts, &expansion->err))
        || (*store == NULL && !store_open(expander->database, store, &expansion->err))) {
        expansion->ok = false;
        return;
    }
    expansion_run(expansion, *artifacts, *store);
    if (expansion->err.code == ERR_UNAVAILABLE) {
        store_cleanup(store); /* and connect anew */
    }
}

static void *run(void *context)
{
    struct expander *expander = context;
    struct artifact_store *artifacts = NULL;
    struct store *store = NULL;
    for (struct expansion *expansion = wait_for_work(expander); expansion != NULL;
         expansion = wait_for_work(expander)) {
        expand(expander, expansion, &artifacts, &store);
        hand_back(expander, expansion);
    }
    store_close(store);
    artifact_store_close(artifacts);
    return NULL;
}

/* --- The loop's side --- */

bool expander_create(
    const char *database,
    const char *artifacts_root,
    struct expander **ret_expander,
    struct err *err)
{
    struct expander *expander = xcalloc(sizeof(*expander));
    expander->database = database;
    expander->artifacts_root = artifacts_root;
    expander->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (expander->fd < 0) {
        free(expander);
        return err_sys(err, errno, "eventfd");
    }
    CHECK(pthread_mutex_init(&expander->lock, NULL) == 0);
    CHECK(pthread_cond_init(&expander->asked, NULL) == 0);
    int failure = pthread_create(&expander->thread, NULL, run, expander);
    if (failure != 0) {
        (void)close(expander->fd);
        free(expander);
        return err_sys(err, failure, "a thread for expansions");
    }
    *ret_expander = expander;
    return true;
}

void expander_destroy(struct expander *expander)
{
    if (expander == NULL) {
        return;
    }
    CHECK(pthread_mutex_lock(&expander->lock) == 0);
    expander->stopping = true;
    CHECK(pthread_cond_signal(&expander->asked) == 0);
    CHECK(pthread_mutex_unlock(&expander->lock) == 0);
    CHECK(pthread_join(expander->thread, NULL) == 0);
    for (struct expansion *left = queue_pop(&expander->waiting); left != NULL;
         left = queue_pop(&expander->waiting)) {
        expansion_destroy(left);
    }
    for (struct expansion *left = queue_pop(&expander->done); left != NULL;
         left = queue_pop(&expander->done)) {
        expansion_destroy(left);
    }
    CHECK(pthread_mutex_destroy(&expander->lock) == 0);
    CHECK(pthread_cond_destroy(&expander->asked) == 0);
    (void)close(expander->fd);
    free(expander);
}

int expander_fd(const struct expander *expander)
{
    return expander->fd;
}

void expander_push(struct expander *expander, struct expansion *expansion)
{
    CHECK(pthread_mutex_lock(&expander->lock) == 0);
    queue_push(&expander->waiting, expansion);
    CHECK(pthread_cond_signal(&expander->asked) == 0);
    CHECK(pthread_mutex_unlock(&expander->lock) == 0);
}

struct expansion *expander_take(struct expander *expander)
{
    eventfd_t count;
    (void)eventfd_read(expander->fd, &count); /* nothing there is no error */
    CHECK(pthread_mutex_lock(&expander->lock) == 0);
    struct expansion *expansion = queue_pop(&expander->done);
    CHECK(pthread_mutex_unlock(&expander->lock) == 0);
    return expansion;
}
