/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The space of choices and the standard problems, on machines that are made up: one like today's, one that reports no
 * caches, one of 64 CPUs, and one that has no vectors.
 */
#include "src/core/select.h"
#include "tests/replay.h"
#include "tests/suite.h"
#include "tune/space.h"
#include <gemmule/gemmule.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct made_up {
    const char *name;
    gml_machine machine;
    gml_runtime runtime;
    int32_t threads;
} made_up;

#define EXAMPLES 4
static made_up examples[EXAMPLES];

static void make_examples(void)
{
    const gml_machine common = {.features = gml_cpu_features(),
                                .l1d = {.bytes = 48 << 10, .shared = 1},
                                .l2 = {.bytes = 1 << 20, .shared = 1},
                                .l3 = {.bytes = 32 << 20, .shared = 2},
                                .cpus_online = 2,
                                .cpus_allowed = 2};
    const gml_kernel_set *best = gml_set_select(common.features, NULL);
    for (int i = 0; i < EXAMPLES; i++)
        examples[i] = (made_up){.machine = common, .runtime = {.set = best, .threads = 1}, .threads = 1};
    examples[0].name = "common";
    examples[0].threads = 2;
    examples[1].name = "no caches";
    examples[1].machine.l1d = examples[1].machine.l2 = examples[1].machine.l3 = (gml_cache){.bytes = 0};
    examples[2].name = "64 CPUs";
    examples[2].machine.cpus_online = examples[2].machine.cpus_allowed = examples[2].threads = 64;
    examples[2].machine.l3 = (gml_cache){.bytes = 256 << 20, .shared = 64};
    examples[3].name = "ref";
    examples[3].runtime.set = gml_set_by_name("ref");
}

#define PROBLEMS 256
static gml_key problems[PROBLEMS];

static int problems_of(const made_up *example)
{
    return tune_suite(~0U, ~0U, &example->threads, 1, problems, PROBLEMS);
}

static tune_machine machine_of(const made_up *example)
{
    return (tune_machine){.machine = &example->machine, .runtime = (gml_runtime *)&example->runtime};
}

/* "common: op=gemm ..., nc=960": where a check failed. */
static const char *place(const made_up *example, const gml_key *key, const gml_choice *choice)
{
    static char text[64 + GML_KEY_TEXT + GML_CHOICE_TEXT];
    char key_text[GML_KEY_TEXT], choice_text[GML_CHOICE_TEXT] = "";
    gml_key_write(key, key_text, sizeof key_text);
    if (choice)
        gml_choice_write((gml_operation)key->operation, choice, choice_text, sizeof choice_text);
    snprintf(text, sizeof text, "%s: %s, %s", example->name, key_text, choice_text);
    return text;
}

/* All choices make plans that pass the check, and no two the same plan. */
static void check_distinct(const made_up *example, const gml_key *key, const gml_choice *choices, int count)
{
    static tune_plan plans[TUNE_GRID_MOST];
    const tune_machine on = machine_of(example);
    for (int i = 0; i < count; i++) {
        if (!tune_plan_of(&on, key, &choices[i], &plans[i])) /* each assertion is a write */
            ck_abort_msg("%s is refused", place(example, key, &choices[i]));
        for (int j = 0; j < i; j++)
            if (tune_plan_equal(&plans[i], &plans[j]))
                ck_abort_msg("%s is there twice", place(example, key, &choices[i]));
    }
}

static bool holds(const made_up *example, const gml_key *key, const gml_choice *choices, int count,
                  const gml_choice *choice)
{
    const tune_machine on = machine_of(example);
    tune_plan wanted, plan;
    ck_assert(tune_plan_of(&on, key, choice, &wanted));
    for (int i = 0; i < count; i++)
        if (tune_plan_of(&on, key, &choices[i], &plan) && tune_plan_equal(&plan, &wanted))
            return true;
    return false;
}

