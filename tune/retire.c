/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Winners that lost. What they were proven by is not removed: the entry of a new run comes before it, says that the model's
 * plan is the one, and can be taken back as any run.
 */
#include "tune/retire.h"
#include "tune/store_files.h"
#include <errno.h>
#include <stdio.h>

bool tune_is_lost(const tune_duel *duel)
{
    return duel->verdict == TUNE_WRONG || (duel->verdict == TUNE_NO_FASTER && duel->high < 1);
}

static bool write_run(const char *root, uint64_t machine, const gml_wisdom_list *list, char run[GML_RUN_TEXT],
                      char *sentence)
{
    tune_store *store = tune_store_open(root, machine, 0, sentence);
    if (!store)
        return false;
    snprintf(run, GML_RUN_TEXT, "%s", tune_store_run(store));
    if (tune_store_add_all(store, list, sentence))
        return tune_store_close(store, sentence);
    tune_store_discard(store);
    return false;
}

int64_t tune_retire(const char *root, uint64_t machine, const gml_wisdom_list *list, const tune_duel *duel,
                    char run[GML_RUN_TEXT], char sentence[TUNE_SENTENCE])
{
    *run = *sentence = '\0';
    gml_wisdom_list lost = {0};
    bool fine = true;
    for (int64_t i = 0; fine && i < list->count; i++)
        if (tune_is_lost(&duel[i])) {
            gml_wisdom_entry entry = list->entry[i];
            entry.choice = (gml_choice){.value = {0}};
            entry.gain = entry.low = entry.high = 1;
            entry.samples = duel[i].samples;
            entry.scope = GML_SCOPE_EXACT; /* so that its cell has no entry of it any more */
            fine = tune_list_add(&lost, &entry) || tune_disk_fail(sentence, root, "cannot be written");
        }
    if (fine && lost.count)
        fine = write_run(root, machine, &lost, run, sentence);
    const int64_t count = lost.count;
    const int error = errno;
    gml_wisdom_list_free(&lost);
    errno = error;
    return fine ? count : -1;
}
