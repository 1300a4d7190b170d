/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Subjects: one block of memory for all arrays of a problem, its copies, and the results to compare with.
 *
 * The block comes from the runtime's allocator, as scratch memory does, with huge pages where the system gives them, unless
 * it is moved to small ones. As
 * many threads as the key has fill it, an equal share each, as programs that initialise their arrays in parallel do; so
 * on a machine with several memories it lies in all of them.
 */
#include "src/core/integers.h"
#include "src/core/select.h"
#include "tune/subject_parts.h"
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* Bytes from the end of an array to the next, beside what aligns it: an odd number of lines, so that arrays whose sizes
 * are powers of two do not meet in the same sets of a cache at every step. */
#define APART (33 * GML_ALIGNMENT)

#define LAST_CACHE_UNKNOWN ((int64_t)32 << 20)

#define FILL_STEP ((int64_t)1 << 16) /* elements that are drawn at a time */

struct tune_subject {
    tune_machine on;
    tune_problem problem;
    int64_t copies, turn;
    int64_t step[TUNE_ARRAYS]; /* bytes from a copy to the next, 0 where there is one */
    char *memory, *reference;
    int64_t bytes;
    bool has_reference;
};

const tune_operation *tune_operation_of(gml_operation operation)
{
    static const tune_operation *const all[GML_OPERATIONS] = {&tune_gemm, &tune_softmax, &tune_attention};
    return all[operation];
}

void tune_add(tune_problem *problem, tune_use use, gml_type type, int64_t elements)
{
    const int64_t element = type == GML_F64 ? sizeof(double) : sizeof(float);
    problem->array[problem->arrays++] =
        (tune_array){.use = use, .type = type, .bytes = saturated(elements, element)};
}

bool tune_describe(const tune_machine *on, const gml_key *key, tune_problem *problem)
{
    if (key->operation >= GML_OPERATIONS || key->threads < 1)
        return false;
    memset(problem, 0, sizeof *problem);
    problem->key = *key;
    return tune_operation_of((gml_operation)key->operation)->describe(on, key, problem);
}

bool tune_plan_of(const tune_machine *on, const gml_key *key, const gml_choice *choice, tune_plan *plan)
{
    tune_problem problem;
    if (!tune_describe(on, key, &problem))
        return false;
    for (int i = 0; i < problem.arrays; i++)
        if (problem.array[i].bytes == INT64_MAX)
            return false;
    tune_plan made = {.operation = (gml_operation)key->operation};
    const gml_fpenv found = gml_fpenv_enter();
    const bool legal = tune_operation_of(made.operation)->plan(on, &problem, choice, &made);
    gml_fpenv_leave(found);
    if (legal)
        *plan = made;
    return legal;
}

bool tune_plan_equal(const tune_plan *x, const tune_plan *y)
{
    return x->operation == y->operation && tune_operation_of(x->operation)->equal(x, y);
}

int32_t tune_plan_threads(const tune_plan *plan)
{
    return tune_operation_of(plan->operation)->threads(plan);
}

bool tune_plans(const gml_key *key)
{
    gml_runtime runtime = {.set = gml_set_select(gml_cpu_features(), NULL)};
    const gml_machine machine = {0};
    const tune_machine on = {&machine, &runtime};
    tune_problem problem;
    if (!tune_describe(&on, key, &problem))
        return false;
    const gml_gemm_args *args = &problem.gemm.args;
    return key->operation != GML_OPERATION_GEMM || problem.gemm.batch.count > 1 || !gml_gemm_is_small(args) ||
           !gml_gemm_prepare(gml_gemm_kernels_of(runtime.set, args->type), args).call;
}

/* Where things lie. */

static bool passes(tune_use use)
{
    return use == TUNE_STREAMED || use == TUNE_REPLACED;
}

static bool is_result(tune_use use)
{
    return use == TUNE_WRITTEN || use == TUNE_UPDATED || use == TUNE_REPLACED;
}

static int64_t plus(int64_t x, int64_t y)
{
    return x > INT64_MAX - y ? INT64_MAX : x + y;
}

static int64_t padded(int64_t bytes)
{
    return plus(bytes, APART) / GML_ALIGNMENT * GML_ALIGNMENT;
}

static int64_t copies_of(const tune_machine *on, const tune_problem *problem, gml_state state)
{
    int64_t passing = 0;
    for (int i = 0; i < problem->arrays; i++)
        if (passes(problem->array[i].use))
            passing = plus(passing, problem->array[i].bytes);
    if (state == GML_STATE_WARM || passing == 0)
        return 1;
    const gml_cache_budget cache = gml_cache_budget_of(on->machine, 1);
    const int64_t rotate = 2 * (cache.l3 ? cache.l3 : max64(cache.l2, LAST_CACHE_UNKNOWN));
    return ceil_div(rotate, passing);
}

