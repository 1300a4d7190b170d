/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the search is worth: over many runs with nothing to be found, and over recorded samples of all candidates of real
 * problems (tests/oracle). The figures that docs/tuning.md quotes are printed.
 */
#include "tests/search_runs.h"

static const char *oracle; /* the directory of recorded samples */

typedef struct weather {
    const char *name;
    double budget;
    replay_conditions conditions;
} weather;

START_TEST(identical_candidates_are_not_adopted)
{
    enum { CELLS = 12, CANDIDATES = 8 };
    static const weather all[] = {
        {"1 % of noise", 12, {.noise = 0.01}},
        {"3 % of noise", 12, {.noise = 0.03}},
        {"5 % of noise, the floor taken for 0", 12, {.noise = 0.05}},
        {"spikes", 12, {.noise = 0.01, .spikes = 0.1, .spike = 10}},
        {"drift and phases",
         12,
         {.noise = 0.02, .drift = 0.2, .drift_seconds = 0.3, .slow = 1.4, .slow_seconds = 0.02}},
    };
    replay r = {0};
    for (int i = 0; i < CELLS; i++) {
        const gml_key key = some_key(i);
        replay_make_equal(&r, &key, 0.0001 * (i + 1), CANDIDATES);
    }
    const int runs = MANY(2000), kinds = (int)(sizeof all / sizeof *all);
    int total = 0;
    for (int k = 0; k < kinds; k++) {
        int false_runs = 0, kept = 0;
        for (int i = 0; i < runs / kinds; i++) {
            const tune_search_options options = {.budget = all[k].budget,
                                                 .noise = k == 0 ? 0.01 : 0,
                                                 .seed = (uint64_t)i + 1,
                                                 .error_rate = 0.01};
            run x = search(&r, &all[k].conditions, &options);
            false_runs += count_of(&x, r.count, TUNE_PROVEN) > 0;
            kept += count_of(&x, r.count, TUNE_KEPT);
            end(&x);
        }
        printf("identical candidates, %s: %d of %d runs adopted one; %.2f of the cells were decided\n",
               all[k].name, false_runs, runs / kinds, kept / (double)(runs / kinds * CELLS));
        total += false_runs;
    }
    ck_assert_int_le(total, runs / 100);
    replay_free(&r);
}
END_TEST

/* Any number of candidates that lose, in any noise. */
START_TEST(losers_are_not_adopted)
{
    replay r = {0};
    for (int i = 0; i < 40; i++) {
        const gml_key key = some_key(i);
        replay_make(&r, &key, 0.0002 * (i + 1), 0, (uint64_t)i + 1);
    }
    for (int noise = 1; noise <= 40; noise *= 2)
        for (int i = 0; i < 4; i++) {
            replay_conditions conditions = usual;
            conditions.noise = 0.01 * noise;
            tune_search_options options = minute;
            options.noise = 0;
            options.seed = (uint64_t)i;
            run x = search(&r, &conditions, &options);
            ck_assert_int_eq(count_of(&x, r.count, TUNE_PROVEN), 0);
            end(&x);
        }
    replay_free(&r);
}
END_TEST

/* Halves of the problems, by chance: what is good for one has to be for the other. */
static bool half_of(const gml_key *key)
{
    return gml_key_hash(key) >> 63;
}

enum { RUNS = 8, PROBLEMS_MOST = 128 };

typedef struct score {
    double value[2][RUNS * PROBLEMS_MOST]; /* of the best, by halves */
    int count[2];
} score;

static void add_to(score *s, int half, double value)
{
    s->value[half][s->count[half]++] = value;
}

static double print_half(const char *what, score *s, int half, double *low)
{
    const double median = tune_quantile(s->value[half], s->count[half], 0.5);
    *low = tune_quantile(s->value[half], s->count[half], 0.05);
    printf("  %s, %s: median %.4f, 5th percentile %.4f of the best\n", what, half ? "the other" : "one half",
           median, *low);
    return median;
}

typedef struct figures {
    double median[2], low[2]; /* of the best, by halves */
    double same, close; /* share of cells where two runs have the same choice, or one as fast within 2 % */
    double closed;      /* share of the way from the model's plans to the best, where that is more than 2 % */
    int slower;         /* choices that lose more than 1 % */
    double over;        /* seconds: the longest run */
} figures;

