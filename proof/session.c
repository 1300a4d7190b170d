/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "proof/session.h"
#include "proof/trap.h"
#include "src/core/cpu.h"
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

bool proof_available(const gml_kernel_set *set)
{
    return (set->needs & ~gml_cpu_features()) == 0;
}

const char *proof_kernel_name(char name[48], const char *op, const char *type, const gml_kernel_set *set)
{
    snprintf(name, 48, "%s_%s_%s", op, type, set->isa);
    return name;
}

bool proof_kernel_begin(proof_session *session, const char *name)
{
    proof_report *report = session->report;
    session->kernel = NULL;
    if (session->options->kernel && !strstr(name, session->options->kernel))
        return false;
    for (int i = 0; i < report->kernels; i++)
        if (strcmp(report->kernel[i].name, name) == 0 && report->kernel[i].available)
            session->kernel = &report->kernel[i];
    snprintf(session->subject, sizeof session->subject, "%s", name);
    return session->kernel != NULL;
}

bool proof_sampled(const proof_session *session, proof_random *random, int64_t n)
{
    return session->options->thorough || proof_once_in(random, n);
}

proof_edge proof_any_edge(proof_random *random)
{
    return proof_once_in(random, 4) ? PROOF_AT_START : PROOF_AT_END;
}

void proof_case_begin(proof_session *session)
{
    proof_arena_reset(session->arena);
}

void proof_case_images(proof_session *session)
{
    proof_take_images(session->arena);
}

void proof_case_label(proof_session *session, const char *format, ...)
{
    va_list list;
    const int n = snprintf(session->label, sizeof session->label, "%s: ", session->subject);
    va_start(list, format);
    vsnprintf(session->label + n, sizeof session->label - (size_t)n, format, list);
    va_end(list);
}

static void show_progress(proof_session *session)
{
    struct timespec now;
    if (!session->options->progress)
        return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const int64_t tenths = (int64_t)now.tv_sec * 10 + now.tv_nsec / 100000000;
    if (tenths == session->progress)
        return;
    session->progress = tenths;
    fprintf(session->options->progress, "\r\033[K%lld cases, %s", (long long)session->report->cases,
            session->subject);
    fflush(session->options->progress);
}

void proof_count(proof_session *session)
{
    session->report->cases++;
    if (session->kernel)
        session->kernel->cases++;
    show_progress(session);
}

void proof_fail(proof_session *session, const char *format, ...)
{
    session->report->failures++;
    if (session->kernel)
        session->kernel->failures++;
    FILE *to = session->options->findings;
    if (!to || session->shown == PROOF_FINDINGS)
        return;
    if (session->options->progress)
        fprintf(session->options->progress, "\r\033[K");
    va_list list;
    fprintf(to, "%s: ", session->label);
    va_start(list, format);
    vfprintf(to, format, list);
    va_end(list);
    fputs("\n", to);
    if (++session->shown == PROOF_FINDINGS)
        fputs("further failures are only counted\n", to);
    fflush(to);
}

bool proof_case_end(proof_session *session, void (*body)(void *), void *argument)
{
    char sentence[256];
    proof_fault fault;
    proof_count(session);
    if (!proof_guarded(body, argument, session->label, &fault)) {
        if (fault.signal == SIGILL) {
            proof_fail(session, "an instruction this CPU does not have");
        } else {
            proof_explain_address(session->arena, fault.address, sentence, sizeof sentence);
            proof_fail(session, "access %s", sentence);
        }
        return false;
    }
    if (!proof_compare(session->arena, sentence, sizeof sentence)) {
        proof_fail(session, "%s", sentence);
        return false;
    }
    return true;
}