static void check_grid(const made_up *example)
{
    const tune_machine on = machine_of(example);
    static gml_choice grid[TUNE_GRID_MOST];
    const int count = problems_of(example);
    for (int p = 0; p < count; p++) {
        const int n = tune_space_grid(&on, &problems[p], grid);
        ck_assert_msg(n > 0 && n <= TUNE_GRID_MOST, "%s: %d choices", place(example, &problems[p], NULL), n);
        ck_assert(gml_choice_is_model(&grid[0]));
        check_distinct(example, &problems[p], grid, n);
    }
}

static void check_seeds(const made_up *example)
{
    const tune_machine on = machine_of(example);
    static gml_choice grid[TUNE_GRID_MOST];
    gml_choice seeds[TUNE_SEEDS_MOST];
    const int count = problems_of(example);
    for (int p = 0; p < count; p++) {
        const int all = tune_space_grid(&on, &problems[p], grid);
        const int n = tune_space_seeds(&on, &problems[p], NULL, 0, seeds);
        ck_assert_msg(n <= TUNE_SEEDS_MOST && n >= (all < 8 ? all : 8), "%s: %d seeds, of a grid of %d",
                      place(example, &problems[p], NULL), n, all);
        ck_assert(gml_choice_is_model(&seeds[0]));
        check_distinct(example, &problems[p], seeds, n);
    }
}

/* Winners nearby come behind the model's plan, as they were said; what comes to the same plan, once. */
static void check_known_seeds(const made_up *example)
{
    const tune_machine on = machine_of(example);
    static gml_choice grid[TUNE_GRID_MOST];
    gml_choice seeds[TUNE_SEEDS_MOST];
    const int count = problems_of(example);
    for (int p = 0; p < count; p++) {
        const int all = tune_space_grid(&on, &problems[p], grid);
        if (all < 3)
            continue;
        const gml_choice known[] = {grid[all - 1], grid[0], grid[all / 2], grid[all - 1]};
        const int n = tune_space_seeds(&on, &problems[p], known, 4, seeds);
        ck_assert_int_le(n, TUNE_SEEDS_MOST);
        ck_assert(gml_choice_is_model(&seeds[0]));
        ck_assert_mem_eq(&seeds[1], &known[0], sizeof seeds[1]);
        if (all / 2 != all - 1)
            ck_assert_mem_eq(&seeds[2], &known[2], sizeof seeds[2]);
        check_distinct(example, &problems[p], seeds, n);
    }
}

/* Parameters of the operation that differ. */
static int differences(const gml_key *key, const gml_choice *x, const gml_choice *y)
{
    int count, differ = 0;
    gml_parameters((gml_operation)key->operation, &count);
    for (int i = 0; i < count; i++)
        differ += x->value[i] != y->value[i];
    return differ;
}

/* From the model's plan a step sets one parameter, or both of a tile. Steps lead to plans that are new, and where
 * one leads, another leads back. */
static void check_steps(const made_up *example)
{
    const tune_machine on = machine_of(example);
    const gml_choice model = {.value = {0}};
    gml_choice steps[TUNE_STEPS_MOST], back[TUNE_STEPS_MOST];
    const int count = problems_of(example);
    for (int p = 0; p < count; p++) {
        const gml_key *key = &problems[p];
        const int n = tune_space_steps(&on, key, &model, steps);
        ck_assert_int_le(n, TUNE_STEPS_MOST);
        check_distinct(example, key, steps, n);
        ck_assert_msg(!holds(example, key, steps, n, &model), "%s", place(example, key, NULL));
        for (int i = 0; i < n; i++) {
            const bool tile = key->operation == GML_OPERATION_GEMM && steps[i].value[GML_CHOOSE_MR];
            ck_assert_msg(differences(key, &steps[i], &model) <= 1 + tile, "%s",
                          place(example, key, &steps[i]));
            const int m = tune_space_steps(&on, key, &steps[i], back);
            check_distinct(example, key, back, m);
            ck_assert(!holds(example, key, back, m, &steps[i]));
        }
    }
}

