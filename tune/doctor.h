/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The doctor: what on this machine makes measurements slow or noisy, each with what can be done about it.
 */
#ifndef GML_TUNE_DOCTOR_H
#define GML_TUNE_DOCTOR_H

#include "tune/subject.h"

#define TUNE_FINDINGS 16

/* A warning is what a measurement suffers from; a note is what its reader should know. */
typedef enum tune_severity { TUNE_NOTE, TUNE_WARNING } tune_severity;

typedef struct tune_finding {
    tune_severity severity;
    const char *name;  /* "affinity", "quota", "throttling", "load", "governor", "boost", "battery", "smt",
                          "hypervisor", "caches", "steal", "hugepages", "memory", "noise" */
    char text[200];    /* what is so, as a sentence         */
    char advice[200];  /* what to do about it; "" for nothing */
} tune_finding;

typedef struct tune_diagnosis {
    int count;
    tune_finding finding[TUNE_FINDINGS];
} tune_diagnosis;

/* Looks at files only; `root` replaces "" before /sys and /proc, for tests. Takes no measurable time. */
void tune_doctor(const char *root, const gml_machine *machine, int32_t threads, tune_diagnosis *out);

/* Adds what a noise floor (tune_noise) means; nothing where it is small. */
#define TUNE_NOISE_MOST 0.05 /* beyond, a run measures, but does not save what it found */
void tune_doctor_noise(double noise, tune_diagnosis *out);

bool tune_diagnosis_warns(const tune_diagnosis *diagnosis);

/* What passes between two looks and spoils a sample: throttled periods of the cgroup, time stolen by a hypervisor. */
typedef struct tune_disturbance {
    int64_t throttled; /* periods */
    double stolen;     /* seconds */
} tune_disturbance;
tune_disturbance tune_disturbances(const char *root);

/* The same, with what it is a share of: periods of cgroups with a quota, seconds that CPUs worked, since the boot. */
typedef struct tune_account {
    int64_t throttled, periods;
    double stolen, worked;
} tune_account;
tune_account tune_accounts(const char *root);

#endif
