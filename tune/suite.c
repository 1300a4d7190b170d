/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The problems that are tuned where none are named, from models and programs that are in use. Where all heads or rows
 * would take long, there are fewer of them: a call takes 25 ms of one fast core at most. None is so small that it needs
 * no plan.
 */
#include "src/core/integers.h"
#include "tune/space.h"
#include <math.h>
#include <stdbool.h>

typedef struct problem {
    gml_operation operation;
    gml_type type;
    uint16_t layout;
    int64_t size[GML_KEY_SIZES];
} problem;

/* Layers of models multiply tokens by weights of [output][input]: B is contiguous along k. */
#define LINEAR GML_LAYOUT_B_COLUMNS
#define UPDATE GML_LAYOUT_READS_C

#define S(layout, ...)                                                                                       \
    {                                                                                                        \
        GML_OPERATION_GEMM, GML_F32, layout,                                                                 \
        {                                                                                                    \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }
#define D(layout, ...)                                                                                       \
    {                                                                                                        \
        GML_OPERATION_GEMM, GML_F64, layout,                                                                 \
        {                                                                                                    \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }
#define SOFTMAX(layout, ...)                                                                                 \
    {                                                                                                        \
        GML_OPERATION_SOFTMAX, GML_F32, layout,                                                              \
        {                                                                                                    \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }
#define ATTENTION(layout, ...)                                                                               \
    {                                                                                                        \
        GML_OPERATION_ATTENTION, GML_F32, layout,                                                            \
        {                                                                                                    \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }

/* clang-format off */
static const problem problems[] = {
    /* GEMM: m n k batch */
    S(LINEAR, 1, 4096, 4096, 1),       /* Llama-2-7B, a token: output of attention      */
    S(LINEAR, 4, 4096, 4096, 1),       /* four requests, or four tokens proposed        */
    S(LINEAR, 8, 14336, 4096, 1),      /* Llama-3-8B, eight requests: MLP up            */
    S(LINEAR, 16, 4096, 4096, 1),      /* sixteen requests                              */
    S(LINEAR, 32, 4096, 4096, 1),      /* thirty-two                                    */
    S(LINEAR, 128, 4096, 4096, 1),     /* Llama-2-7B, prompt of 128                     */
    S(LINEAR, 512, 16, 4096, 1),       /* an adapter of rank 16 (LoRA): down            */
    S(LINEAR, 512, 4096, 16, 1),       /* and up                                        */
    S(LINEAR, 1, 3072, 768, 1),        /* GPT-2, a token: MLP up                        */
    S(LINEAR, 1, 50257, 768, 1),       /* GPT-2, a token: vocabulary                    */
    S(LINEAR, 128, 768, 768, 1),       /* BERT-base, 128 tokens: output of attention    */
    S(LINEAR, 128, 3072, 768, 1),      /* BERT-base, 128 tokens: MLP up                 */
    S(LINEAR, 384, 768, 3072, 1),      /* BERT-base, 384 tokens: MLP down               */
    S(LINEAR, 197, 2304, 768, 1),      /* ViT-B/16: Q, K and V                          */
    S(LINEAR, 1500, 512, 512, 1),      /* Whisper-base, encoder                         */
    S(LINEAR, 12, 5120, 1280, 1),      /* Whisper-large, a token of 12 beams: MLP up    */
    S(LINEAR, 256, 512, 512, 1),       /* training of a small network: a layer forwards */
    S(GML_LAYOUT_A_COLUMNS, 512, 512, 256, 1), /* the gradient of its weights           */
    S(0, 8, 4096, 4096, 1),            /* weights of [input][output], as JAX and Keras have them */
    S(0, 32, 4096, 4096, 1),
    S(0, 64, 4096, 1024, 1),
    S(0, 64, 12544, 147, 1),           /* ResNet-50, first convolution                  */
    S(0, 64, 3136, 576, 1),            /* ResNet-50, 3 x 3 of stage 2                   */
    S(0, 256, 3136, 64, 1),            /* ResNet-50, 1 x 1 of stage 2                   */
    S(0, 128, 784, 1152, 1),           /* ResNet-50, 3 x 3 of stage 3                   */
    S(0, 256, 196, 2304, 1),           /* ResNet-50, 3 x 3 of stage 4                   */
    S(0, 2048, 49, 512, 1),            /* ResNet-50, 1 x 1 of stage 5                   */
    S(0, 16, 12544, 32, 1),            /* MobileNet-V2, 1 x 1, from the first to the last */
    S(0, 96, 12544, 16, 1),
    S(0, 24, 3136, 96, 1),
    S(0, 144, 3136, 24, 1),
    S(0, 192, 784, 32, 1),
    S(0, 64, 196, 384, 1),
    S(0, 320, 49, 960, 1),
    S(0, 128, 128, 128, 1),            /* squares                                       */
    S(0, 256, 256, 256, 1),
    S(0, 512, 512, 512, 1),
    S(0, 1000, 1000, 1000, 1),
    S(0, 128, 128, 128, 64),           /* batches of them                               */
    S(LINEAR, 128, 128, 64, 96),       /* scores of BERT's heads                        */
    S(0, 197, 64, 197, 96),            /* values of ViT's heads                         */
    S(UPDATE, 4096, 4096, 32, 1),      /* LU, trailing matrix                           */
    S(UPDATE, 2048, 2048, 64, 1),
    S(0, 2048, 2048, 48, 1),           /* outer product of blocks                       */
    S(0, 100000, 16, 16, 1),           /* a block of vectors times a small matrix       */
    S(LINEAR, 10000, 64, 32, 1),       /* distances of k-means, 64 centres              */
    S(0, 10000, 16, 784, 1),           /* projection to 16 principal components         */
    S(GML_LAYOUT_A_COLUMNS, 16, 16, 100000, 1), /* Gram matrix of a block of vectors    */
    S(GML_LAYOUT_A_COLUMNS, 100, 100, 10000, 1), /* covariance of 100 variables         */
    S(0, 4096, 32, 4096, 1),           /* a matrix times a block of vectors             */
    S(0, 64, 64, 8192, 1),             /* projections of a randomised factorisation     */

    D(0, 128, 128, 128, 1),            /* squares                                       */
    D(0, 256, 256, 256, 1),
    D(0, 512, 512, 512, 1),
    D(0, 1000, 1000, 1000, 1),
    D(UPDATE, 2048, 2048, 32, 1),      /* LU, trailing matrix                           */
    D(UPDATE, 1500, 1500, 128, 1),     /* HPL                                           */
    D(UPDATE | GML_LAYOUT_B_COLUMNS, 1024, 1024, 192, 1), /* Cholesky, trailing matrix  */
    D(0, 100000, 8, 8, 1),             /* a block of vectors times a small matrix       */
    D(0, 2000, 32, 2000, 1),           /* a matrix times a block of vectors             */
    D(GML_LAYOUT_A_COLUMNS, 24, 24, 50000, 1), /* Gram matrix of a block of vectors     */
    D(GML_LAYOUT_A_COLUMNS, 64, 64, 5000, 1),  /* normal equations of least squares     */
    D(0, 16, 2048, 2048, 1),           /* a block of vectors times a matrix             */
    D(0, 120, 120, 120, 32),           /* contractions of small tensors                 */

    /* softmax: rows columns */
    SOFTMAX(0, 1, 128256),             /* Llama-3, logits of a token                    */
    SOFTMAX(0, 8, 128256),             /* of eight requests                             */
    SOFTMAX(0, 32, 50257),             /* GPT-2, logits of 32 tokens                    */
    SOFTMAX(0, 32768, 1000),           /* a classifier of ImageNet                      */
    SOFTMAX(0, 4096, 4096),            /* scores that are stored                        */
    SOFTMAX(GML_LAYOUT_IN_PLACE, 12288, 1024), /* GPT-2, scores in place                */
    SOFTMAX(GML_LAYOUT_MASKED, 12288, 384),    /* BERT-base, scores with a mask         */
    SOFTMAX(0, 18912, 197),            /* ViT-B/16, scores                              */
    SOFTMAX(0, 65536, 64),             /* gates of a mixture of experts                 */
    SOFTMAX(0, 32, 8192),              /* scores of a decoding step                     */
    SOFTMAX(0, 64, 4096),
    SOFTMAX(GML_LAYOUT_COLUMNS, 1024, 512), /* along another dimension than the last    */

    /* attention: sequences group q_len kv_len head_dim v_head_dim */
    ATTENTION(0, 96, 1, 128, 128, 64, 64),       /* BERT-base, 8 of 128 tokens          */
    ATTENTION(0, 24, 1, 384, 384, 64, 64),       /* BERT-base, 2 of 384 tokens          */
    ATTENTION(0, 96, 1, 197, 197, 64, 64),       /* ViT-B/16, 8 images                  */
    ATTENTION(0, 2, 1, 1500, 1500, 64, 64),      /* Whisper-large, encoder, two heads   */
    ATTENTION(0, 20, 1, 1, 1500, 64, 64),        /* Whisper-large, cross-attention      */
    ATTENTION(0, 20, 1, 2304, 77, 64, 64),       /* Stable Diffusion 2.1, cross         */
    ATTENTION(0, 40, 1, 576, 77, 64, 64),
    ATTENTION(0, 16, 1, 4096, 77, 40, 40),       /* Stable Diffusion 1.5, cross         */
    ATTENTION(0, 16, 1, 256, 77, 160, 160),
    ATTENTION(0, 40, 1, 144, 144, 64, 64),       /* Stable Diffusion 2.1, self          */
    ATTENTION(GML_LAYOUT_CAUSAL, 12, 1, 1024, 1024, 64, 64),  /* GPT-2                  */
    ATTENTION(GML_LAYOUT_CAUSAL, 32, 1, 512, 512, 128, 128),  /* Llama-2-7B, 512 tokens */
    ATTENTION(GML_LAYOUT_CAUSAL, 1, 4, 2016, 2016, 128, 128), /* Llama-3-8B, four heads */
    ATTENTION(GML_LAYOUT_CAUSAL, 1, 1, 4096, 4096, 128, 128), /* a head of it           */
    ATTENTION(GML_LAYOUT_CAUSAL, 1, 1, 2048, 2048, 192, 128), /* DeepSeek-V3, a head    */
    ATTENTION(0, 32, 1, 1, 4096, 128, 128),      /* Llama-2-7B, a token                 */
    ATTENTION(0, 8, 4, 1, 1024, 128, 128),       /* Llama-3-8B, a token                 */
    ATTENTION(0, 8, 4, 1, 8192, 128, 128),
    ATTENTION(0, 8, 4, 1, 32768, 128, 128),
    ATTENTION(GML_LAYOUT_TOKENS, 8, 4, 1, 4096, 128, 128), /* [token][head][dim]        */
    ATTENTION(GML_LAYOUT_TOKENS, 32, 1, 1, 2048, 128, 128),
    ATTENTION(GML_LAYOUT_CAUSAL, 8, 4, 4, 8192, 128, 128), /* four tokens proposed      */
    ATTENTION(GML_LAYOUT_CAUSAL, 4, 7, 2, 4096, 128, 128), /* Qwen2-7B, two             */
    ATTENTION(GML_LAYOUT_CAUSAL, 8, 8, 2, 7680, 64, 64),   /* GPT-OSS, two              */
    ATTENTION(0, 8, 8, 1, 7680, 64, 64),         /* GPT-OSS, a token                    */
    ATTENTION(0, 1, 128, 1, 4096, 576, 512),     /* DeepSeek-V3, a token, absorbed      */
    ATTENTION(0, 8, 1, 1, 1024, 64, 64),         /* mobile, a token                     */
};
/* clang-format on */

int tune_suite(unsigned operations, unsigned types, const int32_t *threads, int thread_counts, gml_key *out,
               int most)
{
    int count = 0;
    for (int t = 0; t < thread_counts; t++)
        for (size_t i = 0; i < sizeof problems / sizeof *problems; i++) {
            const problem *p = &problems[i];
            if (!(operations >> p->operation & 1) || !(types >> p->type & 1) || count == most)
                continue;
            gml_key *key = &out[count++];
            *key = (gml_key){.operation = (uint8_t)p->operation,
                             .type = (uint8_t)p->type,
                             .layout = p->layout,
                             .threads = threads[t]};
            for (int s = 0; s < GML_KEY_SIZES; s++)
                key->size[s] = p->size[s];
        }
    return count;
}

/* A size in the cell of `size` that is so many times as large, or `size` where there is none: odd, as few sizes
 * are what tiles like; head dimensions are multiples of 4 in all models, but need not be of a vector. */
static int64_t resized(int64_t size, double factor, bool head)
{
    const int64_t near = (int64_t)((double)size * factor);
    const int64_t other = size <= 8 ? near : head ? near & ~INT64_C(3) : near | 1;
    return other > 0 && floor(log2((double)other) + 0.5) == floor(log2((double)size) + 0.5) ? other : size;
}

static gml_key companion(const gml_key *key, bool smaller)
{
    gml_key other = *key;
    for (int s = 0; s < GML_KEY_SIZES; s++) {
        const bool head = key->operation == GML_OPERATION_ATTENTION && s >= 4;
        const double less = head ? 0.92 : 0.87;
        if (smaller && key->size[s] > 0)
            other.size[s] = resized(key->size[s], less, head);
        if (key->size[s] > 0 && other.size[s] == key->size[s])
            other.size[s] = resized(key->size[s], 1 / less, head);
    }
    return other;
}

/* Smaller takes less time, but may need no plan. */
gml_key tune_companion(const gml_key *key)
{
    const gml_key other = companion(key, true);
    return tune_plans(&other) ? other : companion(key, false);
}
