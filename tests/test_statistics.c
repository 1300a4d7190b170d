/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The statistics of the search: bets win as seldom as they say and as soon as they should, intervals cover, the noise floor
 * is that of the bench; and what runs come to.
 */
#include "tests/search_runs.h"

/* Statistics. */

START_TEST(medians_and_quantiles)
{
    double x[] = {5, 1, 4, 2};
    ck_assert_double_eq(tune_median(x, 4), 3);
    ck_assert_double_eq(x[0], 5);
    ck_assert_double_eq(tune_median(x, 1), 5);
    const tune_location at = tune_locate(x, 3);
    ck_assert_double_eq(at.median, 4);
    ck_assert_double_eq_tol(at.deviation, 1.4826, 1e-9);
    ck_assert_double_eq(tune_quantile(x, 4, 1), 5);
    ck_assert_double_eq(tune_quantile(x, 4, 0), 1);
    double many[3000];
    for (int i = 0; i < 3000; i++)
        many[i] = i;
    ck_assert_double_eq_tol(tune_median(many, 3000), 1500, 3);
}
END_TEST

/* Values whose signs are fair coins, whatever their sizes do: heavy tails, sizes that follow one another, and that depend on
 * the signs before. */
static double fair_value(tune_random *random, double *size, double last)
{
    *size = 0.9 * *size + 0.1 * exp(2 * tune_random_normal(random));
    const double x = *size * (last > 0 ? 2 : 1) * fabs(tune_random_normal(random));
    return tune_random_below(random, 2) ? x : -x;
}

START_TEST(fair_bets_win_as_seldom_as_they_say)
{
    enum { ROUNDS = 100 };
    const int runs = 20000;
    tune_random random = {1};
    int won = 0, covered = 0;
    for (int i = 0; i < runs; i++) {
        tune_bet up = tune_bet_on(0, 1, 1), above = tune_bet_on(0.3, 1, 1), below = tune_bet_on(0.3, 1, -1);
        double size = 1, x = 0;
        bool wins = false, refuted = false;
        for (int j = 0; j < ROUNDS; j++) {
            x = fair_value(&random, &size, x);
            tune_bet_play(&up, x);
            tune_bet_play(&above, 0.3 + x);
            tune_bet_play(&below, 0.3 + x);
            wins = wins || tune_bet_won(&up, 0.01);
            refuted = refuted || tune_bet_won(&above, 0.025) || tune_bet_won(&below, 0.025);
        }
        won += wins;
        covered += !refuted;
    }
    printf("bets on nothing, looked at after each of %d values: won %.4f (allowed 0.01); centres are covered "
           "%.3f "
           "(0.95)\n",
           ROUNDS, won / (double)runs, covered / (double)runs);
    ck_assert_double_le(won / (double)runs, 0.01);
    ck_assert_double_ge(covered / (double)runs, 0.95);
    ck_assert_int_gt(won, 0); /* but not never: that would be no test */
}
END_TEST

START_TEST(bets_on_something_win_soon)
{
    tune_random random = {2};
    int rounds[201];
    const int runs = 201;
    for (int i = 0; i < runs; i++) {
        tune_bet bet = tune_bet_on(0, 0.028, 1);
        for (rounds[i] = 0; !tune_bet_won(&bet, 1e-4) && rounds[i] < 1000; rounds[i]++) {
            const bool hit =
                tune_random_below(&random, 50) == 0; /* the choice's sample has an interrupt in it */
            tune_bet_play(&bet, 0.05 + 0.028 * tune_random_normal(&random) - (hit ? 3 : 0));
        }
    }
    double sorted[201];
    for (int i = 0; i < runs; i++)
        sorted[i] = rounds[i];
    printf("a gain of 5 %%, 2 %% of noise in a sample: proven at 0.0001 after %.0f rounds, 95 of 100 times "
           "after %.0f\n",
           tune_quantile(sorted, runs, 0.5), tune_quantile(sorted, runs, 0.95));
    ck_assert_double_le(tune_quantile(sorted, runs, 0.95), 40);
}
END_TEST

START_TEST(intervals_of_medians)
{
    enum { VALUES = 15 };
    const int runs = MANY(20000);
    tune_random random = {3};
    int covered = 0;
    for (int i = 0; i < runs; i++) {
        double x[VALUES];
        for (int j = 0; j < VALUES; j++)
            x[j] = 7 + exp(tune_random_normal(&random));
        const tune_interval interval = tune_median_interval(x, VALUES);
        covered += interval.low <= 8 && 8 <= interval.high;
    }
    ck_assert_double_ge(covered / (double)runs, 0.95);
    ck_assert_double_le(covered / (double)runs, 0.98);
    const double x[] = {3, 1, 2, 6, 5, 4};
    ck_assert_double_eq(tune_median_interval(x, 6).low, 1);
    ck_assert_double_eq(tune_median_interval(x, 6).high, 6);
    ck_assert(isinf(tune_median_interval(x, 5).low) && isinf(tune_median_interval(x, 5).high));
    ck_assert(isinf(tune_median_interval(x, 0).low));
}
END_TEST

