/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The autotuner, libgemmule_tune: measures plans, and writes down those that are proven to be faster than the model's
 * (wisdom.h). It changes no result. `gemmule tune` is this function with a progress line.
 */
#ifndef GEMMULE_TUNE_H
#define GEMMULE_TUNE_H

#include <gemmule/context.h>
#include <gemmule/status.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How far a run has come. */
typedef struct gml_tune_progress {
    int64_t tasks, finished, proven;
    double gain;      /* geometric mean over what is finished */
    double seconds;   /* since it began */
    double remaining; /* of the budget  */
    const char *problem; /* "gemm f32 nn0 1024x1024x64x1, 2 threads": just now; at first the noise floor */
} gml_tune_progress;

/* Called from the thread that tunes, after each problem and now and then; not 0 ends the run, what is finished is kept. */
typedef int32_t gml_tune_progress_fn(void *host, const gml_tune_progress *progress);

typedef struct gml_tune_options {
    size_t size;            /* of this structure, set by GML_TUNE_OPTIONS_INIT                            */
    double budget;          /* seconds, > 0                                                               */
    const char *problems;   /* text as in docs/tuning.md, "Lists of problems"; NULL: the standard ones    */
    const char *operations; /* "gemm,softmax,attention"; NULL: all                                        */
    const char *types;      /* "f32,f64"; NULL: all                                                       */
    const int32_t *threads; /* thread counts; NULL: one, and those of the context                         */
    int32_t thread_counts;
    int32_t resume;         /* 1: problems that wisdom in the directory has are not measured again        */
    int32_t force;          /* 1: saves though the machine is too noisy                                   */
    int32_t dry_run;        /* 1: plans the run and measures nothing                                      */
    int32_t warm;           /* 1: operands stay in the caches; 0: what is streamed comes from memory      */
    int32_t reserved;       /* 0                                                                          */
    uint64_t seed;
    const char *directory;  /* root for wisdom; NULL: the user's                                          */
    gml_tune_progress_fn *progress; /* or NULL */
    void *progress_host;
} gml_tune_options;

#define GML_TUNE_OPTIONS_INIT \
    { sizeof(gml_tune_options), 60.0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0 }

typedef struct gml_tune_result {
    size_t size;     /* of this structure, set by GML_TUNE_RESULT_INIT  */
    int64_t tasks, proven, kept, failed, pending;
    double gain, gain_low, gain_high; /* geometric mean over finished problems, its 95 % interval */
    double worst;    /* the smallest lower bound of what was adopted    */
    double regret, regret95; /* of predictions for problems left out: median, 95th percentile; NaN: too few to tell */
    double noise;    /* what two equal plans differ by, as a share; infinite: it could not be measured */
    double seconds;  /* that it took; in a dry run: that all would take, as far as can be told */
    int32_t saved;   /* 1: the file is there                            */
    int32_t reserved;
    char file[1024]; /* of this run                                     */
    char run[40];    /* `gemmule wisdom prune --run` takes it back      */
} gml_tune_result;

#define GML_TUNE_RESULT_INIT \
    { sizeof(gml_tune_result), 0, 0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0, "", "" }

/*
 * Tunes for a context (NULL: the default one): its machine, instruction set and threads. Takes budget seconds, and leaves
 * one file in the directory. Programs that begin later find it; a context that is in use, by gml_wisdom_refresh.
 *
 *   GML_ERR_ARGUMENT    an option is out of its range; a line of problems is none (the sentence says which); there is no
 *                       home, or the directory cannot be written
 *   GML_ERR_DESCRIPTOR  options or result are of an unknown size
 *   GML_ERR_MEMORY      no memory to begin with
 */
gml_status gml_tune(gml_context *context, const gml_tune_options *options, gml_tune_result *result);

#ifdef __cplusplus
}
#endif

#endif