/* A choice that the machine cannot have leads nowhere. */
static void check_impossible(const made_up *example)
{
    const tune_machine on = machine_of(example);
    const gml_key none = {
        .operation = GML_OPERATION_GEMM, .type = GML_F32, .threads = 1, .size = {0, 8, 8, 1}};
    const gml_choice model = {.value = {0}};
    static gml_choice out[TUNE_GRID_MOST];
    ck_assert_int_eq(tune_space_grid(&on, &none, out), 0);
    ck_assert_int_eq(tune_space_seeds(&on, &none, NULL, 0, out), 0);
    ck_assert_int_eq(tune_space_steps(&on, &none, &model, out), 0);
}

static gml_key key_of(const char *text)
{
    gml_key key;
    ck_assert_msg(gml_key_read(text, strlen(text), &key), "%s", text);
    return key;
}

/* What is known to win somewhere is among the seeds there. */
START_TEST(winners_are_among_the_seeds)
{
    static const struct {
        int machine;
        const char *problem, *choice;
    } winners[] = {
        /* sums of so many rows do not fit into L1 */
        {0, "op=gemm type=f32 layout=nn0 threads=1 m=32 n=4096 k=4096 batch=1", "path=stream,mc=8"},
        {0, "op=gemm type=f32 layout=nn0 threads=1 m=16 n=4096 k=4096 batch=1", "path=panels,pack_b=no"},
        /* blocks for caches that a hypervisor did not tell of */
        {1, "op=gemm type=f32 layout=nn0 threads=1 m=1000 n=4000 k=1000 batch=1", "mc=192,nc=4096"},
        /* a B that comes from memory is read in one run; C that is thin, or flat; chains beyond a block of KC0 */
        {0, "op=gemm type=f32 layout=nn0 threads=1 m=128 n=128 k=128 batch=1", "pack_b=yes"},
        {0, "op=gemm type=f32 layout=nn0 threads=1 m=100000 n=16 k=16 batch=1", "mr=14,nr=32"},
        {0, "op=gemm type=f32 layout=nn0 threads=1 m=64 n=64 k=8192 batch=1", "mr=6,nr=64,kc=1024"},
        {0, "op=gemm type=f32 layout=nn0 threads=1 m=4096 n=32 k=4096 batch=1", "kc=2048"},
        {0, "op=gemm type=f32 layout=tn0 threads=1 m=16 n=16 k=100000 batch=1", "transpose=yes,kc=1024"},
        {0, "op=softmax type=f32 layout=i threads=1 rows=12288 cols=1024", "stream=yes"},
        {0, "op=softmax type=f32 layout=- threads=1 rows=32 cols=50257", "rows=1"},
        {0,
         "op=attention type=f32 layout=c threads=1 sequences=8 group=4 q_len=4 kv_len=8192 head_dim=128 "
         "v_head_dim=128",
         "path=few,rows=16"},
        {0, "op=gemm type=f32 layout=nn0 threads=2 m=300 n=300 k=300 batch=1", "threads=1"},
        {0,
         "op=attention type=f32 layout=- threads=1 sequences=20 group=1 q_len=2304 kv_len=77 head_dim=64 "
         "v_head_dim=64",
         "path=blocks"},
        {0,
         "op=attention type=f32 layout=- threads=2 sequences=8 group=1 q_len=1 kv_len=8192 head_dim=128 "
         "v_head_dim=128",
         "split=2"},
    };
    for (size_t i = 0; i < sizeof winners / sizeof *winners; i++) {
        const made_up *example = &examples[winners[i].machine];
        const tune_machine on = machine_of(example);
        const gml_key key = key_of(winners[i].problem);
        gml_choice choice, seeds[TUNE_SEEDS_MOST];
        ck_assert(gml_choice_read((gml_operation)key.operation, winners[i].choice, strlen(winners[i].choice),
                                  &choice));
        const int n = tune_space_seeds(&on, &key, NULL, 0, seeds);
        ck_assert_msg(holds(example, &key, seeds, n, &choice), "%s", place(example, &key, &choice));
    }
}
END_TEST

/* Bytes of results. */
static int64_t result_of(const gml_key *key)
{
    const int64_t *size = key->size;
    if (key->operation == GML_OPERATION_SOFTMAX)
        return size[0] * size[1] * (int64_t)sizeof(float);
    return size[0] * size[1] * size[3] * (int64_t)(key->type == GML_F64 ? sizeof(double) : sizeof(float));
}

