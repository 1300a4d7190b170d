/* SPDX-License-Identifier: BSD-3-Clause
 *
 * `gemmule perf`: performance recorded, compared and watched, which is done in Python.
 */
#include "cli/cli.h"
#include "cli/launch.h"

int gemmule_perf(int argc, char **argv)
{
    return launch_python("gemmule perf", "gemmule_perf", argc, argv, "install all of Gemmule, or build it");
}
