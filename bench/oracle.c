/* SPDX-License-Identifier: BSD-3-Clause
 *
 * gemmule_oracle: times every candidate of the grid, for each problem of the suite, and writes the samples as text, so
 * that the tuner's search can be replayed against the best there is (tests/oracle). The format:
 *
 *     gemmule-oracle 1
 *     # machine, instruction set
 *     problem op=gemm type=f32 layout=nn0 threads=1 m=64 n=4096 k=1024 batch=1
 *     model 812.4 809.9 811.0 815.3 810.2 809.1 812.8
 *     again 811.3 810.8 812.0 809.4 811.6 810.0 813.1
 *     pack_b=yes,nc=960 799.1 801.4 ...
 *
 * Samples are microseconds per call, one of each candidate in each round, in the order of the rounds; "again" is the
 * model's plan as a candidate of its own, which tells the noise. Candidates that were far behind after two rounds, or
 * behind after four, have no more samples; the best have more than the others.
 */
#include "bench/tuning.h"
#include <fnmatch.h>
#include <gemmule/gemmule.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct oracle_settings {
    int32_t threads;
    const char *isa, *shapes, *only;
    unsigned operations, types;
    bool unknown_caches, held_out;
    int most, first, count;
    tuning_race race;
} oracle_settings;

static void print_samples(const char *name, const tuning_samples *samples)
{
    printf("%s", name);
    for (int i = 0; i < samples->rounds; i++) {
        const double us = samples->seconds[i] * 1e6;
        printf(" %.*f", us < 10 ? 3 : us < 100 ? 2 : us < 1000 ? 1 : 0, us);
    }
    printf("\n");
}

static void print_machine(const tuning_machine *tuning)
{
    const gml_machine *machine = &tuning->machine;
    printf("gemmule-oracle 1\n# %s %s, %lld/%lld/%lld KB, %s\n", machine->vendor, machine->model,
           (long long)machine->l1d.bytes >> 10, (long long)machine->l2.bytes >> 10,
           (long long)machine->l3.bytes >> 10, tuning->on.runtime->set->isa);
}

static tuning_samples candidates[TUNE_GRID_MOST + TUNE_SEEDS_MOST + 1];

static int add(const gml_choice *choice, int count)
{
    for (int i = 0; i < count; i++)
        if (i != 1 && gml_choice_compare(&candidates[i].choice, choice) == 0)
            return count;
    candidates[count].choice = *choice;
    return count + 1;
}

/* The model's plan, again, what the search begins with and then the grid. */
static int list_candidates(const oracle_settings *settings, const tuning_machine *tuning, const gml_key *key)
{
    static gml_choice grid[TUNE_GRID_MOST];
    gml_choice seeds[TUNE_SEEDS_MOST];
    const int grid_count = tune_space_grid(&tuning->on, key, grid);
    const int seeds_count = tune_space_seeds(&tuning->on, key, NULL, 0, seeds);
    candidates[0].choice = candidates[1].choice = (gml_choice){.value = {0}};
    int count = 2;
    for (int i = 1; i < seeds_count; i++)
        count = add(&seeds[i], count);
    for (int i = 1; i < grid_count && count <= settings->most; i++)
        count = add(&grid[i], count);
    return count;
}

static bool record(const oracle_settings *settings, const tuning_machine *tuning, const gml_key *key,
                   uint64_t seed)
{
    char text[GML_KEY_TEXT];
    gml_key_write(key, text, sizeof text);
    tune_subject *subject = tune_subject_create(&tuning->on, key, GML_STATE_ROTATED, TUNING_MEMORY);
    if (!subject) {
        fprintf(stderr, "gemmule_oracle: no memory for %s\n", text);
        return false;
    }
    const int count = list_candidates(settings, tuning, key);
    tuning_run_race(&settings->race, tuning, key, subject, candidates, count, 2, seed);
    tune_subject_destroy(subject);

    printf("problem %s\n", text);
    print_samples("model", &candidates[0]);
    print_samples("again", &candidates[1]);
    const tuning_samples *best = &candidates[0];
    for (int i = 2; i < count; i++) {
        gml_choice_write((gml_operation)key->operation, &candidates[i].choice, text, sizeof text);
        print_samples(text, &candidates[i]);
        if (candidates[i].rounds == candidates[0].rounds &&
            tuning_ratio(&candidates[i], candidates) > tuning_ratio(best, candidates))
            best = &candidates[i];
    }
    fflush(stdout);
    gml_key_write(key, text, sizeof text);
    fprintf(stderr, "%s: %d candidates, again %.3f", text, count - 1,
            tuning_ratio(&candidates[1], candidates));
    gml_choice_write((gml_operation)key->operation, &best->choice, text, sizeof text);
    fprintf(stderr, ", best %.3f %s\n", tuning_ratio(best, candidates), text);
    return true;
}

