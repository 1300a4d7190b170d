/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Wisdom against the model, measured: what gemmule_bench_tuned reports on. In C, as the tuner is.
 */
#ifndef GML_BENCH_TUNED_H
#define GML_BENCH_TUNED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TUNED_ROUNDS_MOST 64
#define TUNED_TEXT        256

typedef struct tuned_options {
    int threads;
    const char *isa;         /* NULL: the best                                                  */
    const char *operations, *types; /* lists, NULL: all                                         */
    const char *only;        /* pattern of keys, NULL: all                                      */
    bool unknown_caches, held_out;
    double budget;           /* seconds to tune the suite first; 0: wisdom is what there is     */
    const char *root;        /* of wisdom; NULL: where the library looks                        */
    const char *recording;   /* of gemmule_oracle; NULL: the grid is raced                      */
    bool oracle;             /* whether the best there is is looked for                         */
    int rounds;
    double milliseconds;     /* of a sample                                                     */
    uint64_t seed;
} tuned_options;

/* Seconds per call, of the same rounds. */
typedef struct tuned_result {
    char problem[TUNED_TEXT];
    char choice[TUNED_TEXT], best[TUNED_TEXT]; /* "model" for the model's plan                  */
    const char *source;                        /* of the choice: model, exact, cell, predicted  */
    bool tuned; /* the plan is another than the model's; otherwise it is not measured           */
    bool known; /* there is an oracle                                                           */
    int rounds;
    double model[TUNED_ROUNDS_MOST], again[TUNED_ROUNDS_MOST], choice_seconds[TUNED_ROUNDS_MOST],
        best_seconds[TUNED_ROUNDS_MOST];
} tuned_result;

typedef struct tuned_bench tuned_bench;

/* NULL: it cannot be, and a sentence. */
tuned_bench *tuned_open(const tuned_options *options, char *sentence, size_t size);
void tuned_close(tuned_bench *tuned);

const char *tuned_machine(const tuned_bench *tuned);  /* its fingerprint's text           */
const char *tuned_isa(const tuned_bench *tuned);
int64_t tuned_entries(const tuned_bench *tuned); /* of wisdom that are of this machine    */
int tuned_count(const tuned_bench *tuned);       /* of problems                           */

/* false: there was no memory for the problem, whose name is there all the same. */
bool tuned_measure(tuned_bench *tuned, int problem, tuned_result *result);

/* Computes random problems by a context with wisdom and by one without; the results must be the same bytes. `took`
 * is how many took a plan from wisdom. Returns the number that differed, or -1 and a sentence. */
int64_t tuned_compare(const tuned_options *options, int64_t problems, int64_t *took, char *sentence, size_t size);

#ifdef __cplusplus
}
#endif

#endif