/* Results that would stay in the caches are not written past them: that looks fast where nobody reads them. */
START_TEST(streaming_is_for_results_beyond_the_caches)
{
    static gml_choice grid[TUNE_GRID_MOST];
    int offered = 0;
    for (int e = 0; e < EXAMPLES; e++) {
        const made_up *example = &examples[e];
        const tune_machine on = machine_of(example);
        const int count = problems_of(example);
        for (int p = 0; p < count; p++) {
            const gml_key *key = &problems[p];
            if (key->operation == GML_OPERATION_ATTENTION)
                continue;
            const int parameter =
                key->operation == GML_OPERATION_GEMM ? GML_CHOOSE_STREAM_C : GML_CHOOSE_SOFTMAX_STREAM;
            const int64_t l3 = gml_cache_budget_of(&example->machine, example->threads).l3;
            const bool beyond = result_of(key) / example->threads > (l3 ? l3 : 16 << 20);
            const int n = tune_space_grid(&on, key, grid);
            for (int i = 0; i < n; i++)
                if (grid[i].value[parameter]) {
                    offered++;
                    ck_assert_msg(beyond, "%s", place(example, key, &grid[i]));
                }
        }
    }
    ck_assert_int_gt(offered, 0);
}
END_TEST

START_TEST(the_suite)
{
    const int32_t threads[] = {1, 6};
    const int count = tune_suite(~0U, ~0U, threads, 2, problems, PROBLEMS);
    ck_assert_int_ge(count, 2 * 60);
    ck_assert_int_lt(count, PROBLEMS);
    int by_operation[GML_OPERATIONS] = {0}, doubles = 0;
    for (int i = 0; i < count; i++) {
        const gml_key *key = &problems[i];
        ck_assert_msg(tune_plans(key), "%s", place(&examples[0], key, NULL));
        for (int j = 0; j < i; j++)
            ck_assert_msg(!gml_key_equal(key, &problems[j]), "%s", place(&examples[0], key, NULL));
        ck_assert(key->threads == 1 || key->threads == 6);
        by_operation[key->operation]++;
        doubles += key->type == GML_F64;
    }
    for (int i = 0; i < GML_OPERATIONS; i++)
        ck_assert_int_ge(by_operation[i], 2 * 8);
    ck_assert_int_ge(doubles, 2 * 8);
}
END_TEST

START_TEST(parts_of_the_suite)
{
    const int32_t threads = 3;
    const int all = tune_suite(~0U, ~0U, &threads, 1, problems, PROBLEMS);
    ck_assert_int_eq(tune_suite(~0U, ~0U, &threads, 1, problems, 7), 7);
    ck_assert_int_eq(tune_suite(0, ~0U, &threads, 1, problems, PROBLEMS), 0);
    const int doubles = tune_suite(~0U, 1U << GML_F64, &threads, 1, problems, PROBLEMS);
    for (int i = 0; i < doubles; i++)
        ck_assert(problems[i].type == GML_F64 && problems[i].threads == 3);
    int sum = 0;
    for (unsigned operation = 0; operation < GML_OPERATIONS; operation++) {
        const int some = tune_suite(1U << operation, ~0U, &threads, 1, problems, PROBLEMS);
        for (int i = 0; i < some; i++)
            ck_assert_uint_eq(problems[i].operation, operation);
        sum += some;
    }
    ck_assert_int_eq(sum, all);
}
END_TEST

START_TEST(companions_share_the_cell)
{
    const int count = problems_of(&examples[0]);
    for (int i = 0; i < count; i++) {
        const gml_key other = tune_companion(&problems[i]);
        const gml_key cell = gml_key_cell(&problems[i]), other_cell = gml_key_cell(&other);
        const char *where = place(&examples[0], &problems[i], NULL);
        ck_assert_msg(gml_key_equal(&cell, &other_cell), "%s", where);
        ck_assert_msg(!gml_key_equal(&problems[i], &other), "%s", where);
        ck_assert_msg(tune_plans(&other), "%s", where);
        /* Large sizes all differ, by a tenth or so: a call takes about the same time. */
        for (int s = 0; s < GML_KEY_SIZES; s++)
            if (problems[i].size[s] > 8) {
                const double ratio = (double)other.size[s] / (double)problems[i].size[s];
                ck_assert_msg(other.size[s] != problems[i].size[s] && ratio > 0.8 && ratio < 1.25, "%s",
                              where);
                ck_assert_msg(log2((double)other.size[s]) != floor(log2((double)other.size[s])), "%s", where);
            }
    }
}
END_TEST

