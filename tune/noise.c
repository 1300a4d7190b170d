/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The noise floor: what the search would see between two plans that are one and the same. Samples are taken in pairs, and
 * which of a pair is counted for which of the two is drawn many times over.
 */
#include "tune/race.h"
#include <math.h>

enum { PAIRS = 16, SAMPLES_MOST = 4096, DRAWS = 2000 };

double tune_noise(const tune_bench *bench, const gml_key *key, double seconds)
{
    const char *why;
    const gml_choice model = {{0}};
    static const int SAMPLES_LEAST = 8;
    if (!bench->open(bench->host, key, &why))
        return NAN;
    double sample[SAMPLES_MOST];
    int count = 0;
    const double until = bench->now(bench->host) + seconds;
    bench->time(bench->host, &model, TUNE_SAMPLE); /* fetches code and operands */
    while (count < SAMPLES_MOST && (count < SAMPLES_LEAST || bench->now(bench->host) < until)) {
        const double x = bench->time(bench->host, &model, TUNE_SAMPLE);
        if (!(x > 0) || isinf(x))
            break;
        sample[count++] = log(x);
    }
    bench->close(bench->host);
    const int pairs = count / 2 < PAIRS ? count / 2 : PAIRS;
    if (count < SAMPLES_LEAST)
        return NAN;
    double apart[DRAWS];
    tune_random random = {(uint64_t)count};
    for (int draw = 0; draw < DRAWS; draw++) {
        double x[PAIRS], y[PAIRS];
        const int from = 2 * tune_random_below(&random, count / 2 - pairs + 1);
        for (int i = 0; i < pairs; i++) {
            const int toss = (int)(tune_random_next(&random) >> 63);
            x[i] = sample[from + 2 * i + toss];
            y[i] = sample[from + 2 * i + 1 - toss];
        }
        apart[draw] = fabs(tune_median(x, pairs) - tune_median(y, pairs));
    }
    return expm1(tune_quantile(apart, DRAWS, 0.95));
}
