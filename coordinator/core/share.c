/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/share.h"

#include <stdlib.h>
#include <string.h>

/* A device weighs as much as the cores that usually stand beside it. */
#define GPU_CORES  16
#define SLOT_MILLI 100

/* Usage is halved in 64 steps of 2^(-1/64) each, in 2^-16: 65536 x 2^(-1/64) = 64830. */
#define DECAY_STEPS  64
#define DECAY_FACTOR 64830
/* 1 / ln 2 = 1477 / 1024 */
#define LN2_NUMERATOR 1477
#define LN2_SHIFT     10
/* After so many half-lives nothing is left of an amount of 64 bits. */
#define HALVINGS_MAX 64

/* At most so much usage is forgotten when the coordinator dies. */
#define STORE_MS 60000

static const struct owner_limits no_limits = {.weight = 1, .priority_max = LIMIT_PRIORITY};

/* --- Accounts --- */

struct account *account_of(struct core *core, const char *owner)
{
    for (size_t i = 0; i < core->accounts_count; i++) {
        if (strcmp(core->accounts[i]->owner, owner) == 0) {
            return core->accounts[i];
        }
    }
    struct account *account = ARENA_NEW(core->arena, struct account);
    account->owner = arena_strdup(core->arena, owner);
    account->limits = core->limits_default;
    account->advanced_ms = core->now;
    account->stored_ms = core->now;
    CORE_PUSH(core->accounts, core->accounts_count, core->accounts_capacity, account);
    return account;
}

void owners_set(struct core *core, const struct event_owners *event)
{
    core->limits_default = event->has_default ? event->limits_default : no_limits;
    for (size_t i = 0; i < core->accounts_count; i++) {
        core->accounts[i]->limits = core->limits_default;
    }
    for (size_t i = 0; i < event->owners_count; i++) {
        account_of(core, event->owners[i].owner)->limits = event->owners[i].limits;
    }
}

void accounts_done(struct core *core)
{
    free(core->accounts);
}

/* --- Usage --- */

static uint64_t decay_step_ms(const struct core *core)
{
    return core->options.half_life_ms / DECAY_STEPS;
}

static uint64_t slice_ms(const struct core *core)
{
    return core->options.quota_window_ms / USAGE_SLICES;
}

/* Ages may be larger than a step: it was longer when they were stored. */
void account_load(struct core *core, const struct usage_row *row)
{
    struct account *account = account_of(core, row->owner);
    account->usage = row->usage;
    account->decay_age_ms = row->decay_age_ms % decay_step_ms(core);
    account->slice_age_ms = row->slice_age_ms % slice_ms(core);
    memcpy(account->slices, row->slices, sizeof(account->slices));
}

static void slices_turn(struct account *account)
{
    memmove(
        &account->slices[1],
        &account->slices[0],
        (USAGE_SLICES - 1) * sizeof(account->slices[0]));
    account->slices[0] = 0;
    account->slice_age_ms = 0;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* From one step of decay, or one slice of the window, to the next. */
static void account_advance(const struct core *core, struct account *account)
{
    uint64_t left = core->now - account->advanced_ms;
    uint64_t step = decay_step_ms(core);
    uint64_t slice = slice_ms(core);
    left = smaller(left, HALVINGS_MAX * core->options.half_life_ms);
    account->advanced_ms = core->now;
    account->dirty = account->dirty || (left > 0 && account->rate > 0);
    while (left > 0) {
        uint64_t part = smaller(left, step - account->decay_age_ms);
        part = smaller(part, slice - account->slice_age_ms);
        account->usage += account->rate * part;
        account->slices[0] += account->gpus_milli * part;
        account->decay_age_ms += part;
        account->slice_age_ms += part;
        left -= part;
        if (account->decay_age_ms == step) {
            account->usage = (account->usage >> 16) * DECAY_FACTOR
                             + ((account->usage & 0xFFFF) * DECAY_FACTOR >> 16);
            account->decay_age_ms = 0;
        }
        if (account->slice_age_ms == slice) {
            slices_turn(account);
        }
    }
}

void accounts_advance(struct core *core)
{
    for (size_t i = 0; i < core->accounts_count; i++) {
        if (core->accounts[i]->advanced_ms != core->now) {
            account_advance(core, core->accounts[i]);
        }
    }
}

uint64_t attempt_rate(const struct attempt *attempt)
{
    const struct resources *needs = &attempt->needs;
    uint64_t rate = needs->cpus_milli + GPU_CORES * (uint64_t)needs->gpus_milli;
    return attempt->ranks * (rate < SLOT_MILLI ? SLOT_MILLI : rate);
}

uint64_t attempt_gpus_milli(const struct attempt *attempt)
{
    return attempt->ranks * (uint64_t)attempt->needs.gpus_milli;
}

void account_charge(
    struct core *core, struct account *account, const struct attempt *attempt, int sign)
{
    account_advance(core, account);
    if (sign > 0) {
        account->rate += attempt_rate(attempt);
        account->gpus_milli += attempt_gpus_milli(attempt);
        account->open++;
        return;
    }
    CHECK(account->open > 0);
    account->rate -= attempt_rate(attempt);
    account->gpus_milli -= attempt_gpus_milli(attempt);
    account->open--;
}

uint64_t account_score(const struct core *core, const struct account *account)
{
    uint64_t horizon_ms = core->options.half_life_ms * LN2_NUMERATOR >> LN2_SHIFT;
    return (account->usage + account->rate * horizon_ms) / account->limits.weight;
}

uint64_t account_gpu_used(const struct account *account)
{
    uint64_t used = 0;
    for (size_t i = 0; i < USAGE_SLICES; i++) {
        used += account->slices[i];
    }
    return used;
}

/* --- Stored --- */

static void account_persist(struct core *core, struct account *account)
{
    struct usage_row *row = &effects_add(core->out, EFFECT_PERSIST_USAGE)->usage;
    row->owner = arena_strdup(core->out->arena, account->owner);
    row->usage = account->usage;
    row->decay_age_ms = account->decay_age_ms;
    row->slice_age_ms = account->slice_age_ms;
    memcpy(row->slices, account->slices, sizeof(row->slices));
    account->stored_ms = core->now;
    account->dirty = false;
}

void accounts_store(struct core *core)
{
    for (size_t i = 0; i < core->accounts_count; i++) {
        struct account *account = core->accounts[i];
        if (account->dirty && account->stored_ms + STORE_MS <= core->now) {
            account_persist(core, account);
        }
    }
}

static bool is_used_up(const struct account *account)
{
    return account->limits.gpu_ms_max > 0
           && account_gpu_used(account) / 1000 >= account->limits.gpu_ms_max;
}

uint64_t accounts_deadline(const struct core *core)
{
    uint64_t deadline = UINT64_MAX;
    for (size_t i = 0; i < core->accounts_count; i++) {
        const struct account *account = core->accounts[i];
        if (account->dirty || account->rate > 0) {
            deadline = smaller(deadline, account->stored_ms + STORE_MS);
        }
        if (is_used_up(account)) {
            uint64_t turns_ms = account->advanced_ms + slice_ms(core) - account->slice_age_ms;
            deadline = smaller(deadline, turns_ms);
        }
    }
    return deadline;
}
