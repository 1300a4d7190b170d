/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Samples are drawn from the recorded ones, all candidates from the same round as long as a round lasts, so that what
 * happened to all of them at a time happens to all again.
 */
#include "tests/replay.h"
#include "src/core/select.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static replay_problem *add_problem(replay *r, const gml_key *key)
{
    r->problem = realloc(r->problem, (size_t)(r->count + 1) * sizeof *r->problem);
    replay_problem *problem = &r->problem[r->count++];
    *problem =
        (replay_problem){.key = *key, .candidate = calloc(REPLAY_CANDIDATES, sizeof(replay_candidate))};
    return problem;
}

/* The last problem is complete: it stays, or goes. */
static void finish(replay *r, bool unsure)
{
    replay_problem *problem = &r->problem[r->count - 1];
    if (unsure) {
        free(problem->candidate);
        r->count--;
        r->unsure++;
        return;
    }
    const int count = problem->count > 0 ? problem->count : 1;
    problem->candidate = realloc(problem->candidate, (size_t)count * sizeof *problem->candidate);
}

/* Reads microseconds; their number, 0 for what are none. */
static int read_numbers(char *at, double seconds[REPLAY_ROUNDS])
{
    int count = 0;
    for (char *end; count < REPLAY_ROUNDS; at = end) {
        seconds[count] = strtod(at, &end) * 1e-6;
        if (end == at)
            break;
        if (!(seconds[count++] > 0))
            return 0;
    }
    return count;
}

/* Whether the model's plan, recorded a second time, differs from itself by more than 3 %, or by 8 % in a round. */
static bool differs(const replay_candidate *model, const double *again, int count)
{
    double apart[REPLAY_ROUNDS];
    const int rounds = count < model->rounds ? count : model->rounds;
    for (int i = 0; i < rounds; i++)
        apart[i] = log(again[i] / model->seconds) - model->off[i];
    return fabs(log(tune_median(again, count) / model->seconds)) > 0.03 ||
           tune_locate(apart, rounds).deviation > 0.08;
}

/* A line of samples: the choice, then microseconds. */
static bool read_samples(replay_problem *problem, char *line, bool *unsure)
{
    double seconds[REPLAY_ROUNDS];
    char *at = strchr(line, ' ');
    const int rounds = at ? read_numbers(at + 1, seconds) : 0;
    if (rounds == 0 || problem->count == REPLAY_CANDIDATES)
        return false;
    *at = '\0';
    if (strcmp(line, "again") == 0) {
        *unsure = problem->count != 1 || differs(problem->candidate, seconds, rounds);
        return true;
    }
    replay_candidate *candidate = &problem->candidate[problem->count];
    if (!gml_choice_read((gml_operation)problem->key.operation, line, strlen(line), &candidate->choice))
        return true; /* what has been recorded may be none of this library's choices any more */
    candidate->rounds = rounds;
    candidate->seconds = tune_median(seconds, rounds);
    for (int i = 0; i < rounds; i++)
        candidate->off[i] = (float)log(seconds[i] / candidate->seconds);
    problem->count++;
    return true;
}

bool replay_read(replay *r, const char *path)
{
    static char line[4096];
    FILE *file = fopen(path, "r");
    bool good = file && fgets(line, sizeof line, file) && strcmp(line, "gemmule-oracle 1\n") == 0;
    bool within = false, unsure = false;
    while (good && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        gml_key key;
        if (line[0] == '#' || line[0] == '\0')
            continue;
        if (strncmp(line, "problem ", 8) == 0) {
            if (within)
                finish(r, unsure);
            unsure = false;
            good = within = gml_key_read(line + 8, strlen(line + 8), &key);
            if (good)
                add_problem(r, &key);
        } else {
            good = within && read_samples(&r->problem[r->count - 1], line, &unsure);
        }
    }
    if (within)
        finish(r, unsure);
    if (!good)
        fprintf(stderr, "%s: not as bench/oracle.c writes it: %s\n", path, file ? line : "cannot be opened");
    if (file)
        fclose(file);
    r->recorded = true;
    return good;
}

