/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The machine, lists of problems, and races of candidates. In each round every candidate that is still there has one
 * sample, in a random order, so that what drifts drifts for all.
 */
#include "bench/tuning.h"
#include <gemmule/gemmule.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool tuning_open(tuning_machine *tuning, int32_t threads, const char *isa, bool unknown_caches)
{
    gml_context_options options = GML_CONTEXT_OPTIONS_INIT;
    options.threads = threads;
    options.isa = isa;
    if (gml_context_create(&tuning->context, &options) != GML_OK)
        return false;
    tuning->machine = tuning->context->machine;
    if (unknown_caches)
        tuning->machine.l1d = tuning->machine.l2 = tuning->machine.l3 = (gml_cache){.bytes = 0};
    tuning->on = (tune_machine){.machine = &tuning->machine, .runtime = &tuning->context->runtime};
    return true;
}

void tuning_close(tuning_machine *tuning)
{
    gml_context_destroy(tuning->context);
}

static const char *const held_out[] = {
    "op=gemm type=f32 layout=nt0 m=2 n=5120 k=5120 batch=1",   /* Llama-2-13B, two tokens            */
    "op=gemm type=f32 layout=nt0 m=6 n=18944 k=3584 batch=1",  /* Qwen2-7B, six requests: MLP up     */
    "op=gemm type=f32 layout=nt0 m=1 n=2048 k=8192 batch=1",   /* Llama-3.2-1B, a token: MLP down    */
    "op=gemm type=f32 layout=nt0 m=64 n=2560 k=2560 batch=1",  /* Phi-2, prompt of 64                */
    "op=gemm type=f32 layout=nt0 m=257 n=1024 k=4096 batch=1", /* CLIP ViT-L/14: MLP down            */
    "op=gemm type=f32 layout=nn0 m=12 n=2048 k=2048 batch=1",  /* weights of [input][output]         */
    "op=gemm type=f32 layout=nn0 m=24 n=6144 k=1536 batch=1",
    "op=gemm type=f32 layout=nn0 m=96 n=784 k=2400 batch=1", /* AlexNet, second convolution        */
    "op=gemm type=f32 layout=nn0 m=32 n=50176 k=27 batch=1", /* MobileNet-V2, first convolution    */
    "op=gemm type=f32 layout=nn0 m=200 n=200 k=200 batch=1",
    "op=gemm type=f32 layout=nn0 m=700 n=700 k=700 batch=1",
    "op=gemm type=f32 layout=nn0 m=300 n=2000 k=500 batch=1",
    "op=gemm type=f32 layout=nn1 m=3000 n=3000 k=16 batch=1", /* LU with narrow panels              */
    "op=gemm type=f32 layout=nn0 m=20000 n=48 k=48 batch=1",
    "op=gemm type=f32 layout=tn0 m=64 n=64 k=20000 batch=1",
    "op=gemm type=f32 layout=nt0 m=256 n=256 k=64 batch=48", /* scores of 256 tokens               */
    "op=gemm type=f64 layout=nn0 m=192 n=192 k=192 batch=1",
    "op=gemm type=f64 layout=nn0 m=700 n=700 k=700 batch=1",
    "op=gemm type=f64 layout=nn1 m=1500 n=1500 k=64 batch=1",
    "op=gemm type=f64 layout=nn0 m=30000 n=12 k=12 batch=1",
    "op=gemm type=f64 layout=nn0 m=6 n=3000 k=3000 batch=1",
    "op=softmax type=f32 layout=- rows=8 cols=151936", /* Qwen2, logits                      */
    "op=softmax type=f32 layout=- rows=2048 cols=2048",
    "op=softmax type=f32 layout=- rows=6000 cols=577", /* ViT-L at 384 pixels                */
    "op=softmax type=f32 layout=- rows=300 cols=300",
    "op=attention type=f32 layout=- sequences=16 group=1 q_len=257 kv_len=257 head_dim=64 "
    "v_head_dim=64", /* CLIP  */
    "op=attention type=f32 layout=- sequences=8 group=1 q_len=1024 kv_len=77 head_dim=80 "
    "v_head_dim=80", /* SD 1.5 */
    "op=attention type=f32 layout=c sequences=4 group=1 q_len=768 kv_len=768 head_dim=96 "
    "v_head_dim=96",
    "op=attention type=f32 layout=c sequences=2 group=7 q_len=300 kv_len=300 head_dim=128 "
    "v_head_dim=128", /* Qwen2 */
    "op=attention type=f32 layout=- sequences=4 group=7 q_len=1 kv_len=3000 head_dim=128 "
    "v_head_dim=128",
    "op=attention type=f32 layout=- sequences=12 group=1 q_len=1 kv_len=600 head_dim=64 "
    "v_head_dim=64",
    "op=attention type=f32 layout=c sequences=4 group=4 q_len=16 kv_len=2500 head_dim=128 "
    "v_head_dim=128",
};

