/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Wisdom in use: where a process finds it, how contexts share it, absurd choices and the bits they give, and threads and
 * forked children that compute while it is replaced. What begins a process anew is this program, with an argument.
 */
#define _GNU_SOURCE
#include "tests/operations.h"
#include "tests/wisdom_product.h"
#include <pthread.h>
#include <sys/inotify.h>

enum { THREADS = 4, KEYS = 256 };

#ifdef GML_TEST_SANITIZED
enum { HOSTILE = 6 };
#else
enum { HOSTILE = 24 };
#endif

static char home[MADE_PATH], machine[MADE_PATH]; /* $XDG_DATA_HOME, and this machine's directory in it */

static void put(const char *path, const char *choice)
{
    const gml_wisdom_entry entry = made_entry(key_text, choice);
    made_wisdom(path, &entry, 1);
}

START_TEST(where_it_is_found)
{
    char path[MADE_PATH], list[2 * MADE_PATH];
    snprintf(path, sizeof path, "%.400s/1.wisdom", machine);
    put(path, "nc=32");
    put(made_path(path, "listed"), "nc=96");
    ck_assert_int_eq(nc_elsewhere(NULL, NULL), 0);
    ck_assert_int_eq(nc_elsewhere(NULL, home), 32);
    ck_assert_int_eq(nc_elsewhere("", home), 32);
    ck_assert_int_eq(nc_elsewhere("off", home), 0);
    ck_assert_int_eq(nc_elsewhere(path, home), 96);
    snprintf(list, sizeof list, "/nowhere:%s", path);
    ck_assert_int_eq(nc_elsewhere(list, home), 96);
    snprintf(list, sizeof list, "%.400s/gemmule/wisdom:%s", home, path);
    ck_assert_int_eq(nc_elsewhere(list, NULL), 32);
    ck_assert_int_eq(chmod(path, 0666), 0);
    ck_assert_int_eq(nc_elsewhere(path, home), 32);
}
END_TEST

/* What the first call reads serves all contexts; a refresh brings what is new, also to contexts that are. */
START_TEST(refreshed)
{
    char path[MADE_PATH];
    gml_wisdom_report report = GML_WISDOM_REPORT_INIT;
    gml_context *context = context_of(1);
    ck_assert_int_eq(gml_wisdom_refresh(context, &report), GML_OK);
    ck_assert_int_eq(report.files, 1);
    ck_assert_int_eq(report.accepted, 1);
    ck_assert_int_eq(nc_of(context), 32);

    snprintf(path, sizeof path, "%.400s/2.wisdom", machine);
    put(path, "nc=64");
    gml_context *late = context_of(1);
    ck_assert_int_eq(nc_of(context), 32);
    ck_assert_int_eq(nc_of(late), 32);
    ck_assert_int_eq(import(context, "nc=96", NULL), GML_OK);
    ck_assert_int_eq(nc_of(context), 96);
    ck_assert_int_eq(gml_wisdom_refresh(context, &report), GML_OK);
    ck_assert_int_eq(report.files, 2);
    ck_assert_int_eq(report.refused, 0);
    ck_assert_int_eq(nc_of(context), 64);
    ck_assert_int_eq(nc_of(late), 32);
    gml_context *new = context_of(1);
    ck_assert_int_eq(nc_of(new), 64);

    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(gml_wisdom_refresh(new, NULL), GML_OK);
    ck_assert_int_eq(nc_of(new), 32);
    ck_assert_int_eq(nc_of(context), 64);
    gml_context_destroy(context);
    ck_assert_int_eq(nc_of(late), 32);
    gml_context_destroy(late);
    gml_context_destroy(new);
}
END_TEST

/* How often a file is opened by eight first calls at once, in two contexts each. */
static void *call_first(void *argument)
{
    pthread_barrier_t *barrier = argument;
    gml_context *contexts[2] = {context_of(1), context_of(2)};
    pthread_barrier_wait(barrier);
    for (int i = 0; i < 2; i++) {
        if (nc_of(contexts[i]) != 32)
            _exit(100);
        gml_context_destroy(contexts[i]);
    }
    return NULL;
}

static int opened_once(void)
{
    pthread_t threads[THREADS];
    pthread_barrier_t barrier;
    char events[4096];
    const int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    const char *file = getenv("GEMMULE_WISDOM");
    if (watch < 0 || inotify_add_watch(watch, file, IN_OPEN) < 0 ||
        pthread_barrier_init(&barrier, NULL, THREADS))
        return 100;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, call_first, &barrier))
            return 100;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    const ssize_t size = read(watch, events, sizeof events);
    return size < 0 ? 0 : (int)((size_t)size / sizeof(struct inotify_event));
}

START_TEST(read_once)
{
    char path[MADE_PATH];
    put(made_path(path, "once"), "nc=32");
    ck_assert_int_eq(end(begin("once", path, NULL, NULL)), 1);
}
END_TEST