START_TEST(means_with_intervals)
{
    double value[50], error[50], weight[50];
    for (int i = 0; i < 50; i++)
        value[i] = i % 2 ? 0.1 : 0, error[i] = 0, weight[i] = 1;
    tune_mean mean = tune_bootstrap(value, error, weight, 50, 1);
    ck_assert_double_eq_tol(mean.value, 0.05, 1e-12);
    ck_assert_double_eq_tol(mean.low, 0.05 - 1.96 * 0.05 / sqrt(50), 0.003);
    ck_assert_double_eq_tol(mean.high, 0.05 + 1.96 * 0.05 / sqrt(50), 0.003);
    for (int i = 0; i < 50; i++)
        value[i] = 0.05, error[i] = 0.07, weight[i] = i == 0 ? 1e9 : 1;
    mean = tune_bootstrap(value, error, weight, 50, 1);
    ck_assert_double_le(mean.low, 0.05 - 0.1);
}
END_TEST

START_TEST(the_noise_floor)
{
    replay r = {0};
    const gml_key key = some_key(1), other = some_key(2);
    replay_make_equal(&r, &key, 0.0001, 1);
    for (int percent = 1; percent <= 4; percent *= 2) {
        replay_conditions conditions = {.noise = 0.01 * percent, .opening = 0.03};
        tune_bench bench = replay_begin(&r, &conditions, 1);
        const double noise = tune_noise(&bench, &key, 1);
        /* 1.96 times the deviation of the difference of two medians of sixteen */
        ck_assert_double_eq_tol(noise, 1.96 * 1.25 * sqrt(2.0 / 16) * conditions.noise,
                                0.2 * conditions.noise);
        ck_assert_double_le(r.now, 1.05);
        ck_assert(isnan(tune_noise(&bench, &other, 1)));
    }
    /* Calls of a second: eight of them are enough to say something. */
    replay_make_equal(&r, &other, 1, 1);
    replay_conditions conditions = {.noise = 0.01};
    tune_bench bench = replay_begin(&r, &conditions, 1);
    ck_assert_double_le(tune_noise(&bench, &other, 0.1), 0.1);
    ck_assert_double_le(r.now, 12);
    replay_free(&r);
}
END_TEST

/* Sums of runs. */

START_TEST(summaries)
{
    enum { N = 12 };
    tune_task task[N];
    tune_outcome outcome[N];
    memset(outcome, 0, sizeof outcome);
    for (int i = 0; i < N; i++) {
        task[i] = (tune_task){{.operation = GML_OPERATION_GEMM, .type = GML_F32, .threads = 1}, 1};
        const int64_t sizes[] = {64, 64, INT64_C(16) << i, 1};
        memcpy(task[i].key.size, sizes, sizeof sizes);
        outcome[i] =
            (tune_outcome){.verdict = TUNE_PROVEN, .gain = 1.10, .low = 1.05, .high = 1.15, .cell = true};
        outcome[i].choice.value[GML_CHOOSE_NC] = 96;
    }
    tune_summary sum = tune_summarise(task, outcome, N, 1);
    ck_assert_int_eq(sum.proven, N);
    ck_assert_double_eq_tol(sum.gain, 1.10, 1e-9);
    ck_assert(sum.low < 1.10 && 1.10 < sum.high && sum.low > 1.05);
    ck_assert_double_eq_tol(sum.worst, 1.05, 1e-9);
    /* Every cell is between two of the same choice: predicted, to the last digit. */
    ck_assert_double_eq_tol(sum.regret, 0, 1e-9);
    ck_assert_double_eq_tol(sum.regret95, 0, 1e-9);
    tune_error error[4];
    ck_assert_int_eq(tune_errors(task, outcome, N, error, 4), 1);
    ck_assert_double_eq_tol(error[0].value, 0, 1e-9);
    ck_assert_int_eq(error[0].key.type, GML_F32);
    ck_assert_int_eq(tune_errors(task, outcome, N, error, 0), 0);

    /* One cell where the choice of its neighbours loses, and the model was kept: promised 10 %, measured -20 %. */
    outcome[5] = (tune_outcome){.verdict = TUNE_KEPT, .gain = 1, .low = 1, .high = 1, .cell = true};
    outcome[5].measured[outcome[5].measured_count++] = (tune_measured){outcome[4].choice, 0.8, 5};
    ck_assert_int_eq(tune_errors(task, outcome, N, error, 4), 1);
    ck_assert_double_gt(error[0].value, 0.1);
    sum = tune_summarise(task, outcome, N, 1);
    ck_assert_int_eq(sum.kept, 1);
    ck_assert_double_le(sum.regret95,
                        0.1); /* predictions that err so much are not made: the model's plan it is */
    ck_assert_double_gt(sum.regret95, 0);

    /* Where the choice was not measured, the cell tells nothing; with seven, nothing is said. */
    outcome[5].measured_count = 0;
    for (int i = 8; i < N; i++)
        outcome[i].verdict = TUNE_PENDING;
    ck_assert_int_eq(tune_errors(task, outcome, N, error, 4), 0);
    sum = tune_summarise(task, outcome, 6, 1);
    ck_assert(isnan(sum.regret) && isnan(sum.regret95));
    sum = tune_summarise(task, outcome, 0, 1);
    ck_assert_double_eq(sum.gain, 1);
    ck_assert_double_eq(sum.worst, 1);
}
END_TEST

int main(void)
{
    return suite_run("statistics", 120,
                     (const TTest *const[]){medians_and_quantiles, fair_bets_win_as_seldom_as_they_say,
                                            bets_on_something_win_soon, intervals_of_medians,
                                            means_with_intervals, the_noise_floor, summaries, NULL});
}