/* A key from text that may leave the threads out. */
static bool read_key(const char *text, int32_t threads, gml_key *key)
{
    char line[GML_KEY_TEXT];
    const int length = snprintf(line, sizeof line, "%s threads=%d", text, (int)threads);
    return length < (int)sizeof line &&
           (gml_key_read(line, (size_t)length, key) || gml_key_read(text, strlen(text), key));
}

/* Whether the suite has a problem in the cell of a key. */
static bool is_in_suite(const gml_key *key)
{
    static gml_key suite[TUNING_PROBLEMS_MOST];
    const gml_key cell = gml_key_cell(key);
    const int count = tune_suite(~0u, ~0u, &key->threads, 1, suite, TUNING_PROBLEMS_MOST);
    for (int i = 0; i < count; i++) {
        const gml_key other = gml_key_cell(&suite[i]);
        if (gml_key_equal(&cell, &other))
            return true;
    }
    return false;
}

int tuning_held_out(unsigned operations, unsigned types, int32_t threads, gml_key *out, int most)
{
    int count = 0;
    for (size_t i = 0; i < sizeof held_out / sizeof *held_out && count < most; i++)
        if (read_key(held_out[i], threads, &out[count]) && operations >> out[count].operation & 1 &&
            types >> out[count].type & 1 && !is_in_suite(&out[count]))
            count++;
    return count;
}

int tuning_read_keys(const char *program, const char *path, int32_t threads, gml_key *out, int most)
{
    FILE *file = fopen(path, "r");
    if (!file) {
        fprintf(stderr, "%s: %s cannot be read\n", program, path);
        return -1;
    }
    char line[GML_KEY_TEXT];
    int count = 0;
    for (int number = 1; fgets(line, sizeof line, file); number++) {
        line[strcspn(line, "#\n")] = '\0';
        for (size_t length = strlen(line); length && line[length - 1] == ' ';)
            line[--length] = '\0';
        if (!*line)
            continue;
        if (count == most || !read_key(line, threads, &out[count])) {
            fprintf(stderr, "%s: %s:%d: no problem, or one too many\n", program, path, number);
            count = -1;
            break;
        }
        count++;
    }
    fclose(file);
    return count;
}

static unsigned bits_of(const char *text, const char *const *names, int first)
{
    unsigned bits = 0;
    while (*text) {
        const size_t length = strcspn(text, ",");
        int i = 0;
        while (names[i] && (strlen(names[i]) != length || strncmp(names[i], text, length) != 0))
            i++;
        if (!names[i])
            return 0;
        bits |= 1U << (first + i);
        text += length + (text[length] == ',');
    }
    return bits;
}

unsigned tuning_operations(const char *text)
{
    static const char *const names[] = {"gemm", "softmax", "attention", NULL};
    return bits_of(text, names, 0);
}

unsigned tuning_types(const char *text)
{
    static const char *const names[] = {"f32", "f64", NULL};
    return bits_of(text, names, GML_F32);
}

/* xorshift64*: the order of a round needs no more. */
static uint64_t draw(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717) >> 33;
}