static void compare(const replay *r, const run *x, const run *y, figures *f)
{
    const double share = 2.0 / (RUNS * (RUNS - 1)) / r->count;
    for (int i = 0; i < r->count; i++) {
        f->same += memcmp(&x->outcome[i].choice, &y->outcome[i].choice, sizeof(gml_choice)) == 0 ? share : 0;
        f->close += fabs(log(quality(r, x, i) / quality(r, y, i))) < 0.02 ? share : 0;
    }
}

static figures measure(replay *r, const replay_conditions *conditions)
{
    static score tuned, model;
    figures f = {.slower = 0};
    run runs[RUNS];
    double gap = 0, rest = 0;
    int proven = 0;
    tuned.count[0] = tuned.count[1] = model.count[0] = model.count[1] = 0;
    for (int k = 0; k < RUNS; k++) {
        tune_search_options options = minute;
        options.seed = (uint64_t)k + 1;
        runs[k] = search(r, conditions, &options);
        f.over = fmax(f.over, r->now);
        proven += count_of(&runs[k], r->count, TUNE_PROVEN);
        for (int i = 0; i < r->count; i++) {
            const int half = half_of(&r->problem[i].key);
            const double alone = replay_best(&r->problem[i])->seconds / r->problem[i].candidate->seconds;
            add_to(&tuned, half, quality(r, &runs[k], i));
            add_to(&model, half, alone);
            gap += alone < 0.98 ? -log(alone) : 0;
            rest += alone < 0.98 ? -log(quality(r, &runs[k], i)) : 0;
            f.slower += quality(r, &runs[k], i) < 0.99 * alone;
        }
        for (int before = 0; before < k; before++)
            compare(r, &runs[before], &runs[k], &f);
    }
    f.closed = 1 - rest / gap;
    double ignored;
    for (int half = 0; half < 2; half++) {
        print_half("the model's plans", &model, half, &ignored);
        f.median[half] = print_half("tuned", &tuned, half, &f.low[half]);
    }
    printf("  over after %.1f s; %.1f proven, %d of all slower than the model's by more than 1 %%; %.3f of "
           "the gap closed\n"
           "  two runs: %.3f of the cells have the same choice, %.3f the same speed within 2 %%\n",
           f.over, (double)proven / RUNS, f.slower, f.closed, f.same, f.close);
    for (int k = 0; k < RUNS; k++)
        end(&runs[k]);
    return f;
}

START_TEST(recorded_problems_come_close_to_the_best)
{
    static const char *const files[] = {"gemm", "softmax", "attention"};
    replay r = {0};
    char path[1024];
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s.txt", oracle, files[i]);
        ck_assert(replay_read(&r, path));
    }
    ck_assert(60 <= r.count && r.count <= PROBLEMS_MOST);
    printf("%d recorded problems (%d more are unsure), %d runs of 60 s\n", r.count, r.unsure, RUNS);
    /* They were recorded while others computed on the same cores: samples scatter by 3 to 5 %. */
    printf(" with the noise they were recorded with:\n");
    replay_conditions conditions = usual;
    conditions.noise = 0.005;
    const figures loud = measure(&r, &conditions);
    printf(" with a third of it, as on a machine of one's own:\n");
    conditions.recorded = 1.0 / 3;
    const figures quiet = measure(&r, &conditions);
    for (int half = 0; half < 2; half++) {
        ck_assert_double_ge(loud.median[half], 0.97);
        ck_assert_double_ge(loud.low[half], 0.90);
        ck_assert_double_ge(quiet.median[half], 0.97);
        ck_assert_double_ge(quiet.low[half], 0.93);
    }
    ck_assert_double_ge(quiet.closed, 0.7);
    ck_assert_double_ge(quiet.close, 0.95);
    ck_assert_double_ge(quiet.same, 0.94); /* 0.95 of all runs; these are eight */
    ck_assert_double_ge(loud.same, 0.88);
    ck_assert_int_eq(quiet.slower, 0);
    ck_assert_int_le(loud.slower, 3); /* what is true is a median of twenty loud samples, too */
    ck_assert_double_le(fmax(loud.over, quiet.over), 62);
    replay_free(&r);
}
END_TEST

int main(int argc, char **argv)
{
    oracle = argc > 1 ? argv[1] : "tests/oracle";
    return suite_run("replay", 120,
                     (const TTest *const[]){identical_candidates_are_not_adopted, losers_are_not_adopted,
                                            recorded_problems_come_close_to_the_best, NULL});
}
