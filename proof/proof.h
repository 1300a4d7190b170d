/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The harness: every kernel and every operation of this library against the specification, bit for bit,
 * in guarded memory. `gemmule check`, the test suites, the benchmark and the tuner are its callers.
 *
 *     proof_options options = PROOF_OPTIONS_INIT;
 *     proof_report report = {0};
 *     if (!proof_run(&options, &report)) ...           something differs; the report says what
 *
 * While it runs, SIGSEGV, SIGBUS and SIGILL are the harness's: one run at a time in a process.
 */
#ifndef GML_PROOF_PROOF_H
#define GML_PROOF_PROOF_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define PROOF_KERNELS (1u << 0) /* each kernel of each table, against the formulas of kernels/kernel.h   */
#define PROOF_FIXED   (1u << 1) /* the numbered list of cases.h, through the public interface; hashed    */
#define PROOF_RANDOM  (1u << 2) /* random operations through the public interface                        */
#define PROOF_PLANS   (1u << 3) /* random operations through the executors, with plans no model makes    */
#define PROOF_CHOICES (1u << 4) /* the same with plans that the model makes of random choices            */
#define PROOF_ALL     (PROOF_KERNELS | PROOF_FIXED | PROOF_RANDOM | PROOF_PLANS | PROOF_CHOICES)

typedef struct proof_options {
    unsigned parts;     /* PROOF_...                                                                  */
    const char *isa;    /* one instruction set; NULL: each that this CPU has, in turn                 */
    int32_t threads;    /* of operations; 0: with one thread and again with two                       */
    bool thorough;      /* all fringes and classes, and all 2^32 arguments of the exponentials        */
    uint64_t seed;      /* of everything random                                                       */
    int64_t cases;      /* random operations of each kind; 0: PROOF_CASES                             */
    const char *kernel; /* only kernels whose name contains this; NULL: all                           */
    FILE *findings;     /* a line for each of the first PROOF_FINDINGS failures; NULL: none           */
    FILE *progress;     /* a line overwritten with what is running; NULL: none                        */
} proof_options;

#define PROOF_OPTIONS_INIT                                                                                   \
    {                                                                                                        \
        PROOF_ALL, NULL, 0, false, 1, 0, NULL, NULL, NULL                                                    \
    }
#define PROOF_CASES    100
#define PROOF_FINDINGS 20

/* One kernel of one table. It was executed when cases is not 0. */
typedef struct proof_kernel {
    char name[48];
    const char *isa;
    bool available; /* this CPU can run it */
    int64_t cases, failures;
} proof_kernel;

/* One hash of the numbered list. */
typedef struct proof_hash {
    const char *isa;
    int32_t threads;
    char hex[65];
    bool expected; /* it is the value in expected.h */
} proof_hash;

#define PROOF_MAX_KERNELS 128
#define PROOF_MAX_HASHES  32

/* Set to zero by the caller; further runs add to it. */
typedef struct proof_report {
    int64_t cases, failures; /* over everything; a wrong hash is a failure too */
    int32_t kernels;
    proof_kernel kernel[PROOF_MAX_KERNELS];
    int32_t hashes;
    proof_hash hash[PROOF_MAX_HASHES];
    char error[192]; /* why nothing ran: an unknown instruction set, no memory; empty otherwise */
} proof_report;

/* true when everything ran and nothing differed. */
bool proof_run(const proof_options *options, proof_report *report);

/* The hash that the specification itself gives for the numbered list: the value of expected.h. */
bool proof_specification_hash(char hex[65]);

/*
 * Arguments first + i * step, i < count, taken as the bits of a float: compares the specification's exp2, or its exp
 * for arguments up to 0, or its tanh, with double precision where its result is neither 0 nor infinite, and returns the
 * largest error in units of the last place of the correct result.
 */
double proof_exp2_error(uint32_t first, uint32_t step, uint64_t count);
double proof_exp_error(uint32_t first, uint32_t step, uint64_t count);
double proof_tanh_error(uint32_t first, uint32_t step, uint64_t count);

/* The same for an activation (gml_activation) of any finite argument, in units of 2^-24 of the larger of the correct
 * result and 2^-24. */
double proof_activation_error(int32_t activation, uint32_t first, uint32_t step, uint64_t count);

#endif
