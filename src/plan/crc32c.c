/* SPDX-License-Identifier: BSD-3-Clause
 *
 * CRC-32C by eight tables ("slicing", Kounavis and Berry 2005): the bytes of a word are looked up independently of each
 * other.
 */
#include "src/plan/crc32c.h"
#include <string.h>

#define POLYNOMIAL UINT32_C(0x82f63b78) /* reflected */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are loaded with the first byte lowest");

void gml_crc32c_prepare(gml_crc32c_table *table)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int i = 0; i < 8; i++)
            crc = crc >> 1 ^ (POLYNOMIAL & (0 - (crc & 1)));
        table->of[0][byte] = crc;
    }
    for (int i = 1; i < 8; i++)
        for (int byte = 0; byte < 256; byte++) {
            const uint32_t crc = table->of[i - 1][byte];
            table->of[i][byte] = crc >> 8 ^ table->of[0][crc & 255];
        }
}

uint32_t gml_crc32c(const gml_crc32c_table *table, const char *text, size_t size)
{
    const uint32_t(*of)[256] = table->of;
    uint32_t crc = UINT32_MAX;
    for (; size >= 8; text += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, text, sizeof word);
        word ^= crc;
        crc = of[7][word & 255] ^ of[6][word >> 8 & 255] ^ of[5][word >> 16 & 255] ^ of[4][word >> 24 & 255] ^
              of[3][word >> 32 & 255] ^ of[2][word >> 40 & 255] ^ of[1][word >> 48 & 255] ^ of[0][word >> 56];
    }
    for (; size > 0; text++, size--)
        crc = crc >> 8 ^ of[0][(crc ^ (unsigned char)*text) & 255];
    return ~crc;
}
