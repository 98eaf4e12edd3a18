/* The ways to answer the questions of a block, and which of them this processor has. */
#ifndef SERVE_APP_NATIVE_QUESTIONS_H
#define SERVE_APP_NATIVE_QUESTIONS_H

#include "bits.h"
#include "forest.h"

typedef int8_t bytes16 __attribute__((vector_size(16)));
typedef int16_t shorts8 __attribute__((vector_size(16)));

#define NAME portable8
#define TARGET
#define LANE int8_t
#define VECTOR bytes16
#define FILLED(number) ((bytes16){0} + (int8_t)(number))
#define RIGHT(values, rank) ((values) > (rank))
#define CHOSEN(right, a, b) ((a) ^ (((a) ^ (b)) & (right)))
#include "question_block.h"

#define NAME portable16
#define TARGET
#define LANE int16_t
#define VECTOR shorts8
#define FILLED(number) ((shorts8){0} + (int16_t)(number))
#define RIGHT(values, rank) ((values) > (rank))
#define CHOSEN(right, a, b) ((a) ^ (((a) ^ (b)) & (right)))
#include "question_block.h"

#ifdef SN_X86
#define NAME avx2_8
#define TARGET __attribute__((target("avx2")))
#define LANE int8_t
#define VECTOR __m256i
#define FILLED(number) _mm256_set1_epi8((char)(number))
#define RIGHT(values, rank) _mm256_cmpgt_epi8(values, rank)
#define CHOSEN(right, a, b) _mm256_blendv_epi8(a, b, right)
#include "question_block.h"

#define NAME avx2_16
#define TARGET __attribute__((target("avx2")))
#define LANE int16_t
#define VECTOR __m256i
#define FILLED(number) _mm256_set1_epi16(number)
#define RIGHT(values, rank) _mm256_cmpgt_epi16(values, rank)
#define CHOSEN(right, a, b) _mm256_blendv_epi8(a, b, right)
#include "question_block.h"
#endif

typedef void (*answer8)(const question *, int32_t, const int8_t *, int8_t *, int64_t);
typedef void (*answer16)(const question *, int32_t, const int16_t *, int16_t *, int64_t);
typedef void (*spread8)(const uint64_t *, const int32_t *, int32_t, int8_t *);

typedef struct {
  const char *name;
  answer8 bytes;
  answer16 shorts;
  spread8 bits_to_bytes;
} instructions;

static const instructions PORTABLE = {"portable", portable8, portable16, bits_to_bytes};
#ifdef SN_X86
static const instructions AVX2 = {"avx2", avx2_8, avx2_16, bits_to_bytes_avx2};
#endif

#endif
