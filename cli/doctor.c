/* SPDX-License-Identifier: BSD-3-Clause
 *
 * `gemmule doctor`: what on this machine will make results slow or noisy, each with what can be done about it.
 */
#include "tune/doctor.h"
#include "cli/cli.h"
#include "cli/json.h"
#include "src/api/context.h"
#include "tune/measure.h"
#include <math.h>

#define SECONDS 1.0 /* of timing one product against itself */
#define EXTENT  512 /* of that product: a few milliseconds on any machine, with operands in the caches */

static const char *name_of(tune_severity severity)
{
    return severity == TUNE_WARNING ? "warning" : "note";
}

/* What two equal plans of a default product differ by; NaN where it cannot be measured. */
static double measure_noise(gml_context *context, int32_t threads)
{
    const tune_machine on = {&context->machine, &context->runtime};
    const gml_key key = {.operation = GML_OPERATION_GEMM,
                         .type = GML_F32,
                         .threads = threads,
                         .size = {EXTENT, EXTENT, EXTENT, 1}};
    tune_measure *measure = tune_measure_create(&on, GML_STATE_WARM, (size_t)1 << 30);
    if (!measure)
        return NAN;
    const tune_bench bench = tune_measure_bench(measure);
    const double noise = tune_noise(&bench, &key, SECONDS);
    tune_measure_destroy(measure);
    return noise;
}

static void print_json(const tune_diagnosis *diagnosis, int32_t threads, bool quick, double noise)
{
    json out = json_open(stdout);
    json_object(&out, NULL);
    json_integer(&out, "threads", threads);
    if (!quick)
        json_real(&out, "noise", noise);
    json_bool(&out, "fine", !tune_diagnosis_warns(diagnosis));
    json_array(&out, "findings");
    for (int i = 0; i < diagnosis->count; i++) {
        const tune_finding *finding = &diagnosis->finding[i];
        json_object(&out, NULL);
        json_text(&out, "severity", name_of(finding->severity));
        json_text(&out, "name", finding->name);
        json_text(&out, "text", finding->text);
        json_text(&out, "advice", *finding->advice ? finding->advice : NULL);
        json_end(&out);
    }
    json_close(&out);
}

static void print_text(const tune_diagnosis *diagnosis, int32_t threads, bool quick, double noise)
{
    for (int i = 0; i < diagnosis->count; i++) {
        const tune_finding *finding = &diagnosis->finding[i];
        printf("%-8s %-11s %s\n", name_of(finding->severity), finding->name, finding->text);
        if (*finding->advice)
            printf("%-8s %-11s -> %s\n", "", "", finding->advice);
    }
    if (diagnosis->count)
        printf("\n");
    printf("%d thread%s", threads, threads == 1 ? "" : "s");
    if (!quick && isfinite(noise))
        printf(", noise %.1f %%", 100 * noise);
    else if (!quick)
        printf(", noise could not be measured");
    printf(": %s\n", tune_diagnosis_warns(diagnosis) ? "measurements will suffer" : "fine to measure on");
}

int gemmule_doctor(int argc, char **argv)
{
    bool as_json = false, quick = false;
    int64_t asked = 0;
    const cli_option options[] = {
        CLI_NUMBER("--threads", "T", &asked, 1, GML_MAX_THREADS, "threads to measure with; default: all"),
        CLI_FLAG("--quick", &quick, "look only, and time nothing"),
        CLI_FLAG("--json", &as_json, "print JSON"),
        CLI_END,
    };
    const cli_usage usage = {
        "gemmule doctor",
        "[--threads T] [--quick] [--json]",
        "Looks for what makes measurements on this machine slow or noisy: affinity,\n"
        "quota, load, clocks, battery, hypervisor, caches, huge pages, memory; and times\n"
        "one product against itself for a second. Says what can be done about each.\n"
        "Exit code 1 where measurements will suffer.\n",
        options,
    };
    int code = CLI_FINE;
    if (cli_parse(&usage, argc, argv, NULL, 0, &code) < 0)
        return code;

    gml_context *context = gml_context_default();
    const int32_t threads = asked ? (int32_t)asked : gml_parallel_threads(&context->runtime, 0);
    tune_diagnosis diagnosis;
    tune_doctor("", &context->machine, threads, &diagnosis);
    double noise = NAN;
    if (!quick) {
        noise = measure_noise(context, threads);
        tune_doctor_noise(noise, &diagnosis);
    }
    if (as_json)
        print_json(&diagnosis, threads, quick, noise);
    else
        print_text(&diagnosis, threads, quick, noise);
    return tune_diagnosis_warns(&diagnosis) ? CLI_FINDING : CLI_FINE;
}
