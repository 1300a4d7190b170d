/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Runs a fuzzer's target on files, for compilers without libFuzzer: `fuzz_wisdom_corpus tests/corpus/wisdom/...`.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    size_t size = 0, room = 0;
    while (file && !ferror(file) && !feof(file)) {
        room = room ? 2 * room : 4096;
        uint8_t *more = realloc(data, room);
        if (!more)
            break;
        data = more;
        size += fread(data + size, 1, room - size, file);
    }
    const int failed = !file || !feof(file);
    if (file)
        fclose(file);
    if (failed)
        fprintf(stderr, "%s: cannot be read\n", path);
    else
        LLVMFuzzerTestOneInput(data, size);
    free(data);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = argc < 2;
    for (int i = 1; i < argc; i++)
        failed |= run(argv[i]);
    printf("%d files\n", argc - 1);
    return failed;
}