/* The keys of all operations, as their record has them. */
static int keys_of_operations(gml_key keys[KEYS])
{
    char path[MADE_PATH], line[512];
    int count = 0;
    ck_assert_int_eq(end(begin("record", "off", NULL, made_path(path, "keys"))), 0);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file) && count < KEYS) {
        const char *last = strstr(line, " count=");
        if (last)
            ck_assert(gml_key_read(line, (size_t)(last - line), &keys[count++]));
    }
    fclose(file);
    ck_assert_int_gt(count, OPERATIONS);
    return count;
}

static uint64_t state = 1;

static uint32_t next(void)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 33);
}

/* A choice that says the least, the most, or anything, of some parameters. */
static gml_choice extreme(gml_operation of, int round)
{
    int count;
    const gml_parameter *parameters = gml_parameters(of, &count);
    gml_choice choice = {{0}};
    for (int i = 0; i < count; i++) {
        int32_t most = parameters[i].most;
        for (int name = 0; parameters[i].names && parameters[i].names[name]; name++)
            most = name + 1;
        const uint32_t kind = round < 2 ? (uint32_t)round : next() % 5;
        choice.value[i] = kind == 0   ? 1
                          : kind == 1 ? most
                          : kind == 2 ? 1 + (int32_t)(next() % (uint32_t)most)
                          : kind == 3 ? 1 + (int32_t)(next() % (uint32_t)(most < 300 ? most : 300))
                                      : 0;
    }
    return choice;
}

/* No wisdom, however absurd, changes a bit. */
START_TEST(hostile_choices)
{
    static gml_key keys[KEYS];
    static gml_wisdom_entry entries[KEYS];
    const int count = keys_of_operations(keys);
    gml_context *contexts[2] = {context_of(1), context_of(2)};
    const gml_kernel_set *set = contexts[0]->runtime.set;
    for (int round = 0; round < HOSTILE; round++) {
        for (int i = 0; i < count; i++) {
            const gml_operation of = (gml_operation)keys[i].operation;
            entries[i] = made_entry(key_text, "nc=32");
            entries[i].key = keys[i];
            entries[i].revision = gml_revision(set, of, (gml_type)keys[i].type);
            entries[i].choice = extreme(of, round);
            entries[i].scope = round & 1;
            if (gml_choice_is_model(&entries[i].choice))
                entries[i].gain = entries[i].low = entries[i].high = 1;
        }
        size_t size;
        char *text = made_text(entries, count, &size);
        for (int t = 0; t < 2; t++) {
            gml_wisdom_report report = GML_WISDOM_REPORT_INIT;
            ck_assert_int_eq(gml_wisdom_import_memory(contexts[t], text, size, &report), GML_OK);
            ck_assert_int_eq(report.accepted, count);
            for (int i = 0; i < OPERATIONS; i++)
                ck_assert_msg(operation_right(i, contexts[t]), "%s is wrong with the choices of round %d",
                              operations[i].name, round);
        }
        free(text);
        if (round % 8 == 7)
            for (int t = 0; t < 2; t++)
                ck_assert_int_eq(gml_wisdom_forget(contexts[t]), GML_OK);
    }
    for (int t = 0; t < 2; t++)
        gml_context_destroy(contexts[t]);
}
END_TEST

/* A and B that are packed for one problem have one kernel, whatever is known; what was measured with B packed first. */
START_TEST(packed_operands)
{
    gml_context *context = context_of(1);
    const gml_gemm_kernels *kernels = context->runtime.set->gemm_f32;
    static float expected[M * N];
    for (int i = 0; i < M * K; i++)
        a[i] = (float)(i % 7) - 3;
    for (int i = 0; i < K * N; i++)
        b[i] = (float)(i % 5) - 2;
    ck_assert_int_eq(gml_gemm_f32(context, M, N, K, 1.0f, a, K, 1, b, N, 1, 0.0f, expected, N, 1), GML_OK);
    for (int i = 0; i < kernels->n_tiles; i++) {
        const gml_gemm_kernel *tile = &kernels->tiles[i];
        char choice[64];
        snprintf(choice, sizeof choice, "mr=%d,nr=%d", tile->mr, tile->nr);
        gml_wisdom_entry entries[2] = {
            made_entry("op=gemm type=f32 layout=np0 threads=1 m=100 n=200 k=300 batch=1", choice),
            made_entry("op=gemm type=f32 layout=nn0 threads=1 m=100 n=200 k=300 batch=1", "nc=32")};
        size_t size;
        char *text = made_text(entries, 2, &size);
        ck_assert_int_eq(gml_wisdom_import_memory(context, text, size, NULL), GML_OK);
        free(text);

        gml_gemm_problem p = product();
        gml_packed *packed_a, *packed_b;
        ck_assert_int_eq(gml_gemm_pack_a(&packed_a, context, &p), GML_OK);
        p.rs_a = p.cs_a = 0; /* B alone is read */
        ck_assert_int_eq(gml_gemm_pack_b(&packed_b, context, &p), GML_OK);
        p.a = p.b = NULL;
        p.packed_a = packed_a;
        p.packed_b = packed_b;
        memset(c, 0xff, sizeof c);
        ck_assert_int_eq(gml_gemm(context, &p), GML_OK);
        ck_assert_mem_eq(c, expected, sizeof c);
        gml_explanation x = GML_EXPLANATION_INIT;
        ck_assert_int_eq(gml_explain_gemm(context, &p, &x), GML_OK);
        ck_assert_msg(strstr(x.plan, tile->name) != NULL, "%s has no %s", x.plan, tile->name);
        gml_packed_destroy(packed_a);
        gml_packed_destroy(packed_b);
    }
    gml_context_destroy(context);
}
END_TEST