/* All bytes; where `memory` is given, arrays and reference get their places in it. */
static int64_t lay_out(tune_problem *problem, int64_t copies, int64_t step[TUNE_ARRAYS], char *memory,
                       char **reference)
{
    int64_t used = 0;
    for (int i = 0; i < problem->arrays; i++) {
        tune_array *array = &problem->array[i];
        array->data = memory ? memory + used : NULL;
        const int64_t all = passes(array->use) ? copies : 1;
        step[i] = all > 1 ? padded(array->bytes) : 0;
        if (array->bytes)
            used = plus(used, saturated(padded(array->bytes), all));
    }
    *reference = memory ? memory + used : NULL;
    for (int i = 0; i < problem->arrays; i++)
        if (is_result(problem->array[i].use))
            used = plus(used, problem->array[i].bytes);
    return used;
}

int64_t tune_subject_bytes(const tune_machine *on, const gml_key *key, gml_state state)
{
    tune_problem problem;
    int64_t step[TUNE_ARRAYS];
    char *reference;
    if (!tune_describe(on, key, &problem))
        return 0;
    return plus(sizeof(tune_subject),
                lay_out(&problem, copies_of(on, &problem, state), step, NULL, &reference));
}

/* Numbers. */

/* Element i of an array: its bits, mixed (the finaliser of MurmurHash3), as a number in [-1, 1) that is a multiple of
 * 2^-23. */
static float number(uint32_t seed, uint32_t i)
{
    uint32_t x = i * 0x9e3779b9u + seed;
    x = (x ^ x >> 16) * 0x85ebca6bu;
    x = (x ^ x >> 13) * 0xc2b2ae35u;
    return (float)((int32_t)(x ^ x >> 16) >> 8) * 0x1p-23f;
}

typedef struct fill_job {
    tune_subject *subject;
    int32_t threads;
    bool all; /* all copies; otherwise the results that the problem reads, of the first */
} fill_job;

static void fill_floats(float *to, uint32_t seed, int64_t first, int64_t end)
{
    for (int64_t i = first; i < end; i++)
        to[i] = number(seed, (uint32_t)i);
}

/* Doubles have a full mantissa: two numbers, the second far below the first. */
static void fill_doubles(double *to, uint32_t seed, int64_t first, int64_t end)
{
    for (int64_t i = first; i < end; i++)
        to[i] = (double)number(seed, (uint32_t)i) + 0x1p-23 * (double)number(~seed, (uint32_t)i);
}

/* A thread's share of an array, once drawn and then copied. What is only written has no number yet, but pages. */
static void fill_array(const fill_job *job, int index, int64_t thread)
{
    const tune_subject *subject = job->subject;
    const tune_array *array = &subject->problem.array[index];
    const int64_t element = array->type == GML_F64 ? sizeof(double) : sizeof(float);
    const int64_t elements = array->bytes / element;
    const int64_t first = gml_share(elements, thread, job->threads),
                  end = gml_share(elements, thread + 1, job->threads);
    if (array->use == TUNE_WRITTEN) {
        memset(array->data + first * element, 0xff, (size_t)((end - first) * element));
        return;
    }
    const uint32_t seed = 0x6765u * (uint32_t)(index + 1);
    for (int64_t i = first; i < end; i += FILL_STEP) {
        const int64_t to = min64(i + FILL_STEP, end);
        if (array->type == GML_F64)
            fill_doubles((double *)array->data, seed, i, to);
        else
            fill_floats((float *)array->data, seed, i, to);
        for (int64_t copy = 1; job->all && subject->step[index] && copy < subject->copies; copy++)
            memcpy(array->data + copy * subject->step[index] + i * element, array->data + i * element,
                   (size_t)((to - i) * element));
    }
}

static void fill_share(void *argument, int64_t thread)
{
    const fill_job *job = argument;
    const tune_problem *problem = &job->subject->problem;
    for (int i = 0; i < problem->arrays; i++)
        if (problem->array[i].bytes && (job->all || is_result(problem->array[i].use)))
            fill_array(job, i, thread);
}

static void fill(tune_subject *subject, bool all)
{
    fill_job job = {subject, subject->problem.key.threads, all};
    gml_parallel(subject->on.runtime, job.threads, fill_share, &job);
}

tune_subject *tune_subject_create(const tune_machine *on, const gml_key *key, gml_state state, size_t bytes)
{
    const int64_t needed = tune_subject_bytes(on, key, state);
    const gml_runtime *runtime = on->runtime;
    if (needed <= 0 || needed == INT64_MAX || (uint64_t)needed > bytes)
        return NULL;
    tune_subject *subject = runtime->allocate(runtime->allocator_host, sizeof *subject, GML_ALIGNMENT);
    if (!subject)
        return NULL;
    memset(subject, 0, sizeof *subject);
    subject->on = *on;
    subject->bytes = needed - (int64_t)sizeof *subject;
    subject->memory = runtime->allocate(runtime->allocator_host, (size_t)subject->bytes, GML_ALIGNMENT);
    if (!subject->memory || !tune_describe(on, key, &subject->problem)) {
        tune_subject_destroy(subject);
        return NULL;
    }
    subject->copies = copies_of(on, &subject->problem, state);
    lay_out(&subject->problem, subject->copies, subject->step, subject->memory, &subject->reference);
    fill(subject, true);
    return subject;
}

