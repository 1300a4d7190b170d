/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What gemmule_oracle and gemmule_bench_tuned have in common: the machine that plans are made for, problems, and the
 * samples of candidates.
 */
#ifndef GML_BENCH_TUNING_H
#define GML_BENCH_TUNING_H

#include "src/api/context.h"
#include "tune/space.h"

#define TUNING_PROBLEMS_MOST 512
#define TUNING_ROUNDS_MOST   64
#define TUNING_MEMORY        ((size_t)3 << 30) /* bytes of operands */

typedef struct tuning_machine {
    gml_context *context;
    gml_machine machine;
    tune_machine on; /* of the two above */
} tuning_machine;

/* isa NULL: the best. With unknown_caches plans are made for a machine that reports none, as virtual machines may.
 * false: the sentence is gml_last_error's. */
bool tuning_open(tuning_machine *tuning, int32_t threads, const char *isa, bool unknown_caches);
void tuning_close(tuning_machine *tuning);

/* Problems that the suite has not, nor any in their cells, of the same models and programs. */
int tuning_held_out(unsigned operations, unsigned types, int32_t threads, gml_key *out, int most);

/* Keys of a file, one in a line; '#' begins a comment. -1, and a sentence on stderr, where a line is none. */
int tuning_read_keys(const char *program, const char *path, int32_t threads, gml_key *out, int most);

/* "gemm,attention" as bits of gml_operation, 0 where a word is none; the same for types. */
unsigned tuning_operations(const char *text);
unsigned tuning_types(const char *text);

/* A candidate, and seconds per call in each of its rounds; dropped ones have fewer. */
typedef struct tuning_samples {
    gml_choice choice;
    int rounds;
    double seconds[TUNING_ROUNDS_MOST];
} tuning_samples;

typedef struct tuning_race {
    int rounds;        /* of all that are not dropped                                         */
    int more;          /* and then of the finalists; together at most TUNING_ROUNDS_MOST      */
    int finalists;     /* those that are fastest, beside those that are kept                  */
    double least;      /* seconds of a sample                                                 */
    double drop_early; /* after two rounds: takes this many times as long as the fastest      */
    double drop_late;  /* after four                                                          */
    int move;          /* rounds after which operands move to other memory; 0: they stay      */
} tuning_race;

/* Times candidates in rounds, each in an order of its own. The first is what the others are compared with; the first
 * `kept` are never dropped. */
void tuning_run_race(const tuning_race *race, const tuning_machine *tuning, const gml_key *key,
                     tune_subject *subject, tuning_samples *candidates, int count, int kept, uint64_t seed);

/* What a recording has of a problem: the model's plan first. 0 where it has none, or cannot be read. */
int tuning_read_samples(const char *path, const gml_key *key, tuning_samples *out, int most);

/* How many times as fast a candidate is as another: the median of the ratios of their common rounds. */
double tuning_ratio(const tuning_samples *of, const tuning_samples *to);

#endif