START_TEST(the_grid)
{
    for (int i = 0; i < EXAMPLES; i++)
        check_grid(&examples[i]);
}
END_TEST

START_TEST(seeds_are_few)
{
    for (int i = 0; i < EXAMPLES; i++)
        check_seeds(&examples[i]);
}
END_TEST

START_TEST(known_winners_come_first)
{
    for (int i = 0; i < EXAMPLES; i++)
        check_known_seeds(&examples[i]);
}
END_TEST

START_TEST(steps_are_one_step)
{
    for (int i = 0; i < EXAMPLES; i++)
        check_steps(&examples[i]);
}
END_TEST

START_TEST(no_space_without_a_problem)
{
    for (int i = 0; i < EXAMPLES; i++)
        check_impossible(&examples[i]);
}
END_TEST

/* Recordings of all candidates (bench/oracle.c) of a machine like the common one. */
static const char *recordings = "";

static double seconds_of(const replay_problem *problem, const gml_choice *choice)
{
    const replay_candidate *candidate = replay_find(problem, choice);
    return candidate ? candidate->seconds : HUGE_VAL;
}

/* The best of choices that were recorded; `best` stays where none is faster. */
static double fastest(const replay_problem *problem, const gml_choice *choices, int count, double least,
                      gml_choice *best)
{
    for (int i = 0; i < count; i++) {
        const double seconds = seconds_of(problem, &choices[i]);
        if (seconds < least) {
            least = seconds;
            *best = choices[i];
        }
    }
    return least;
}

/* Seeds, and steps from the best as long as they lead on, without noise: a share of the best that was recorded. */
static double reached(const tune_machine *on, const replay_problem *problem)
{
    gml_choice choices[TUNE_STEPS_MOST], best;
    int count = tune_space_seeds(on, &problem->key, NULL, 0, choices);
    double least = fastest(problem, choices, count, HUGE_VAL, &best), before;
    do {
        before = least;
        count = tune_space_steps(on, &problem->key, &best, choices);
        least = fastest(problem, choices, count, least, &best);
    } while (least < before);
    return replay_best(problem)->seconds / least;
}

START_TEST(seeds_and_steps_lead_to_the_best)
{
    static const char *const names[] = {"gemm.txt", "softmax.txt", "attention.txt"};
    made_up recorded = examples[0];
    recorded.runtime.set = gml_set_by_name("avx512");
    if (!recorded.runtime.set) /* not built: the tiles are others */
        return;
    const tune_machine on = machine_of(&recorded);
    replay r = {0};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", recordings, names[i]);
        ck_assert_msg(replay_read(&r, path), "%s", path);
    }
    ck_assert_int_ge(r.count, 60);
    double mean = 0;
    int far = 0;
    for (int i = 0; i < r.count; i++) {
        const double share = reached(&on, &r.problem[i]);
        mean += log(share);
        far += share < 0.93;
    }
    ck_assert_msg(exp(mean / r.count) > 0.98 && far <= r.count / 20, "%.4f of the best, %d of %d below 0.93",
                  exp(mean / r.count), far, r.count);
    replay_free(&r);
}
END_TEST

int main(int argc, char **argv)
{
    recordings = argc > 1 ? argv[1] : "tests/oracle";
    make_examples();
    return suite_run(
        "space", 120,
        (const TTest *const[]){the_grid, seeds_are_few, known_winners_come_first, steps_are_one_step,
                               no_space_without_a_problem, streaming_is_for_results_beyond_the_caches,
                               winners_are_among_the_seeds, the_suite, parts_of_the_suite,
                               companions_share_the_cell, seeds_and_steps_lead_to_the_best, NULL});
}