void replay_make(replay *r, const gml_key *key, double seconds, double gain, uint64_t seed)
{
    /* Tiles, packing, and two lengths, as GEMM has them; the log gains of their values add up, and some pairs go well
     * or badly with each other. */
    static const int32_t tiles[][2] = {{0, 0}, {8, 48}, {6, 64}, {12, 32}, {14, 32}};
    static const int32_t pack[] = {0, GML_NO, GML_YES}, nc[] = {0, 192, 384, 768, 1536},
                         mc[] = {0, 24, 96, 384};
    replay_problem *problem = add_problem(r, key);
    tune_random random = {seed};
    double effect[4][5] = {{0}};
    for (int i = 0; i < 4; i++)
        for (int j = 1; j < 5; j++)
            effect[i][j] =
                -0.15 * tune_random_uniform(&random) + (tune_random_below(&random, 4) == 0 ? 0.1 : 0);
    double most = 0;
    for (int t = 0; t < 5; t++)
        for (int p = 0; p < 3; p++)
            for (int n = 0; n < 5; n++)
                for (int m = 0; m < 4; m++) {
                    replay_candidate *c = &problem->candidate[problem->count++];
                    c->choice.value[GML_CHOOSE_MR] = tiles[t][0];
                    c->choice.value[GML_CHOOSE_NR] = tiles[t][1];
                    c->choice.value[GML_CHOOSE_PACK_B] = pack[p];
                    c->choice.value[GML_CHOOSE_NC] = nc[n];
                    c->choice.value[GML_CHOOSE_MC] = mc[m];
                    c->seconds = effect[0][t] + effect[1][p] + effect[2][n] + effect[3][m];
                    if (problem->count > 1)
                        c->seconds += 0.01 * tune_random_normal(&random);
                    most = fmax(most, c->seconds);
                    c->rounds = 1;
                }
    for (int i = 0; i < problem->count; i++) {
        replay_candidate *c = &problem->candidate[i];
        const double log_gain = c->seconds <= 0 ? c->seconds : gain * c->seconds / most;
        c->seconds = seconds * exp(-log_gain);
    }
    finish(r, false);
}

void replay_make_equal(replay *r, const gml_key *key, double seconds, int candidates)
{
    replay_problem *problem = add_problem(r, key);
    for (int i = 0; i < candidates; i++) {
        problem->candidate[i] = (replay_candidate){.seconds = seconds, .rounds = 1};
        problem->candidate[i].choice.value[GML_CHOOSE_NC] = i;
    }
    problem->count = candidates;
    finish(r, false);
}

void replay_free(replay *r)
{
    for (int i = 0; i < r->count; i++)
        free(r->problem[i].candidate);
    free(r->problem);
    *r = (replay){0};
}

const replay_candidate *replay_best(const replay_problem *problem)
{
    const replay_candidate *best = problem->candidate;
    for (int i = 1; i < problem->count; i++)
        if (problem->candidate[i].seconds < best->seconds)
            best = &problem->candidate[i];
    return best;
}

const replay_candidate *replay_find(const replay_problem *problem, const gml_choice *choice)
{
    for (int i = 0; i < problem->count; i++)
        if (memcmp(&problem->candidate[i].choice, choice, sizeof *choice) == 0)
            return &problem->candidate[i];
    return NULL;
}

tune_task *replay_tasks(const replay *r)
{
    tune_task *task = calloc((size_t)r->count + 1, sizeof *task);
    for (int i = 0; i < r->count; i++)
        task[i] = (tune_task){r->problem[i].key, 1};
    return task;
}

/* The bench. */

static double now(void *host)
{
    return ((const replay *)host)->now;
}

static bool open_problem(void *host, const gml_key *key, const char **why)
{
    replay *r = host;
    *why = "there is no such problem";
    r->now += r->conditions.opening;
    r->other = false;
    r->place++;
    r->open = NULL;
    r->last = NULL;
    for (int i = 0; i < r->count && !r->open && !r->conditions.closed; i++) {
        const gml_key companion = tune_companion(&r->problem[i].key);
        if (gml_key_equal(key, &r->problem[i].key)) {
            r->open = &r->problem[i];
            r->companion.threads = 0;
        } else if (gml_key_equal(key, &companion)) {
            r->open = &r->problem[i];
            r->companion = companion;
        }
    }
    r->alive += r->open != NULL;
    return r->open != NULL;
}

static bool open_other(void *host, const gml_key *key, const char **why)
{
    const bool opened = open_problem(host, key, why);
    ((replay *)host)->other = true;
    return opened;
}

/* Of a plan where the operands are. */
static double place_of(const replay *r, int candidate)
{
    tune_random random = {r->place * 64 + (uint64_t)candidate};
    return r->conditions.place * tune_random_normal(&random);
}

