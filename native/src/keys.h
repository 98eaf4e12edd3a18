/* Numbers as integers in the same order: -0 is 0, and gaps are below all or above all. */
#ifndef SERVE_APP_NATIVE_KEYS_H
#define SERVE_APP_NATIVE_KEYS_H

#include <stdint.h>
#include <string.h>

/* Bits of a negative number grow with its size: turned round, they grow with the number. */
static inline int32_t key32(float value, int32_t gap_left) {
  int32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const int32_t size = bits & INT32_MAX;
  const int32_t key = size == 0 ? 0 : bits ^ ((bits >> 31) & INT32_MAX);
  return size > 0x7f800000 ? (gap_left ? INT32_MIN : INT32_MAX) : key;
}

static inline int64_t key64(double value, int32_t gap_left) {
  int64_t bits;
  memcpy(&bits, &value, sizeof bits);
  const int64_t size = bits & INT64_MAX;
  const int64_t key = size == 0 ? 0 : bits ^ ((bits >> 63) & INT64_MAX);
  return size > 0x7ff0000000000000 ? (gap_left ? INT64_MIN : INT64_MAX) : key;
}

#endif
