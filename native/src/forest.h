/* What a forest is made of once it was looked at. */
#ifndef SERVE_APP_NATIVE_FOREST_H
#define SERVE_APP_NATIVE_FOREST_H

#include <stddef.h>

#include "serve_app_native.h"

enum {
  BLOCK = 64,       /* rows that are computed together */
  LANES = 8,        /* walks that are under way at once */
  MAX_DEPTH = 10000,
  MAX_8 = 255,      /* thresholds of a column, and inner nodes of a tree, that bytes can count */
  MAX_16 = 65535,
  MAX_CODES = 1 << 24 /* what float32 tells apart */
};

/* Numbers become integers in the same order, so that one comparison decides: right is what is
 * larger than `key`. Gaps are the largest number or the smallest one; a column that goes both
 * ways stands twice. A leaf is its own child and no number is larger than its key. */
typedef struct {
  int32_t key, column, child;
} node32;

typedef struct {
  int64_t key;
  int32_t column, child;
} node64;

typedef struct {
  int32_t feature, gap_left;
} column;

/* A feature whose numbers are codes of categories. Each set of them that is asked about is a column
 * behind all others, a bit in what a code answers: 1 goes right. A code's answers are `words` long
 * and begin `begin` words after the first of all; those of an unknown code and of a gap come last. */
typedef struct {
  int32_t feature, first, count; /* its columns, among `member` */
  int64_t words, begin;
} coded;

/* The thresholds of a feature in order, filled up to `size`, a power of two. */
typedef struct {
  int32_t feature, size;
  int32_t columns[2]; /* where the feature stands with gaps right, with gaps left; -1: nowhere */
  int64_t first;      /* where its thresholds begin among those of all */
} ranked;

/* A question of a block. Slots of leaves come first, as many as the largest tree has, so that they
 * hold for all; then come those of questions. */
typedef struct {
  uint16_t column, left, right;
  int16_t rank;
} question;

typedef struct {
  int32_t root, depth;        /* of the walk */
  int32_t first_leaf, leaves; /* among the values of all */
  int32_t output;
  int64_t first_question;     /* -1: this tree is walked */
  int32_t questions;
} tree;

struct sn_forest {
  int64_t trees, nodes, width, outputs, leaves, value_width;
  int32_t is_double, kind, lane, columns, ranked_features;
  int32_t plain, coded_features; /* columns that are numbers, and come first */
  int64_t codes;
  int64_t blocked, walked;
  double divisor;
  tree *tree;
  void *node; /* node32 or node64 */
  int32_t *leaf_of;
  column *column;
  coded *coded;
  int32_t *member; /* which column each set's is, feature after feature */
  uint64_t *answers;
  ranked *ranked;
  void *keys; /* thresholds of ranked features, int32 or int64 */
  question *question;
  void *values, *start;
  int32_t most_leaves, most_questions;
};

#endif