static void move_problem(void *host)
{
    replay *r = host;
    r->now += r->conditions.opening;
    r->place++;
}

static void close_problem(void *host)
{
    replay *r = host;
    r->alive--;
    r->open = NULL;
}

static bool verify(void *host, const gml_choice *choice)
{
    replay *r = host;
    const replay_candidate *c = replay_find(r->open, choice);
    r->now += r->conditions.verifying + (c ? c->seconds : 0);
    r->last = NULL;
    return c && !r->conditions.refuses;
}

/* The factor of what happens to all plans at this time. */
static double weather(replay *r)
{
    const replay_conditions *x = &r->conditions;
    double log_factor = 0;
    if (x->drift > 0)
        log_factor += x->drift * sin(6.283 * r->now / x->drift_seconds);
    if (x->slow > 0) {
        while (r->now >= r->phase_ends) {
            r->slow_phase = !r->slow_phase;
            r->phase_ends += -x->slow_seconds * log(1 - tune_random_uniform(&r->random));
        }
        log_factor += r->slow_phase ? log(x->slow) : 0;
    }
    return log_factor;
}

double replay_companion(const replay *r, const gml_key *companion, int candidate)
{
    tune_random random = {gml_key_hash(companion) ^ (uint64_t)candidate};
    return candidate ? r->conditions.companion * tune_random_normal(&random) : 0;
}

static double time_choice(void *host, const gml_choice *choice, double least)
{
    replay *r = host;
    const replay_conditions *x = &r->conditions;
    const replay_candidate *c = replay_find(r->open, choice);
    const double lasts = 0.01; /* seconds: a round */
    const uint64_t epoch = (uint64_t)(r->now / lasts) + 1;
    tune_random round = {epoch ^ (uint64_t)(r->open - r->problem)};
    double off = x->recorded * c->off[tune_random_next(&round) % (uint64_t)c->rounds];
    if (r->companion.threads)
        off += replay_companion(r, &r->companion, (int)(c - r->open->candidate));
    if (r->conditions.place > 0)
        off += place_of(r, (int)(c - r->open->candidate));
    if (r->other && c != r->open->candidate)
        off += x->other;
    off += x->noise * tune_random_normal(&r->random) + weather(r);
    double seconds = c->seconds * exp(off);
    const double calls = fmax(1, ceil(least / seconds));
    if (tune_random_uniform(&r->random) < x->spikes) /* something else ran, once in the sample */
        seconds += (x->spike - 1) * tune_random_uniform(&r->random) * seconds;
    const double warm = 3e-4; /* longer calls go without an untimed one before, as in tune/measure.c */
    r->now += (r->last == c || seconds > warm ? 0 : seconds) + calls * seconds;
    r->last = c;
    r->samples++;
    return seconds;
}

/* Parameters that differ, a tile being one. */
static int apart(const gml_key *key, const gml_choice *x, const gml_choice *y, int *which)
{
    int count = 0;
    for (int i = 0; i < GML_CHOICE_VALUES; i++) {
        const bool second = key->operation == GML_OPERATION_GEMM && i == GML_CHOOSE_NR;
        if (x->value[i] != y->value[i] && !(second && x->value[i - 1] != y->value[i - 1])) {
            *which = i;
            count++;
        }
    }
    return count;
}

/* Of choices of the space those that were recorded. */
static int keep_recorded(const replay_problem *problem, gml_choice *choice, int count)
{
    int kept = 0;
    for (int i = 0; i < count; i++)
        if (replay_find(problem, &choice[i]))
            choice[kept++] = choice[i];
    return kept;
}

/* The machine of the recordings; its set is NULL where it is not built: then the space has other tiles. */
static gml_runtime runtime = {.threads = 1};
static const gml_machine machine = {
    .l1d = {48 << 10, 1}, .l2 = {1 << 20, 1}, .l3 = {32 << 20, 2}, .cpus_online = 2, .cpus_allowed = 2};