static int compare(const void *x, const void *y)
{
    const double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static double quantile(double *values, int n, double q)
{
    qsort(values, (size_t)n, sizeof *values, compare);
    const double position = q * (n - 1);
    const int below = (int)position, above = below + 1 < n ? below + 1 : below;
    return values[below] + (position - below) * (values[above] - values[below]);
}

static double ratio(const tuning_samples *of, const tuning_samples *to, double q)
{
    double ratios[TUNING_ROUNDS_MOST];
    const int n = of->rounds < to->rounds ? of->rounds : to->rounds;
    for (int i = 0; i < n; i++)
        ratios[i] = to->seconds[i] / of->seconds[i];
    return n ? quantile(ratios, n, q) : 0;
}

double tuning_ratio(const tuning_samples *of, const tuning_samples *to)
{
    return ratio(of, to, 0.5);
}

/* Takes those off the list whose best sample does not come near the fastest. */
static int drop(const tuning_samples *candidates, int *alive, int count, int kept, double factor)
{
    double fastest = 0;
    for (int i = 0; i < count; i++)
        fastest = fmax(fastest, tuning_ratio(&candidates[alive[i]], candidates));
    int left = 0;
    for (int i = 0; i < count; i++)
        if (alive[i] < kept || ratio(&candidates[alive[i]], candidates, 1) * factor >= fastest)
            alive[left++] = alive[i];
    return left;
}

/* Sorts, those that are kept first, then the fastest. */
static int select_finalists(const tuning_samples *candidates, int *alive, int count, int kept, int finalists)
{
    for (int i = 1; i < count; i++)
        for (int j = i; j > 0; j--) {
            const int x = alive[j - 1], y = alive[j];
            if (x < kept || (y >= kept && tuning_ratio(&candidates[y], candidates) <=
                                              tuning_ratio(&candidates[x], candidates)))
                break;
            alive[j - 1] = y;
            alive[j] = x;
        }
    return count < kept + finalists ? count : kept + finalists;
}

/* One sample of each, in a random order. */
static void run_round(const tuning_machine *tuning, const gml_key *key, tune_subject *subject, double least,
                      tuning_samples *candidates, int *alive, int count, uint64_t *state)
{
    for (int i = count - 1; i > 0; i--) {
        const int j = (int)(draw(state) % (uint64_t)(i + 1)), other = alive[j];
        alive[j] = alive[i];
        alive[i] = other;
    }
    for (int i = 0; i < count; i++) {
        tuning_samples *candidate = &candidates[alive[i]];
        tune_plan plan;
        if (tune_plan_of(&tuning->on, key, &candidate->choice, &plan))
            candidate->seconds[candidate->rounds++] = tune_subject_time(subject, &plan, least);
    }
}

/* Operands and scratch memory to other places, where each plan runs once untimed. */
static void move(const tuning_machine *tuning, const gml_key *key, tune_subject *subject,
                 const tuning_samples *candidates, const int *alive, int count, bool small_pages)
{
    if (!tune_subject_move(subject, TUNING_MEMORY, small_pages))
        return;
    gml_scratch_clear(tuning->on.runtime);
    for (int i = 0; i < count; i++) {
        tune_plan plan;
        if (tune_plan_of(&tuning->on, key, &candidates[alive[i]].choice, &plan))
            tune_subject_run(subject, &plan);
    }
}

void tuning_run_race(const tuning_race *race, const tuning_machine *tuning, const gml_key *key,
                     tune_subject *subject, tuning_samples *candidates, int count, int kept, uint64_t seed)
{
    int *alive = malloc((size_t)count * sizeof *alive);
    if (!alive)
        return;
    uint64_t state = seed * 2 + 1;
    int left = count;
    for (int i = 0; i < count; i++)
        alive[i] = i, candidates[i].rounds = 0;
    for (int round = 0; round < race->rounds + race->more; round++) {
        if (race->move && round > 0 && round % race->move == 0)
            move(tuning, key, subject, candidates, alive, left, round / race->move % 2 == 1);
        if (round == race->rounds)
            left = select_finalists(candidates, alive, left, kept, race->finalists);
        else if (round == 2 || round == 4)
            left = drop(candidates, alive, left, kept, round == 2 ? race->drop_early : race->drop_late);
        run_round(tuning, key, subject, race->least, candidates, alive, left, &state);
    }
    free(alive);
}

int tuning_read_samples(const char *path, const gml_key *key, tuning_samples *out, int most)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    char line[GML_CHOICE_TEXT + 16 * TUNING_ROUNDS_MOST];
    bool here = false;
    int count = 0;
    while (fgets(line, sizeof line, file)) {
        gml_key of;
        line[strcspn(line, "\n")] = '\0';
        if (!strncmp(line, "problem ", 8)) {
            here = gml_key_read(line + 8, strlen(line + 8), &of) && gml_key_equal(&of, key);
            continue;
        }
        tuning_samples *samples = &out[count];
        const size_t length = strcspn(line, " ");
        if (!here || count == most ||
            !gml_choice_read((gml_operation)key->operation, line, length, &samples->choice))
            continue;
        samples->rounds = 0;
        for (char *at = line + length, *end; samples->rounds < TUNING_ROUNDS_MOST; at = end) {
            const double microseconds = strtod(at, &end);
            if (end == at)
                break;
            samples->seconds[samples->rounds++] = microseconds * 1e-6;
        }
        count++;
    }
    fclose(file);
    return count;
}
