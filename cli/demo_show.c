/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The demo as text, with a table and a bar chart, and as JSON.
 */
#include "cli/cli.h"
#include "cli/demo.h"
#include "cli/json.h"
#include "cli/table.h"
#include "src/core/cpu.h"
#include <gemmule/info.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static double gflops(const demo *d, const demo_variant *v)
{
    return 1e-9 * layer_operations(&d->of) / v->median;
}

static void print_json(const demo *d)
{
    const layer *of = &d->of;
    json out = json_open(stdout);
    json_object(&out, NULL);
    json_text(&out, "version", gml_version());
    json_integer(&out, "arithmetic_revision", gml_arithmetic_revision());
    json_object(&out, "layer");
    json_integer(&out, "batch", of->batch);
    json_integer(&out, "tokens", of->tokens);
    json_integer(&out, "hidden", of->hidden);
    json_integer(&out, "heads", of->heads);
    json_integer(&out, "head_dim", of->head_dim);
    json_real(&out, "operations", layer_operations(of));
    json_end(&out);
    json_real(&out, "largest_error", d->error.all);
    json_real(&out, "largest_error_valid_rows", d->error.valid);
    json_real(&out, "limit", DEMO_ERROR_LIMIT);
    json_text(&out, "sha256", d->variant[d->chosen].hash);
    json_bool(&out, "same_bits", d->same);
    json_text(&out, "chosen", d->variant[d->chosen].isa);
    json_array(&out, "variants");
    for (int i = 0; i < d->variants; i++) {
        const demo_variant *v = &d->variant[i];
        json_object(&out, NULL);
        json_text(&out, "isa", v->isa ? v->isa : "specification");
        json_integer(&out, "threads", v->threads);
        json_text(&out, "sha256", v->hash);
        json_integer(&out, "runs", v->runs);
        json_real(&out, "median_seconds", v->median);
        json_real(&out, "least_seconds", v->least);
        json_real(&out, "gflops", gflops(d, v));
        json_end(&out);
    }
    json_close(&out);
}

static void print_proof(const demo *d)
{
    const layer *of = &d->of;
    gml_machine machine;
    gml_machine_detect(&machine);
    printf("Gemmule %s on %s\n\n", gml_version(), *machine.model ? machine.model : "an unnamed CPU");
    printf("Layer   self-attention of a sentence encoder: %" PRId64 " heads of %" PRId64 ", %" PRId64
           " sequences of ",
           of->heads, of->head_dim, of->batch);
    for (int64_t i = 0; i < of->batch; i++)
        printf("%s%" PRId64, i == 0 ? "" : i + 1 < of->batch ? ", " : " and ", layer_valid(of, i));
    printf(" tokens\nWork    3 projections of %" PRId64 " x %" PRId64 " x %" PRId64
           ", then masked attention: %.3f GFLOP\n",
           of->batch * of->tokens, of->hidden, of->hidden, 1e-9 * layer_operations(of));
    printf("Error   %.2g at most against double precision (limit %.0g), %.2g without the padded rows: %s\n",
           d->error.all, DEMO_ERROR_LIMIT, d->error.valid,
           d->error.all <= DEMO_ERROR_LIMIT ? "fine" : "TOO LARGE");
    printf("Bits    sha256 %s\n", d->variant[d->chosen].hash);
    if (d->same) {
        printf("        the same for all %d below: one answer\n", d->variants);
        return;
    }
    for (int i = 0; i < d->variants; i++)
        if (strcmp(d->variant[i].hash, d->variant[0].hash))
            printf("        %s DIFFERS from the specification\n", d->variant[i].label);
}

/* Medians far above the least time say more of the machine's other work than of ours. */
static void print_caution(const demo *d)
{
    double worst = 0.0;
    for (int i = 0; i < d->variants; i++)
        if (d->variant[i].median > worst * d->variant[i].least)
            worst = d->variant[i].median / d->variant[i].least;
    if (worst > 1.5)
        printf("\nThe CPUs were busy with other work: medians lie up to %.1f times above the least times.\n",
               worst);
}

static void print_times(const demo *d)
{
    chart_bar *bars = cli_allocate((size_t)d->variants, sizeof *bars);
    table t = table_open("implementation", ">threads", ">runs", ">median ms", ">least ms", ">GFLOP/s",
                         ">times plain C", NULL);
    for (int i = 0; i < d->variants; i++) {
        const demo_variant *v = &d->variant[i];
        const char *note = !v->isa                                      ? " (the specification)"
                           : !strcmp(v->isa, d->variant[d->chosen].isa) ? " (chosen, untuned)"
                                                                        : " (untuned)";
        table_row(&t, "%s%s\t%d\t%" PRId64 "\t%.3f\t%.3f\t%.2f\t%.1f", v->isa ? v->isa : "plain C", note,
                  v->threads, v->runs, 1e3 * v->median, 1e3 * v->least, gflops(d, v),
                  d->variant[0].median / v->median);
        bars[i] = (chart_bar){v->label, gflops(d, v)};
    }
    printf("\n");
    table_print(&t, stdout);
    printf("\n");
    chart_print(stdout, bars, d->variants, 40, "GFLOP/s");
    free(bars);
}

int demo_show(const demo *d, bool as_json)
{
    if (as_json) {
        print_json(d);
    } else {
        print_proof(d);
        print_times(d);
        print_caution(d);
    }
    return d->same && d->error.all <= DEMO_ERROR_LIMIT ? CLI_FINE : CLI_FINDING;
}
