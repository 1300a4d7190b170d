/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cases by their plans: a key and a choice make a plan, as for the tuner, and the executor of the operation runs it.
 * The choice names what the case is for; a plan that is another one ends the program, so that no case silently measures
 * a different path.
 */
#include "bench/count.h"
#include "tune/subject_parts.h"
#include <stdio.h>
#include <string.h>

typedef struct planned {
    const char *name, *key, *choice;
} planned;

/* Sizes are multiples of the tiles where they can be: edges are cases of their own. */
static const planned cases[] = {
    /* GEMM: blocks of C. Two blocks along k, so that one updates. */
    {"gemm_f32/panels", "op=gemm type=f32 layout=nn0 m=24 n=48 k=1024 batch=1",
     "path=panels,pack_a=no,pack_b=no"},
    {"gemm_f32/panels/pack:a", "op=gemm type=f32 layout=tn0 m=48 n=48 k=512 batch=1",
     "path=panels,pack_a=yes,pack_b=no"},
    {"gemm_f32/panels/pack:b", "op=gemm type=f32 layout=nn0 m=48 n=48 k=512 batch=1",
     "path=panels,pack_a=no,pack_b=yes"},
    {"gemm_f32/panels/NT", "op=gemm type=f32 layout=nt0 m=48 n=48 k=256 batch=1", "path=panels"},
    {"gemm_f32/panels/TN", "op=gemm type=f32 layout=tn0 m=48 n=48 k=256 batch=1", "path=panels"},
    {"gemm_f32/panels/TT", "op=gemm type=f32 layout=tt0 m=48 n=48 k=256 batch=1", "path=panels"},
    {"gemm_f32/panels/strided", "op=gemm type=f32 layout=ss0s m=48 n=48 k=128 batch=1", "path=panels"},
    {"gemm_f32/panels/beta", "op=gemm type=f32 layout=nn1 m=96 n=96 k=64 batch=1", "path=panels"},
    {"gemm_f32/panels/edges", "op=gemm type=f32 layout=nn0 m=47 n=45 k=131 batch=1",
     "path=panels,pack_b=yes"},
    {"gemm_f32/panels/stream_c", "op=gemm type=f32 layout=nn0 m=96 n=96 k=32 batch=1",
     "path=panels,stream_c=yes"},
    {"gemm_f32/panels/packed:b", "op=gemm type=f32 layout=np0 m=48 n=48 k=512 batch=1", "path=panels"},
    {"gemm_f32/panels/packed:ab", "op=gemm type=f32 layout=pp0 m=48 n=48 k=512 batch=1", "path=panels"},
    {"gemm_f32/blocking", "op=gemm type=f32 layout=nn0 m=192 n=192 k=512 batch=1", ""},
    {"gemm_f32/rank_k", "op=gemm type=f32 layout=nn1 m=96 n=512 k=32 batch=1", ""},
    {"gemm_f32/stream/rows", "op=gemm type=f32 layout=nn0 m=4 n=512 k=256 batch=1", "path=stream"},
    {"gemm_f32/stream/vector", "op=gemm type=f32 layout=nn0 m=1 n=1024 k=512 batch=1", "path=stream"},
    {"gemm_f32/stream/dots", "op=gemm type=f32 layout=nt0 m=4 n=128 k=1024 batch=1", "path=stream"},
    {"gemm_f32/split", "op=gemm type=f32 layout=nn0 m=24 n=24 k=2048 batch=1", "path=split"},
    {"gemm_f32/batch", "op=gemm type=f32 layout=nn0 m=16 n=16 k=16 batch=32", ""},
    {"gemm_f32/batch/panels", "op=gemm type=f32 layout=nt0 m=24 n=24 k=600 batch=2", "path=panels"},
    {"gemm_f64/panels", "op=gemm type=f64 layout=nn0 m=24 n=24 k=1024 batch=1",
     "path=panels,pack_a=no,pack_b=no"},
    {"gemm_f64/panels/pack:a", "op=gemm type=f64 layout=tn0 m=36 n=36 k=512 batch=1",
     "path=panels,pack_a=yes,pack_b=no"},
    {"gemm_f64/panels/pack:b", "op=gemm type=f64 layout=nn0 m=36 n=36 k=512 batch=1",
     "path=panels,pack_a=no,pack_b=yes"},
    {"gemm_f64/panels/NT", "op=gemm type=f64 layout=nt0 m=36 n=36 k=256 batch=1", "path=panels"},
    {"gemm_f64/panels/edges", "op=gemm type=f64 layout=nn1 m=35 n=33 k=131 batch=1",
     "path=panels,pack_b=yes"},
    {"gemm_f64/panels/packed:ab", "op=gemm type=f64 layout=pp0 m=36 n=36 k=512 batch=1", "path=panels"},
    {"gemm_f64/blocking", "op=gemm type=f64 layout=nn0 m=96 n=96 k=512 batch=1", ""},
    {"gemm_f64/stream/rows", "op=gemm type=f64 layout=nn0 m=4 n=256 k=256 batch=1", "path=stream"},
    {"gemm_f64/stream/dots", "op=gemm type=f64 layout=nt0 m=4 n=128 k=512 batch=1", "path=stream"},
    {"gemm_f64/split", "op=gemm type=f64 layout=nn0 m=24 n=24 k=1536 batch=1", "path=split"},
    {"gemm_f64/batch", "op=gemm type=f64 layout=nn0 m=12 n=12 k=12 batch=32", ""},

    /* Softmax: rows of one segment, of several, shared, past the caches, in place, by columns. */
    {"softmax_f32/rows", "op=softmax type=f32 layout=- rows=64 cols=256", ""},
    {"softmax_f32/rows/short", "op=softmax type=f32 layout=- rows=256 cols=21", ""},
    {"softmax_f32/rows/wide", "op=softmax type=f32 layout=- rows=2 cols=10000", "split=no"},
    {"softmax_f32/rows/stream", "op=softmax type=f32 layout=- rows=4 cols=4096", "stream=yes"},
    {"softmax_f32/rows/wide/stream", "op=softmax type=f32 layout=- rows=2 cols=10000", "split=no,stream=yes"},
    {"softmax_f32/rows/in_place", "op=softmax type=f32 layout=i rows=64 cols=256", ""},
    {"softmax_f32/rows/masked", "op=softmax type=f32 layout=m rows=64 cols=256", ""},
    {"softmax_f32/split", "op=softmax type=f32 layout=- rows=1 cols=20000", "split=yes"},
    {"softmax_f32/strided", "op=softmax type=f32 layout=c rows=64 cols=256", ""},

    /* Attention: strips of queries, few queries, blocks of scores; what leaves keys out, and where they lie. */
    {"attention_f32/tiles/causal",
     "op=attention type=f32 layout=c sequences=1 group=1 q_len=72 kv_len=256 head_dim=64 v_head_dim=64",
     "path=tiles"},
    {"attention_f32/tiles/window",
     "op=attention type=f32 layout=s sequences=1 group=1 q_len=48 kv_len=512 head_dim=64 v_head_dim=64",
     "path=tiles"},
    {"attention_f32/tiles/bias",
     "op=attention type=f32 layout=b sequences=1 group=1 q_len=24 kv_len=256 head_dim=64 v_head_dim=64",
     "path=tiles"},
    {"attention_f32/tiles/tokens",
     "op=attention type=f32 layout=t sequences=2 group=2 q_len=24 kv_len=256 head_dim=64 v_head_dim=64",
     "path=tiles"},
    {"attention_f32/tiles/k_columns",
     "op=attention type=f32 layout=k sequences=1 group=1 q_len=24 kv_len=256 head_dim=64 v_head_dim=64",
     "path=tiles"},
    {"attention_f32/tiles/pack_k",
     "op=attention type=f32 layout=- sequences=1 group=1 q_len=24 kv_len=256 head_dim=64 v_head_dim=64",
     "path=tiles,pack_k=yes"},
    {"attention_f32/tiles/weights",
     "op=attention type=f32 layout=w sequences=1 group=1 q_len=24 kv_len=256 head_dim=64 v_head_dim=64",
     "path=tiles"},
    {"attention_f32/tiles/edges",
     "op=attention type=f32 layout=c sequences=1 group=1 q_len=43 kv_len=203 head_dim=53 v_head_dim=37",
     "path=tiles"},
    {"attention_f32/few",
     "op=attention type=f32 layout=- sequences=1 group=8 q_len=1 kv_len=512 head_dim=64 v_head_dim=64",
     "path=few"},
    {"attention_f32/few/row",
     "op=attention type=f32 layout=- sequences=1 group=1 q_len=1 kv_len=1024 head_dim=128 v_head_dim=128",
     "path=few"},
    {"attention_f32/few/causal",
     "op=attention type=f32 layout=c sequences=1 group=2 q_len=4 kv_len=512 head_dim=64 v_head_dim=64",
     "path=few"},
    {"attention_f32/few/k_columns",
     "op=attention type=f32 layout=k sequences=1 group=4 q_len=1 kv_len=512 head_dim=64 v_head_dim=64",
     "path=few"},
    {"attention_f32/few/split",
     "op=attention type=f32 layout=- sequences=1 group=1 q_len=1 kv_len=1024 head_dim=64 v_head_dim=64",
     "path=few,split=1"},
    {"attention_f32/blocks",
     "op=attention type=f32 layout=- sequences=1 group=1 q_len=48 kv_len=256 head_dim=64 v_head_dim=64",
     "path=blocks"},
    {"attention_f32/blocks/causal",
     "op=attention type=f32 layout=c sequences=1 group=1 q_len=96 kv_len=192 head_dim=64 v_head_dim=64",
     "path=blocks"},
};