/* The model's, the known ones, and then candidates that are one change away, of each parameter in turn. */
static int seeds(void *host, const gml_choice *known, int count, gml_choice out[TUNE_SEEDS_MOST])
{
    const replay *r = host;
    const replay_problem *p = r->open;
    int n = 0, which = 0;
    out[n++] = p->candidate[0].choice;
    for (int i = 0; i < count && n < TUNE_SEEDS_MOST / 2; i++)
        if (replay_find(p, &known[i]) && !gml_choice_is_model(&known[i]))
            out[n++] = known[i];
    for (int turn = 0; turn < 12; turn++)
        for (int parameter = 0; parameter < GML_CHOICE_VALUES; parameter++) {
            int skip = turn;
            for (int i = 1; i < p->count && n < TUNE_SEEDS_MOST; i++)
                if (apart(&p->key, &p->candidate[i].choice, &out[0], &which) == 1 && which == parameter &&
                    skip-- == 0) {
                    bool there = false;
                    for (int j = 0; j < n; j++)
                        there = there || memcmp(&out[j], &p->candidate[i].choice, sizeof *out) == 0;
                    if (!there)
                        out[n++] = p->candidate[i].choice;
                }
        }
    return n;
}

/* Candidates that are one change away: of parameters that are ordered, the nearest on either side. */
static int steps(void *host, const gml_choice *from, gml_choice out[TUNE_STEPS_MOST])
{
    const replay *r = host;
    const replay_problem *p = r->open;
    int parameters, n = 0, which = 0;
    const gml_parameter *parameter = gml_parameters((gml_operation)p->key.operation, &parameters);
    for (int i = 0; i < p->count && n < TUNE_STEPS_MOST; i++) {
        const gml_choice *x = &p->candidate[i].choice;
        if (apart(&p->key, x, from, &which) != 1)
            continue;
        bool nearest = true;
        const int32_t here = from->value[which], there = x->value[which];
        for (int j = 0; j < p->count && parameter[which].ordered && here && there && nearest; j++) {
            int other;
            const int32_t between = p->candidate[j].choice.value[which];
            if (between > (here < there ? here : there) && between < (here < there ? there : here) &&
                apart(&p->key, &p->candidate[j].choice, from, &other) == 1 && other == which)
                nearest = false;
        }
        if (nearest)
            out[n++] = *x;
    }
    return n;
}

/* Adds what is not there yet. */
static int join(gml_choice *out, int count, const gml_choice *more, int more_count, int most)
{
    for (int i = 0; i < more_count && count < most; i++) {
        bool there = false;
        for (int j = 0; j < count && !there; j++)
            there = memcmp(&out[j], &more[i], sizeof *out) == 0;
        if (!there)
            out[count++] = more[i];
    }
    return count;
}

/* Those of the space, as far as they were recorded; others fill the places of those that were not, since the model has
 * changed since then, and its neighbours with it. */
static int space_seeds(void *host, const gml_choice *known, int count, gml_choice out[TUNE_SEEDS_MOST])
{
    const replay_problem *problem = ((const replay *)host)->open;
    const tune_machine on = {&machine, &runtime};
    gml_choice more[TUNE_SEEDS_MOST];
    const int all = tune_space_seeds(&on, &problem->key, known, count, out);
    const int kept = keep_recorded(problem, out, all);
    return kept == all ? all : join(out, kept, more, seeds(host, known, count, more), TUNE_SEEDS_MOST);
}

static int space_steps(void *host, const gml_choice *from, gml_choice out[TUNE_STEPS_MOST])
{
    const replay_problem *problem = ((const replay *)host)->open;
    const tune_machine on = {&machine, &runtime};
    gml_choice more[TUNE_STEPS_MOST];
    const int all = tune_space_steps(&on, &problem->key, from, out);
    const int kept = keep_recorded(problem, out, all);
    return kept == all ? all : join(out, kept, more, steps(host, from, more), TUNE_STEPS_MOST);
}

tune_bench replay_begin(replay *r, const replay_conditions *conditions, uint64_t seed)
{
    r->conditions = *conditions;
    r->random.state = seed;
    r->now = r->phase_ends = 0;
    r->slow_phase = false;
    r->open = NULL;
    r->samples = r->alive = 0;
    r->place = seed << 32;
    runtime.set = r->recorded ? gml_set_by_name("avx512") : NULL;
    return (tune_bench){.host = r,
                        .now = now,
                        .open = open_problem,
                        .open_other = conditions->other != 0 ? open_other : NULL,
                        .move = conditions->place > 0 ? move_problem : NULL,
                        .close = close_problem,
                        .verify = verify,
                        .time = time_choice,
                        .seeds = runtime.set ? space_seeds : seeds,
                        .steps = runtime.set ? space_steps : steps};
}
