/* SPDX-License-Identifier: BSD-3-Clause */
#include <gemmule/gemmule.h>
#include <gemmule/tune.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    gml_tune_options options = GML_TUNE_OPTIONS_INIT;
    gml_tune_result result = GML_TUNE_RESULT_INIT;
    options.dry_run = 1;
    options.directory = "/nonexistent";
    options.problems = "gemm 300 300 300 threads=1\nsoftmax 1000 1000 threads=1\n";
    if (gml_tune(NULL, &options, &result) != GML_OK || result.tasks != 2 || result.pending != 2 ||
        result.saved)
        return 1;

    char sentence[128];
    options.problems = "gemm 300 300\n";
    if (gml_tune(NULL, &options, &result) != GML_ERR_ARGUMENT)
        return 2;
    gml_last_error(sentence, sizeof sentence);
    puts("the autotuner");
    return strcmp(sentence, "gml_tune: problems:1: gemm takes 3 sizes, there are 2") != 0;
}
