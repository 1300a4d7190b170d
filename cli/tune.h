/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The parts of `gemmule tune`: the line of progress, and what is said at the end.
 */
#ifndef GML_CLI_TUNE_H
#define GML_CLI_TUNE_H

#include "tune/tune.h"

typedef struct tune_setting {
    bool json, dry_run, resume, force, quiet; /* quiet: standard error is no terminal */
    const char *directory;                    /* --directory, or NULL                 */
    double budget;
    tune_request request;
} tune_setting;

/* From here on the first SIGINT or SIGTERM ends the run when it next reports progress, and the second the program. */
void tune_signals_watch(void);
/* Whether one has come. */
bool tune_signalled(void);

/* host: the tune_setting. Draws the line, if standard error is a terminal. */
gml_tune_progress_fn tune_show_progress;
/* Removes the line. */
void tune_clear_progress(const tune_setting *with);

/* Before the run, what is going to be done; after it, what came of it. */
void tune_show_begin(const tune_setting *with, const tune_diagnosis *diagnosis);
void tune_show_plan(const tune_setting *with, const tune_report *report);
void tune_show_end(const tune_setting *with, const tune_report *report);
void tune_show_json(const tune_setting *with, const tune_report *report);

#endif