static int usage(void)
{
    printf("usage: gemmule_oracle [options]\n"
           "Times every candidate plan of each problem, and writes the samples.\n\n"
           "  --threads=N        1\n"
           "  --isa=NAME         as gemmule info lists them\n"
           "  --operations=LIST  gemm,softmax,attention\n"
           "  --types=LIST       f32,f64\n"
           "  --shapes=FILE      problems as keys, one a line, instead of the suite\n"
           "  --held-out         problems of no cell of the suite, instead of it\n"
           "  --only=PATTERN     of the text of keys\n"
           "  --first=N --count=N  so many of the problems, from there\n"
           "  --most=N           candidates of a problem, the nearest to the model's plan\n"
           "  --rounds=N         8\n"
           "  --more=N           rounds of the best, afterwards: 12\n"
           "  --milliseconds=N   of a sample at least: 1\n"
           "  --unknown-caches   plans for a machine that reports no caches\n");
    return 0;
}

static const char *value_of(const char *argument, const char *option)
{
    const size_t length = strlen(option);
    return !strncmp(argument, option, length) && argument[length] == '=' ? argument + length + 1 : NULL;
}

static bool read_option(oracle_settings *s, const char *argument)
{
    const char *value;
    if ((value = value_of(argument, "--threads")))
        return (s->threads = (int32_t)atoi(value)) > 0;
    if ((value = value_of(argument, "--isa")))
        return (s->isa = value);
    if ((value = value_of(argument, "--operations")))
        return (s->operations = tuning_operations(value));
    if ((value = value_of(argument, "--types")))
        return (s->types = tuning_types(value));
    if ((value = value_of(argument, "--shapes")))
        return (s->shapes = value);
    if ((value = value_of(argument, "--only")))
        return (s->only = value);
    if ((value = value_of(argument, "--first")))
        return (s->first = atoi(value)) >= 0;
    if ((value = value_of(argument, "--count")))
        return (s->count = atoi(value)) > 0;
    if ((value = value_of(argument, "--most")))
        return (s->most = atoi(value)) > 0;
    if ((value = value_of(argument, "--rounds")))
        return (s->race.rounds = atoi(value)) > 0 && s->race.rounds <= TUNING_ROUNDS_MOST / 2;
    if ((value = value_of(argument, "--more")))
        return (s->race.more = atoi(value)) >= 0 && s->race.more <= TUNING_ROUNDS_MOST / 2;
    if ((value = value_of(argument, "--milliseconds")))
        return (s->race.least = atof(value) * 1e-3) > 0;
    if (!strcmp(argument, "--held-out"))
        return (s->held_out = true);
    if (!strcmp(argument, "--unknown-caches"))
        return (s->unknown_caches = true);
    return false;
}

int main(int argc, char **argv)
{
    oracle_settings s = {
        .threads = 1,
        .operations = ~0U,
        .types = ~0U,
        .most = TUNE_GRID_MOST,
        .count = TUNING_PROBLEMS_MOST,
        .race = {
            .rounds = 8, .more = 12, .finalists = 10, .least = 1e-3, .drop_early = 1.5, .drop_late = 1.15}};
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--help"))
            return usage();
        if (!read_option(&s, argv[i])) {
            fprintf(stderr, "gemmule_oracle: %s is no option, or its value is out of range; see --help\n",
                    argv[i]);
            return 2;
        }
    }
    static gml_key keys[TUNING_PROBLEMS_MOST];
    const int count =
        s.shapes     ? tuning_read_keys("gemmule_oracle", s.shapes, s.threads, keys, TUNING_PROBLEMS_MOST)
        : s.held_out ? tuning_held_out(s.operations, s.types, s.threads, keys, TUNING_PROBLEMS_MOST)
                     : tune_suite(s.operations, s.types, &s.threads, 1, keys, TUNING_PROBLEMS_MOST);
    tuning_machine tuning;
    if (count < 0)
        return 2;
    if (!tuning_open(&tuning, s.threads, s.isa, s.unknown_caches)) {
        char sentence[256];
        gml_last_error(sentence, sizeof sentence);
        fprintf(stderr, "gemmule_oracle: %s\n", sentence);
        return 2;
    }
    print_machine(&tuning);
    bool all = true;
    for (int i = 0, taken = 0; i < count && taken < s.first + s.count; i++) {
        char text[GML_KEY_TEXT];
        gml_key_write(&keys[i], text, sizeof text);
        if ((s.only && fnmatch(s.only, text, 0) != 0) || taken++ < s.first)
            continue;
        all &= record(&s, &tuning, &keys[i], (uint64_t)i + 1);
    }
    tuning_close(&tuning);
    return all ? 0 : 1;
}
