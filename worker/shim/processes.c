/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/shim/processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/cleanup.h"
#include "common/base/limits.h"
#include "common/base/str.h"
#include "worker/words.h"

enum {
    STAT_BYTES = 1024,
    STATUS_BYTES = 4096,
    ENVIRON_BYTES = 64 << 10,
    CHILDREN_BYTES = 16 << 10,
};

struct process {
    pid_t pid, parent, group, session;
    bool inside;
};

struct table {
    struct process *items;
    size_t count, capacity;
};

static ssize_t read_proc(pid_t pid, const char *name, char *buffer, size_t size)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    int fd CLEANUP(fd_cleanup) = open(path, O_RDONLY | O_CLOEXEC);
    size_t length = 0;
    ssize_t got = fd < 0 ? -1 : 1;
    while (got > 0 && length + 1 < size) {
        got = read(fd, buffer + length, size - 1 - length);
        length += got > 0 ? (size_t)got : 0;
    }
    buffer[length] = '\0';
    return got < 0 && length == 0 ? -1 : (ssize_t)length;
}

/* False for one that is gone or a zombie. */
static bool read_stat(pid_t pid, struct process *ret_process)
{
    char text[STAT_BYTES];
    if (read_proc(pid, "stat", text, sizeof(text)) <= 0) {
        return false;
    }
    char *after_name = strrchr(text, ')'); /* the name may hold anything */
    if (!after_name) {
        return false;
    }
    struct words words = words_split(after_name + 1); /* state parent group session ... */
    uint64_t numbers[3];
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (!words_number(&words, i + 1, &numbers[i])) {
            return false;
        }
    }
    if (words.items[0][0] == 'Z' || words.items[0][0] == 'X') {
        return false;
    }
    *ret_process =
        (struct process){pid, (pid_t)numbers[0], (pid_t)numbers[1], (pid_t)numbers[2], false};
    return true;
}

static bool has_home(pid_t pid, const char *home)
{
    char *text = xmalloc(ENVIRON_BYTES);
    ssize_t length = read_proc(pid, "environ", text, ENVIRON_BYTES);
    bool found = false;
    for (ssize_t at = 0; at < length && !found; at += (ssize_t)strlen(text + at) + 1) {
        found = strncmp(text + at, "HOME=", 5) == 0 && strcmp(text + at + 5, home) == 0;
    }
    free(text);
    return found;
}

static void list_processes(struct table *table)
{
    DIR *dir = opendir("/proc");
    const struct dirent *entry;
    while (dir && (entry = readdir(dir)) != NULL) {
        uint64_t pid;
        struct process process;
        if (!str_to_u64(entry->d_name, &pid) || !read_stat((pid_t)pid, &process)) {
            continue;
        }
        if (table->count == table->capacity) {
            table->capacity = table->capacity ? table->capacity * 2 : 256;
            table->items = xrealloc(table->items, table->capacity * sizeof(*table->items));
        }
        table->items[table->count++] = process;
    }
    if (dir) {
        (void)closedir(dir);
    }
}

static bool is_known(const struct process_scope *scope, pid_t pid)
{
    for (size_t i = 0; i < scope->known_count; i++) {
        if (scope->known[i] == pid) {
            return true;
        }
    }
    return false;
}

static bool is_inside(const struct process_scope *scope, const struct process *process)
{
    if (process->pid == getpid() || process->pid == 1) {
        return false;
    }
    if (scope->leader != 0
        && (process->pid == scope->leader || process->session == scope->leader
            || process->group == scope->leader)) {
        return true;
    }
    if (scope->strays && process->parent == getpid() && !is_known(scope, process->pid)) {
        return true;
    }
    return scope->home && has_home(process->pid, scope->home);
}

/* Children of those inside are inside; a few rounds settle it, as trees are shallow. */
static void add_descendants(struct table *table)
{
    bool more = true;
    while (more) {
        more = false;
        for (size_t i = 0; i < table->count; i++) {
            for (size_t k = 0; k < table->count && !table->items[i].inside; k++) {
                bool child =
                    table->items[k].inside && table->items[i].parent == table->items[k].pid;
                table->items[i].inside = child;
                more = more || child;
            }
        }
    }
}

static void find_inside(const struct process_scope *scope, struct table *table)
{
    list_processes(table);
    for (size_t i = 0; i < table->count; i++) {
        table->items[i].inside = is_inside(scope, &table->items[i]);
    }
    add_descendants(table);
}

static void kill_process(const struct process *process)
{
    int fd CLEANUP(fd_cleanup) = (int)syscall(SYS_pidfd_open, process->pid, 0);
    struct process again;
    if (fd >= 0 && read_stat(process->pid, &again) && again.session == process->session) {
        (void)syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
    }
}

/* Whatever a stage of ours left behind descends from a child of ours: we are the subreaper, and
 * its leader is gone. True when there may be one that is not known, or when nobody can tell. */
static bool has_unknown_children(const struct process_scope *scope)
{
    char name[64];
    char text[CHILDREN_BYTES];
    (void)snprintf(name, sizeof(name), "task/%d/children", (int)getpid());
    ssize_t length = read_proc(getpid(), name, text, sizeof(text));
    if (length < 0 || (size_t)length + 1 >= sizeof(text)) {
        return true;
    }
    const char *at = text;
    for (;;) {
        char *end;
        long pid = strtol(at, &end, 10);
        if (end == at) {
            return false;
        }
        if (!is_known(scope, (pid_t)pid)) {
            return true;
        }
        at = end;
    }
}

size_t processes_kill(const struct process_scope *scope)
{
    if (scope->leader != 0 && !has_unknown_children(scope)) {
        return 0;
    }
    struct table table = {0};
    find_inside(scope, &table);
    size_t alive = 0;
    for (size_t i = 0; i < table.count; i++) {
        if (table.items[i].inside) {
            kill_process(&table.items[i]);
            alive++;
        }
    }
    free(table.items);
    return alive;
}

/* The number after `key` in text like "RssAnon:    1234 kB". */
static uint64_t number_after(const char *text, const char *key)
{
    const char *line = strstr(text, key);
    return line ? strtoull(line + strlen(key), NULL, 10) : 0;
}

uint64_t processes_memory(const struct process_scope *scope)
{
    struct table table = {0};
    find_inside(scope, &table);
    uint64_t bytes = 0;
    for (size_t i = 0; i < table.count; i++) {
        char status[STATUS_BYTES];
        if (table.items[i].inside
            && read_proc(table.items[i].pid, "status", status, sizeof(status)) > 0) {
            bytes +=
                (number_after(status, "RssAnon:") + number_after(status, "RssShmem:")) * KIB;
        }
    }
    free(table.items);
    return bytes;
}

uint64_t processes_oom_kills(void)
{
    char text[16 << 10];
    int fd CLEANUP(fd_cleanup) = open("/proc/vmstat", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (length <= 0) {
        return 0;
    }
    text[length] = '\0';
    return number_after(text, "\noom_kill ");
}
