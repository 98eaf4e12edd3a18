/* Bits of 64 rows: turned round, and as the places that questions compare. */
#ifndef SERVE_APP_NATIVE_BITS_H
#define SERVE_APP_NATIVE_BITS_H

#include <stdint.h>
#include <string.h>

#include "forest.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define SN_X86 1
#include <immintrin.h>
#endif

/* Bit j of word i becomes bit i of word j: halves of blocks change places, ever smaller ones. */
static void turn_bits(uint64_t bits[BLOCK]) {
  uint64_t low = 0xffffffffull;
  for (int half = BLOCK / 2; half > 0; half /= 2, low ^= low << half)
    for (int block = 0; block < BLOCK; block += 2 * half)
      for (int at = block; at < block + half; at++) {
        const uint64_t other = ((bits[at] >> half) ^ bits[at + half]) & low;
        bits[at] ^= other << half;
        bits[at + half] ^= other;
      }
}

/* Each bit as the least place or the next one, for the columns of `member`. */
static void bits_to_bytes(const uint64_t *bits, const int32_t *member, int32_t count,
                          int8_t *ranks) {
  for (int32_t at = 0; at < count; at++) {
    int8_t *to = ranks + (int64_t)member[at] * BLOCK;
    for (int part = 0; part < BLOCK / 8; part++) {
      /* Eight bits, one left in each byte, then the highest bit of those that are not 0. */
      uint64_t spread = (bits[at] >> (8 * part) & 0xff) * 0x0101010101010101ull;
      spread = (spread & 0x8040201008040201ull) + 0x7f7f7f7f7f7f7f7full;
      spread = (spread >> 7 & 0x0101010101010101ull) | 0x8080808080808080ull;
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
      spread = __builtin_bswap64(spread);
#endif
      memcpy(to + 8 * part, &spread, sizeof spread);
    }
  }
}

static void bits_to_shorts(const uint64_t *bits, const int32_t *member, int32_t count,
                           int16_t *ranks) {
  for (int32_t at = 0; at < count; at++)
    for (int row = 0; row < BLOCK; row++)
      ranks[(int64_t)member[at] * BLOCK + row] = (int16_t)((int)(bits[at] >> row & 1) - 32768);
}

#ifdef SN_X86
__attribute__((target("avx2"))) static void bits_to_bytes_avx2(const uint64_t *bits,
                                                               const int32_t *member,
                                                               int32_t count, int8_t *ranks) {
  const __m256i each = _mm256_set1_epi64x((long long)0x8040201008040201ull);
  const __m256i least = _mm256_set1_epi8(-128);
  /* Every byte of four stands in eight rows. */
  const __m256i place = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202,
                                           0x0303030303030303);
  for (int32_t at = 0; at < count; at++) {
    __m256i *to = (__m256i *)(ranks + (int64_t)member[at] * BLOCK);
    for (int part = 0; part < 2; part++) {
      const __m256i four = _mm256_set1_epi32((int)(uint32_t)(bits[at] >> (32 * part)));
      const __m256i own = _mm256_and_si256(_mm256_shuffle_epi8(four, place), each);
      to[part] = _mm256_sub_epi8(least, _mm256_cmpeq_epi8(own, each));
    }
  }
}
#endif

#endif