static gml_key read_key(const planned *of)
{
    char text[GML_KEY_TEXT];
    gml_key key;
    const int length = snprintf(text, sizeof text, "%s threads=1", of->key);
    if (!gml_key_read(text, (size_t)length, &key))
        count_fail(of->name, "its key cannot be read");
    return key;
}

static gml_choice read_choice(const planned *of, const gml_key *key)
{
    gml_choice choice = {{0}};
    if (*of->choice &&
        !gml_choice_read((gml_operation)key->operation, of->choice, strlen(of->choice), &choice))
        count_fail(of->name, "its choice cannot be read");
    return choice;
}

static bool agrees(int32_t wanted, int32_t is)
{
    return wanted == 0 || wanted == is;
}

static int32_t flag(bool is)
{
    return is ? GML_YES : GML_NO;
}

/* Whether a plan has what its choice asks for. */
static bool is_of(const tune_plan *plan, const gml_choice *choice)
{
    const int32_t *value = choice->value;
    switch (plan->operation) {
    case GML_OPERATION_GEMM: {
        const gml_gemm_plan *is = &plan->gemm;
        return agrees(value[GML_CHOOSE_PATH], 1 + (int32_t)is->path) &&
               agrees(value[GML_CHOOSE_MR], is->kernel->mr) && agrees(value[GML_CHOOSE_NR], is->kernel->nr) &&
               agrees(value[GML_CHOOSE_PACK_A], flag(is->pack_a)) &&
               agrees(value[GML_CHOOSE_PACK_B], flag(is->pack_b)) &&
               agrees(value[GML_CHOOSE_STREAM_C], flag(is->stream_c));
    }
    case GML_OPERATION_SOFTMAX: {
        const gml_softmax_plan *is = &plan->softmax;
        return agrees(value[GML_CHOOSE_SOFTMAX_SPLIT], flag(is->split)) &&
               agrees(value[GML_CHOOSE_SOFTMAX_STREAM], flag(is->stream));
    }
    default: {
        const gml_attention_plan *is = &plan->attention;
        return agrees(value[GML_CHOOSE_ATTENTION_PATH], 1 + (int32_t)is->path) &&
               agrees(value[GML_CHOOSE_ATTENTION_BQ], is->kernel->bq) &&
               agrees(value[GML_CHOOSE_ATTENTION_PACK_K], flag(is->pack_k)) &&
               agrees(value[GML_CHOOSE_ATTENTION_SPLIT], is->split);
    }
    }
}

