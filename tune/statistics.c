/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The bets are test martingales for symmetric values: given the size |x| of a value, x = +-|x| with equal chances, so
 * the factor f(u) = 2 / (1 + exp(-2 u)), u = stake * x / scale, which is exp(u) / cosh(u), has the mean 1. It is the
 * likelihood ratio of a normal distribution around `stake * scale` to that one folded upon itself, hence the best there is
 * against it. f grows with x, so that values that lie lower only lose. u is odd in x and may be bounded: an outlier, a
 * sample with an interrupt in it, costs a few rounds and not all. Several stakes, each with its share of the capital,
 * stand for gains from a quarter of the deviation of a value to twice it (a mixture, as Robbins'). By Ville's inequality
 * the capital ever reaches 1 / error with a probability of at most `error`.
 */
#include "tune/statistics.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double STAKES[TUNE_STAKES] = {0.25, 0.5, 1, 2};
static const double FARTHEST = 2; /* scales from the centre that still count */

uint64_t tune_random_next(tune_random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

double tune_random_uniform(tune_random *random)
{
    return (double)(tune_random_next(random) >> 11) * 0x1p-53;
}

double tune_random_normal(tune_random *random)
{
    const double radius = sqrt(-2 * log(1 - tune_random_uniform(random)));
    return radius * cos(6.283185307179586 * tune_random_uniform(random));
}

int tune_random_below(tune_random *random, int count)
{
    return (int)(tune_random_uniform(random) * count);
}

void tune_random_shuffle(tune_random *random, int *values, int count)
{
    for (int i = count - 1; i > 0; i--) {
        const int j = tune_random_below(random, i + 1), value = values[i];
        values[i] = values[j];
        values[j] = value;
    }
}

static int by_value(const void *x, const void *y)
{
    const double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

/* Few values, as in a race, are sorted in place faster than by calls. */
static void sort(double *values, int count)
{
    if (count > 32) {
        qsort(values, (size_t)count, sizeof *values, by_value);
        return;
    }
    for (int i = 1; i < count; i++) {
        const double value = values[i];
        int j = i;
        for (; j > 0 && values[j - 1] > value; j--)
            values[j] = values[j - 1];
        values[j] = value;
    }
}

double tune_quantile(double *values, int count, double q)
{
    sort(values, count);
    const double position = q * (count - 1);
    const int below = (int)position, above = below + 1 < count ? below + 1 : below;
    return values[below] + (position - below) * (values[above] - values[below]);
}

/* What fits on the stack, and less than 2^-n can hold; of more values, evenly picked ones stand for all. */
#define MOST 1000

static int pick(double to[MOST], const double *values, int count)
{
    if (count <= MOST) {
        memcpy(to, values, (size_t)count * sizeof *values);
        return count;
    }
    for (int i = 0; i < MOST; i++)
        to[i] = values[(int64_t)i * count / MOST];
    return MOST;
}

double tune_median(const double *values, int count)
{
    double copy[MOST];
    return tune_quantile(copy, pick(copy, values, count), 0.5);
}

tune_location tune_locate(const double *values, int count)
{
    double copy[MOST];
    const int picked = pick(copy, values, count);
    const double median = tune_quantile(copy, picked, 0.5);
    for (int i = 0; i < picked; i++)
        copy[i] = fabs(copy[i] - median);
    return (tune_location){median, 1.4826 * tune_quantile(copy, picked, 0.5)};
}

tune_bet tune_bet_on(double shift, double scale, double toward)
{
    return (tune_bet){.shift = shift, .scale = scale, .toward = toward};
}

void tune_bet_play(tune_bet *bet, double value)
{
    const double x = bet->toward * (value - bet->shift) / bet->scale;
    const double near = fmin(fmax(x, -FARTHEST), FARTHEST);
    for (int i = 0; i < TUNE_STAKES; i++)
        bet->log_capital[i] += log(2 / (1 + exp(-2 * STAKES[i] * near)));
}

static double log_capital(const tune_bet *bet)
{
    double most = bet->log_capital[0], sum = 0;
    for (int i = 1; i < TUNE_STAKES; i++)
        most = fmax(most, bet->log_capital[i]);
    for (int i = 0; i < TUNE_STAKES; i++)
        sum += exp(bet->log_capital[i] - most);
    return most + log(sum / TUNE_STAKES);
}

bool tune_bet_won(const tune_bet *bet, double error)
{
    return log_capital(bet) >= -log(error);
}

tune_interval tune_median_interval(const double *values, int count)
{
    double copy[MOST];
    const int n = pick(copy, values, count);
    int j = 0;
    double fewer = 0, exactly = ldexp(1, -n); /* of n coins: fewer than j heads, exactly j */
    while (fewer + exactly <= 0.025) {
        fewer += exactly;
        exactly = exactly * (n - j) / (j + 1);
        j++;
    }
    if (j == 0)
        return (tune_interval){-HUGE_VAL, HUGE_VAL};
    sort(copy, n);
    return (tune_interval){copy[j - 1], copy[n - j]};
}

tune_mean tune_bootstrap(const double *values, const double *errors, const double *weights, int count,
                         uint64_t seed)
{
    double mean[MOST], sum = 0, weight = 0;
    tune_random random = {seed};
    for (int i = 0; i < count; i++) {
        sum += weights[i] * values[i];
        weight += weights[i];
    }
    if (count == 0)
        return (tune_mean){0, 0, 0};
    for (int draw = 0; draw < MOST; draw++) {
        double drawn = 0, of = 0;
        for (int i = 0; i < count; i++) {
            const int j = tune_random_below(&random, count);
            drawn += weights[j] * (values[j] + (errors[j] > 0 ? errors[j] * tune_random_normal(&random) : 0));
            of += weights[j];
        }
        mean[draw] = drawn / of;
    }
    const double low = tune_quantile(mean, MOST, 0.025), high = tune_quantile(mean, MOST, 0.975);
    return (tune_mean){sum / weight, low, high};
}
