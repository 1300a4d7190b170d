/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The statistics of the search: medians, and tests that may be looked at after each value.
 *
 * The values are log ratios of two plans timed one right after the other, which of them first being a toss of our own.
 * So for two equal plans the sign of each value is a fair coin, whatever the machine did: clocks that drift, neighbours
 * that come and go, noise that depends on noise before. Tests that rest on signs alone, given the sizes, need no other
 * assumption. docs/tuning.md, "How it decides", has the argument.
 */
#ifndef GML_TUNE_STATISTICS_H
#define GML_TUNE_STATISTICS_H

#include <stdbool.h>
#include <stdint.h>

/* Seeded random numbers (splitmix64): the same on every machine. */
typedef struct tune_random {
    uint64_t state;
} tune_random;

uint64_t tune_random_next(tune_random *random);
double tune_random_uniform(tune_random *random); /* [0, 1) */
double tune_random_normal(tune_random *random);
int tune_random_below(tune_random *random, int count); /* 0 .. count - 1 */
void tune_random_shuffle(tune_random *random, int *values, int count);

/* The quantile q of [0, 1], between neighbours by linear interpolation; sorts the values, at least one. */
double tune_quantile(double *values, int count, double q);

/* The median of values, which stay as they are, and the standard deviation that it would take for them to scatter around
 * it as they do if they were normal: 1.48 times the median distance. */
double tune_median(const double *values, int count);
typedef struct tune_location {
    double median, deviation;
} tune_location;
tune_location tune_locate(const double *values, int count);

/*
 * A bet, value by value, against the claim that the values lie around `shift` or below (toward > 0), or above
 * (toward < 0): the capital after any number of rounds, begun with 1, exceeds 1 / error with a probability of at most
 * `error` if the claim is true, so that it may be looked at after each value, and the test be ended at any.
 *
 * `scale`, about the deviation of the values, decides only how fast it grows; it is fixed before the first value.
 */
#define TUNE_STAKES 4
typedef struct tune_bet {
    double shift, scale, toward;
    double log_capital[TUNE_STAKES]; /* one account for each stake */
} tune_bet;

tune_bet tune_bet_on(double shift, double scale, double toward);
void tune_bet_play(tune_bet *bet, double value);
bool tune_bet_won(const tune_bet *bet, double error);

/* The 95 % interval of the median: between the j-th smallest and the j-th largest value, where fewer than j of so many fall
 * below the median with a probability of at most 2.5 %. Infinite for fewer than six. */
typedef struct tune_interval {
    double low, high;
} tune_interval;
tune_interval tune_median_interval(const double *values, int count);

/* The weighted mean of values that each have an error of their own, and its 95 % interval by bootstrap: as many values
 * again, drawn from them, each with an error drawn anew. */
typedef struct tune_mean {
    double value, low, high;
} tune_mean;
tune_mean tune_bootstrap(const double *values, const double *errors, const double *weights, int count, uint64_t seed);

#endif