typedef struct subject_run {
    gml_runtime *runtime;
    const tune_problem *problem;
    const tune_plan *plan;
} subject_run;

static void run_plan(void *argument)
{
    const subject_run *run = argument;
    tune_operation_of(run->plan->operation)->run(run->runtime, run->problem, run->plan);
}

static void count_planned(const planned *of)
{
    if (!count_wants(of->name))
        return;
    gml_context *context = count_open();
    const tune_machine on = {&context->first.machine, &context->runtime};
    const gml_key key = read_key(of);
    const gml_choice choice = read_choice(of, &key);
    tune_plan plan;
    if (!tune_plan_of(&on, &key, &choice, &plan) || !is_of(&plan, &choice))
        count_fail(of->name, "its plan is another one");
    tune_subject *subject = tune_subject_create(&on, &key, GML_STATE_WARM, SIZE_MAX);
    if (!subject)
        count_fail(of->name, "no memory for its operands");
    tune_subject_run(subject, &plan); /* which places the operands, and warms */
    subject_run run = {&context->runtime, tune_subject_problem(subject), &plan};
    count_case(of->name, false, run_plan, &run);
    tune_subject_destroy(subject);
    count_close(context);
}

/* Each register tile of the set, as in its table. */
static void count_tiles(const gml_gemm_kernels *kernels)
{
    for (int i = 0; i < kernels->n_tiles; i++) {
        const gml_gemm_kernel *tile = &kernels->tiles[i];
        char name[96], key[96], choice[64];
        snprintf(name, sizeof name, "%.8s/tile:%dx%d", tile->name, tile->mr, tile->nr);
        snprintf(key, sizeof key, "op=gemm type=%s layout=nn0 m=24 n=48 k=512 batch=1", kernels->type);
        snprintf(choice, sizeof choice, "path=panels,mr=%d,nr=%d,pack_b=yes", tile->mr, tile->nr);
        count_planned(&(planned){name, key, choice});
    }
}

static void count_strips(const gml_kernel_set *set)
{
    for (int i = 0; i < set->n_attention_f32; i++) {
        char name[96], choice[64];
        snprintf(name, sizeof name, "attention_f32/tiles/bq:%d", set->attention_f32[i].bq);
        snprintf(choice, sizeof choice, "path=tiles,bq=%d", set->attention_f32[i].bq);
        count_planned(&(planned){name,
                                 "op=attention type=f32 layout=- sequences=1 group=1 q_len=48 kv_len=256 "
                                 "head_dim=64 v_head_dim=64",
                                 choice});
    }
}

void count_plans(void)
{
    gml_context *context = count_open();
    const gml_kernel_set *set = context->runtime.set;
    count_close(context);
    count_tiles(set->gemm_f32);
    count_tiles(set->gemm_f64);
    count_strips(set);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        count_planned(&cases[i]);
}
