/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Runs that are killed: sixteen processes write into one directory, two compact it all the time and one reads it, and each is
 * killed again and again at any moment and replaced. Now and then files of killed runs, and of such as live, are made to
 * look two days old, so that compaction takes them. No entry whose tune_store_add has returned may be missing, neither at
 * the end nor at any time in between, and no file may be anything but whole.
 */
#include "tests/store.h"
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { WRITERS = 16, COMPACTORS = 2, READERS = 1, PROCESSES = WRITERS + COMPACTORS + READERS };
enum { KILLS = 64, NUMBERS = 1 << 14, RUN_LENGTH = 12 };

/* What the processes share. */
static struct shared {
    atomic_int next;               /* number of an entry                   */
    atomic_uchar written[NUMBERS]; /* its add has returned                 */
    atomic_int readings, compacted, failures;
    char path[WRITERS][256]; /* of the file that a process writes to */
} * shared;

static void end_child(const char *what, const char *how)
{
    fprintf(stderr, "%s: %s\n", what, how);
    atomic_fetch_add(&shared->failures, 1);
    _exit(1);
}

static void expect(bool fine, const char *what, const char *how)
{
    if (!fine)
        end_child(what, how);
}

/* Leaves the processor to others: there may be one. */
static void rest(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void write_forever(int place)
{
    for (;;) {
        tune_store *store = tune_store_open(root, MACHINE, 7, sentence);
        expect(store != NULL, "open", sentence);
        snprintf(shared->path[place], sizeof shared->path[place], "%s", tune_store_path(store));
        for (int i = 0; i < RUN_LENGTH; i++) {
            const int number = atomic_fetch_add(&shared->next, 1);
            if (number >= NUMBERS)
                _exit(0);
            const gml_wisdom_entry entry = numbered(number + 1);
            expect(tune_store_add(store, &entry, sentence), "add", sentence);
            atomic_store(&shared->written[number], 1);
            rest();
        }
        expect(tune_store_close(store, sentence), "close", sentence);
    }
}

static void compact_forever(void)
{
    for (;;) {
        const int removed = tune_store_compact(directory, sentence);
        expect(removed >= 0 || errno == ENOENT, "compact", sentence);
        if (removed > 0)
            atomic_fetch_add(&shared->compacted, removed);
        rest();
    }
}

/* What is missing of the numbers below `count` that had been written before. */
static int missing(const unsigned char *before, int count)
{
    static unsigned char seen[NUMBERS + 1];
    memset(seen, 0, sizeof seen);
    contents in;
    read_contents(&in);
    for (int64_t i = 0; i < in.list.count; i++)
        seen[in.list.entry[i].key.size[0]] = 1;
    gml_wisdom_list_free(&in.list);
    int lost = 0;
    for (int i = 0; i < count; i++)
        lost += before[i] && !seen[i + 1];
    return lost;
}

static int written_so_far(unsigned char *before)
{
    int count = atomic_load(&shared->next);
    count = count < NUMBERS ? count : NUMBERS;
    for (int i = 0; i < count; i++)
        before[i] = atomic_load(&shared->written[i]);
    return count;
}

static void read_forever(void)
{
    static unsigned char before[NUMBERS];
    for (;;) {
        const int count = written_so_far(before);
        if (!count)
            continue;
        const int lost = missing(before, count);
        char how[64];
        snprintf(how, sizeof how, "%d entries are missing", lost);
        expect(lost == 0, "read", how);
        atomic_fetch_add(&shared->readings, 1);
        rest();
    }
}

static pid_t start(int place)
{
    fflush(stdout);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child)
        return child;
    in_child_fail = end_child;
    if (place < WRITERS)
        write_forever(place);
    else if (place < WRITERS + COMPACTORS)
        compact_forever();
    else
        read_forever();
    _exit(0);
}

static void end(pid_t child)
{
    int status;
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFSIGNALED(status) || WEXITSTATUS(status) == 0, "a process has failed");
}

/* A fixed sequence of what happens when; the machine makes the rest of the chance. */
static uint32_t draw(uint32_t below)
{
    static uint32_t state = 20260101;
    state = state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)state * below >> 32);
}

START_TEST(nothing_is_lost)
{
    begin();
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(shared, MAP_FAILED);
    ck_assert_int_eq(mkdir(directory, 0700), 0);

    pid_t child[PROCESSES];
    for (int i = 0; i < PROCESSES; i++)
        child[i] = start(i);
    int kills = 0;
    while (!atomic_load(&shared->failures) &&
           (kills < KILLS || !atomic_load(&shared->compacted) || !atomic_load(&shared->readings))) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000 + (long)draw(40000000)}, NULL);
        const int victim = (int)draw(WRITERS + COMPACTORS), living = (int)draw(WRITERS);
        kills++;
        end(child[victim]);
        if (victim < WRITERS)
            backdate(shared->path[victim]);
        if (kills % 8 == 0)
            backdate(shared->path[living]);
        child[victim] = start(victim);
    }
    for (int i = 0; i < PROCESSES; i++)
        end(child[i]);
    ck_assert_int_eq(atomic_load(&shared->failures), 0);

    static unsigned char before[NUMBERS];
    const int count = written_so_far(before);
    ck_assert_int_eq(missing(before, count), 0);

    /* What was killed becomes old, and one file of all. */
    contents in;
    read_contents(&in);
    for (int i = 0; i < in.files; i++)
        age(in.name[i]);
    const int files = in.files;
    gml_wisdom_list_free(&in.list);
    ck_assert_int_eq(tune_store_compact(directory, sentence), files > 1 ? files : 0);
    ck_assert_int_eq(missing(before, count), 0);
    read_contents(&in);
    ck_assert_int_eq(in.files, 1);
    for (int64_t i = 0; i < in.list.count; i++)
        ck_assert_int_eq(occurrences(&in, in.list.entry[i].key.size[0]), 1);
    printf("%" PRId64 " entries, %d kills, %d files at the end, %d files compacted, %d readings meanwhile\n",
           in.list.count, kills, files, atomic_load(&shared->compacted), atomic_load(&shared->readings));
    gml_wisdom_list_free(&in.list);
    munmap(shared, sizeof *shared);
    finish();
}
END_TEST

int main(void)
{
    return suite_run("store_kill", 120, (const TTest *const[]){nothing_is_lost, NULL});
}
