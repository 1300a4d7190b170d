/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A race on purpose, in a pool of the host's own that the library calls: the test `race` passes when ThreadSanitizer
 * ends this program, so that the silence of the other tests means something.
 */
#include <gemmule/gemmule.h>

enum { N = 256 };
static float a[N * N], b[N * N], c[N * N];
static int64_t bodies;

static void parallel_for(void *host, int64_t n, gml_parallel_body_fn *body, void *argument)
{
    (void)host;
#pragma omp parallel for num_threads(2) schedule(static, 1)
    for (int64_t i = 0; i < n; i++) {
        body(argument, i);
        bodies++;
    }
}

int main(void)
{
    gml_context_options options = GML_CONTEXT_OPTIONS_INIT;
    options.threads = 2;
    options.parallel_for = parallel_for;
    gml_context *context;
    if (gml_context_create(&context, &options) != GML_OK)
        return 0;
    gml_gemm_f32(context, N, N, N, 1.0f, a, N, 1, b, N, 1, 0.0f, c, N, 1);
    gml_context_destroy(context);
    return 0;
}