/* Of the default allocator's memory, which nobody else has plans for. */
static void ask_for_small_pages(const gml_runtime *runtime, char *memory, int64_t bytes)
{
    const int64_t page = sysconf(_SC_PAGESIZE);
    const int64_t before = (int64_t)((uintptr_t)memory % (uintptr_t)page);
    char *first = before ? memory + (page - before) : memory;
    const int64_t whole = (memory + bytes - first) / page * page;
    if (runtime->allocate == gml_default_allocate && whole > 0)
        (void)madvise(first, (size_t)whole, MADV_NOHUGEPAGE);
}

bool tune_subject_move(tune_subject *subject, size_t bytes, bool small_pages)
{
    const gml_runtime *runtime = subject->on.runtime;
    if ((uint64_t)subject->bytes > bytes / 2)
        return false;
    char *memory = runtime->allocate(runtime->allocator_host, (size_t)subject->bytes, GML_ALIGNMENT);
    if (!memory)
        return false;
    if (small_pages)
        ask_for_small_pages(runtime, memory, subject->bytes);
    lay_out(&subject->problem, subject->copies, subject->step, memory, &subject->reference);
    char *left = subject->memory;
    subject->memory = memory;
    subject->has_reference = false;
    fill(subject, true);
    runtime->release(runtime->allocator_host, left, (size_t)subject->bytes);
    return true;
}

void tune_subject_destroy(tune_subject *subject)
{
    if (!subject)
        return;
    const gml_runtime *runtime = subject->on.runtime;
    if (subject->memory)
        runtime->release(runtime->allocator_host, subject->memory, (size_t)subject->bytes);
    runtime->release(runtime->allocator_host, subject, sizeof *subject);
}

/* Runs. */

static void run_at(tune_subject *subject, const tune_plan *plan, int64_t copy)
{
    const tune_operation *operation = tune_operation_of(plan->operation);
    char *address[TUNE_ARRAYS];
    for (int i = 0; i < subject->problem.arrays; i++)
        address[i] = subject->problem.array[i].data + copy * subject->step[i];
    operation->place(&subject->problem, address);
    const gml_fpenv found = gml_fpenv_enter();
    operation->run(subject->on.runtime, &subject->problem, plan);
    gml_fpenv_leave(found);
}

void tune_subject_run(tune_subject *subject, const tune_plan *plan)
{
    run_at(subject, plan, subject->turn);
    subject->turn = subject->turn + 1 == subject->copies ? 0 : subject->turn + 1;
}

const tune_problem *tune_subject_problem(const tune_subject *subject)
{
    return &subject->problem;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

double tune_subject_time(tune_subject *subject, const tune_plan *plan, double least)
{
    const double begin = now();
    double passed = 0;
    int64_t calls = 0, more = 1;
    do {
        for (int64_t i = 0; i < more; i++)
            tune_subject_run(subject, plan);
        calls += more;
        passed = now() - begin;
        /* As many as are left, by what they took so far; at most as many again, as the first are the slowest. */
        const double left = (least - passed) / passed * (double)calls;
        more = left > (double)calls ? calls : left > 1 ? (int64_t)left : 1;
    } while (passed < least);
    return passed / (double)calls;
}

/* Results. */

static bool differs(const tune_subject *subject, const char *reference, int index, char *sentence,
                    size_t size)
{
    const tune_array *array = &subject->problem.array[index];
    const int64_t element = array->type == GML_F64 ? sizeof(double) : sizeof(float);
    if (memcmp(array->data, reference, (size_t)array->bytes) == 0)
        return false;
    int64_t i = 0;
    while (array->data[i] == reference[i])
        i++;
    snprintf(sentence, size, "at its own size, element %lld of the result is not that of the model's plan",
             (long long)(i / element));
    return true;
}

bool tune_subject_agrees(tune_subject *subject, const tune_plan *plan, char *sentence, size_t size)
{
    const tune_problem *problem = &subject->problem;
    tune_plan model;
    if (!subject->has_reference) {
        if (!tune_plan_of(&subject->on, &problem->key, NULL, &model)) {
            snprintf(sentence, size, "the model's own plan does not pass its check");
            return false;
        }
        fill(subject, false);
        run_at(subject, &model, 0);
    }
    char *reference = subject->reference;
    for (int i = 0; i < problem->arrays && !subject->has_reference; i++)
        if (is_result(problem->array[i].use)) {
            memcpy(reference, problem->array[i].data, (size_t)problem->array[i].bytes);
            reference += problem->array[i].bytes;
        }
    subject->has_reference = true;
    fill(subject, false);
    run_at(subject, plan, 0);
    reference = subject->reference;
    for (int i = 0; i < problem->arrays; i++)
        if (is_result(problem->array[i].use)) {
            if (differs(subject, reference, i, sentence, size))
                return false;
            reference += problem->array[i].bytes;
        }
    return true;
}