/* Threads compute while their wisdom is imported, exported, forgotten and read again. */
static atomic_bool stop;

static void *compute(void *argument)
{
    int wrong = 0;
    for (int i = 0; !atomic_load(&stop) || i < OPERATIONS; i++)
        wrong += !operation_right(i % OPERATIONS, argument);
    return wrong ? &stop : NULL;
}

START_TEST(while_threads_compute)
{
    pthread_t threads[THREADS];
    gml_context *context = context_of(2);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, compute, context), 0);
    for (int i = 0; i < 25; i++) {
        size_t size = 0;
        char *text;
        ck_assert_int_eq(import(context, i & 1 ? "nc=64" : "model", NULL), GML_OK);
        ck_assert_int_eq(gml_wisdom_export_memory(context, NULL, &size), GML_OK);
        ck_assert_ptr_nonnull(text = malloc(size));
        ck_assert_int_eq(gml_wisdom_export_memory(context, text, &size), GML_OK);
        ck_assert_int_eq(i % 3 ? gml_wisdom_forget(context) : gml_wisdom_refresh(context, NULL), GML_OK);
        ck_assert_int_eq(gml_wisdom_import_memory(context, text, size, NULL), GML_OK);
        free(text);
        usleep(2000);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < THREADS; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        ck_assert_ptr_null(wrong);
    }
    gml_context_destroy(context);
}
END_TEST

#ifndef GML_TEST_SANITIZED /* a sanitizer's malloc may be locked by the other thread for ever */
/* Children of a process whose threads hold the lock most of the time: they must not wait for these. */
static void *hold_lock(void *argument)
{
    while (!atomic_load(&stop))
        gml_wisdom_refresh(argument, NULL);
    return NULL;
}

static int fork_often(void)
{
    pthread_t thread;
    gml_context *context = context_of(1), *unused = context_of(1);
    if (pthread_create(&thread, NULL, hold_lock, context))
        return 100;
    for (int i = 0; i < 100; i++) {
        const pid_t child = fork();
        if (child == 0) {
            alarm(30);
            _exit(explain(unused).source == GML_PLAN_MEASURED && gml_wisdom_refresh(context, NULL) == GML_OK
                      ? 0
                      : 1);
        }
        int status;
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
            return 1;
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    return 0;
}

START_TEST(children)
{
    char path[MADE_PATH];
    put(made_path(path, "fork"), "nc=32");
    ck_assert_int_eq(end(begin("fork", path, NULL, NULL)), 0);
}
END_TEST

#endif

static int record_all(void)
{
    operations_prepare();
    gml_context *contexts[2] = {context_of(1), context_of(2)};
    int wrong = 0;
    for (int t = 0; t < 2; t++) {
        wrong += operations_wrong(contexts[t]);
        gml_context_destroy(contexts[t]);
    }
    return wrong;
}

static int elsewhere(const char *mode)
{
    if (!strcmp(mode, "nc"))
        return nc_of(NULL);
    if (!strcmp(mode, "once"))
        return opened_once();
    if (!strcmp(mode, "record"))
        return record_all();
#ifndef GML_TEST_SANITIZED
    if (!strcmp(mode, "fork"))
        return fork_often();
#endif
    return 127;
}

int main(int argc, char **argv)
{
    if (argc == 2)
        return elsewhere(argv[1]);
    umask(022);
    operations_prepare();
    if (!made_root_make())
        return EXIT_FAILURE;
    /* A home of our own, empty until where_it_is_found. */
    snprintf(home, sizeof home, "%s/home", made_root);
    snprintf(machine, sizeof machine, "mkdir -p %s/home/gemmule/wisdom/%016llx", made_root,
             (unsigned long long)made_machine());
    if (system(machine) != 0)
        return EXIT_FAILURE;
    memmove(machine, machine + strlen("mkdir -p "), strlen(machine) - strlen("mkdir -p ") + 1);
    setenv("XDG_DATA_HOME", home, 1);
    unsetenv("GEMMULE_WISDOM");
    const int code = suite_run("wisdom_use", 120,
                               (const TTest *const[]){where_it_is_found, refreshed, read_once,
                                                      hostile_choices, packed_operands, while_threads_compute,
#ifndef GML_TEST_SANITIZED
                                                      children,
#endif
                                                      NULL});
    return made_root_remove() ? code : EXIT_FAILURE;
}
