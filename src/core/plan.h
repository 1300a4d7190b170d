/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Plans: every free choice of an executor, and the one check that each passes before it runs, whether it
 * comes from the model or, by a choice, from a file. No choice in here can change a bit of a result.
 */
#ifndef GML_CORE_PLAN_H
#define GML_CORE_PLAN_H

#include "kernels/kernel.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a product is formed. */
typedef enum gml_gemm_path {
    GML_GEMM_PANELS, /* blocks of C, one after the other; A and B packed first, or read where they stand            */
    GML_GEMM_STREAM, /* few rows: sums in L1 while B passes by once                                               */
    GML_GEMM_SPLIT   /* a small C and a long k: threads share the blocks along k, which are added in order        */
} gml_gemm_path;

#define GML_GEMM_PATHS 3

/* "panels", "stream", "split" */
const char *gml_gemm_path_name(gml_gemm_path path);

typedef struct gml_gemm_plan {
    const gml_gemm_kernels *kernels; /* of the type                                                          */
    const gml_gemm_kernel *kernel;   /* one of its tiles                                                     */
    gml_gemm_path path;
    bool transpose;  /* C^T = B^T * A^T is formed instead: what follows describes that product               */
    bool pack_a, pack_b;    /* PANELS, SPLIT: into scratch memory; B must be unless it is contiguous along n */
    bool stream_c;          /* PANELS: whole lines of C are written past the caches, where C is larger than these, beta
                               is 0 and k one block: reading them first would take more time than the products */
    int64_t mc;      /* PANELS: rows of a block of A, mc * KC0 elements in a part of L2; a multiple of mr. STREAM:
                        rows of a strip of sums. SPLIT: rows of C at a time, a multiple of mr                */
    int64_t kc;      /* PANELS: depth of a panel of B. SPLIT: of the share of a thread at a time; a multiple of KC0 */
    int64_t nc;      /* PANELS: columns of a panel of B, kc * nc elements in L3. STREAM: of a strip of sums, mc * nc
                        elements in L1. SPLIT: of C at a time. A multiple of nr; STREAM: of the lanes        */
    int32_t grid_m, grid_n; /* threads along m and n; STREAM: grid_m is 1; SPLIT: 1, and grid_n along k      */
    int32_t grid_batch;     /* threads along the batch; where it is more than 1, the others are 1            */
} gml_gemm_plan;

typedef struct gml_softmax_plan {
    int32_t threads;
    int64_t rows;    /* of one task, >= 1: large enough to pay for handing it out                          */
    bool split;      /* threads share each row by its segments                                             */
    bool stream;     /* results pass the caches by, as they are larger than the last                       */
    int64_t block_rows, block_cols; /* scratch of a thread, in a part of L2. Where columns are not contiguous: so many
                        rows at a time, of min(cols, RS0) columns. With stream: the exponentials of one row. Or 0:
                        nothing is kept                                                                    */
} gml_softmax_plan;

/* How attention is computed. */
typedef enum gml_attention_path {
    GML_ATTENTION_TILES, /* strips of queries, queries along the lanes                  */
    GML_ATTENTION_FEW,   /* few queries at the speed of memory, keys along the lanes    */
    GML_ATTENTION_BLOCKS /* blocks of scores by the tiles of GEMM, keys along the lanes */
} gml_attention_path;

#define GML_ATTENTION_PATHS 3

/* "tiles", "few", "blocks" */
const char *gml_attention_path_name(gml_attention_path path);

typedef struct gml_attention_plan {
    gml_attention_path path;
    bool pack_k;     /* a block at a time, into scratch memory; must be where K is not contiguous along its dimensions */
    const gml_attention_kernel_f32 *kernel;
    int32_t strips;  /* strips of bq queries that share a block of K and V while it is in L2, >= 1         */
    const gml_gemm_kernel *products, *values; /* BLOCKS: tiles of the set's gemm_f32                       */
    int32_t rows;    /* FEW, BLOCKS: of a task, which share a pass over K and V, >= 1                      */
    int32_t step;    /* BLOCKS: rows whose scores of a block stay in L1, >= 1                              */
    int32_t span;    /* FEW: blocks of KB0 keys that K is read for before V is: long runs of either; rows * span * KB0
                        scores in a part of L2                                                            */
    int32_t split;   /* FEW: parts of the keys of a task, for want of tasks; 1 .. threads                  */
    int32_t hold;    /* FEW: with split, blocks whose results a part may hold at a time, >= 1              */
    int32_t threads;
} gml_attention_plan;

#define GML_BLOCK_LIMIT (1 << 24)  /* of mc, kc, nc: far above any cache, far below overflow              */
#define GML_MAX_STRIPS 16
#define GML_FEW_ROWS 16
#define GML_FEW_SPAN 64
#define GML_BLOCKS_ROWS 4096
#define GML_MAX_BLOCK_ROWS 256 /* of softmax */
#define GML_TILE_BYTES 4096                       /* bound of a register tile, which C without rows passes by the stack */
#define GML_SCRATCH_PER_THREAD ((size_t)8 << 20)  /* bound of attention, packed A, and sums                */
#define GML_SCRATCH_PANEL ((size_t)24 << 20)      /* bound of a packed panel of B                          */

/* true when a plan is legal for the set and its scratch within bounds; otherwise false, and why (which may
 * be NULL with size 0) gets a sentence. */
bool gml_gemm_plan_check(const gml_gemm_plan *plan, const gml_kernel_set *set, char *why, size_t size);
bool gml_softmax_plan_check(const gml_softmax_plan *plan, char *why, size_t size);
bool gml_attention_plan_check(const gml_attention_plan *plan, const gml_kernel_set *set, int64_t head_dim,
                              int64_t v_head_dim, char *why, size_t size);

/* Scratch a plan needs, in bytes: used by the checks and by the executors alike. */
size_t gml_gemm_scratch_panel(const gml_gemm_plan *plan);  /* a packed panel of B: one for all threads of a grid with
                                                              grid_m > 1, otherwise one for each            */
size_t gml_gemm_scratch_thread(const gml_gemm_plan *plan); /* packed A, or sums, of each thread             */
size_t gml_gemm_scratch(const gml_gemm_plan *plan);        /* of all threads of the plan                    */
size_t gml_softmax_scratch_thread(const gml_softmax_plan *plan);
size_t gml_attention_scratch_thread(const gml_attention_plan *plan, int64_t head_dim, int64_t v_head_dim);
size_t gml_attention_tiles_scratch(const gml_attention_plan *plan, int64_t head_dim, int64_t v_head_dim);
size_t gml_attention_few_scratch(const gml_attention_plan *plan, int64_t head_dim, int64_t v_head_dim);
size_t gml_attention_blocks_scratch(const gml_attention_plan *plan, int64_t head_dim, int64_t v_head_dim);

#endif
