/* Lays out trees for blocks of rows, where that is faster than walks. */
#include <string.h>

#include "build.h"

static int compare_keys32(const void *a, const void *b) {
  const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
  return (x > y) - (x < y);
}

static int compare_keys64(const void *a, const void *b) {
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* How long a row takes in a tree, in instructions as they were counted: all questions for blocks
 * of rows, or those on the way of one. */
static double blocked_cost(int64_t questions, int32_t lane) {
  return 3.0 + (double)questions * (lane == 1 ? 12.0 : 20.0) / BLOCK;
}

static double walked_cost(int64_t questions, int32_t depth) {
  double balanced = 1.0;
  for (int64_t reach = 1; reach < questions + 1; reach *= 2) balanced += 1.0;
  return 3.0 + 6.0 * (balanced < depth ? balanced : depth);
}

/* How long the answers of a code take: as bits of blocks, or one after the other. */
static const double BLOCKED_MEMBER = 0.7, WALKED_MEMBER = 4.0;

static int64_t questions_of(const tree *one) { return one->leaves - 1; }

static int32_t suits_blocks(const tree *one, int32_t lane, int32_t method) {
  const int64_t questions = questions_of(one);
  if (method == 1 || questions > (lane == 1 ? MAX_8 : MAX_16 / 4)) return 0;
  return method == 2 || blocked_cost(questions, lane) <= walked_cost(questions, one->depth);
}

/* Gathers the thresholds of each feature that blocks ask about; the largest count of them. */
static int64_t rank_features(sn_forest *forest, int32_t method, int64_t *counts, int64_t *starts) {
  int64_t all = 0, most = 0;
  memset(counts, 0, sizeof *counts * (size_t)forest->width);
  for (int pass = 0; pass < 2; pass++) {
    for (int64_t number = 0; number < forest->trees; number++) {
      const tree *one = &forest->tree[number];
      if (!suits_blocks(one, forest->lane, method)) continue;
      const int64_t end = one->root + 2 * questions_of(one) + 1;
      for (int64_t at = one->root; at < end; at++) {
        if (child_at(forest, at) == at) continue;
        const int32_t feature = forest->column[column_at(forest, at)].feature;
        if (feature >= forest->width) continue;
        const int64_t place = starts[feature] + counts[feature]++;
        if (pass == 0) continue;
        if (forest->is_double)
          ((int64_t *)forest->keys)[place] = key_at(forest, at);
        else
          ((int32_t *)forest->keys)[place] = (int32_t)key_at(forest, at);
      }
    }
    if (pass == 1) break;
    for (int64_t feature = 0; feature < forest->width; feature++) {
      /* Room for what fills a list up: a power of two that is larger than its count. */
      int64_t size = 1;
      while (size <= counts[feature]) size *= 2;
      starts[feature] = all;
      all += counts[feature] > 0 ? size : 0;
      counts[feature] = 0;
    }
    free(forest->keys);
    forest->keys = zeros(all, forest->is_double ? 8 : 4);
    if (forest->keys == NULL) return -1;
  }
  for (int64_t feature = 0; feature < forest->width; feature++) {
    const int64_t count = counts[feature];
    int64_t distinct = 0;
    if (forest->is_double) {
      int64_t *keys = (int64_t *)forest->keys + starts[feature];
      qsort(keys, (size_t)count, sizeof *keys, compare_keys64);
      for (int64_t i = 0; i < count; i++)
        if (i == 0 || keys[i] != keys[distinct - 1]) keys[distinct++] = keys[i];
    } else {
      int32_t *keys = (int32_t *)forest->keys + starts[feature];
      qsort(keys, (size_t)count, sizeof *keys, compare_keys32);
      for (int64_t i = 0; i < count; i++)
        if (i == 0 || keys[i] != keys[distinct - 1]) keys[distinct++] = keys[i];
    }
    counts[feature] = distinct;
    if (distinct > most) most = distinct;
  }
  return most;
}

static int32_t rank_of(const sn_forest *forest, int64_t first, int64_t count, int64_t key) {
  int64_t low = 0;
  while (count > 0) {
    const int64_t half = count / 2, at = first + low + half;
    const int64_t there =
        forest->is_double ? ((int64_t *)forest->keys)[at] : ((int32_t *)forest->keys)[at];
    if (there < key) {
      low += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return (int32_t)low;
}

/* The features of blocks, each with its thresholds filled up to a power of two. */
static void list_ranked(sn_forest *forest, const int64_t *counts, const int64_t *starts,
                        const int32_t *column_of) {
  for (int64_t feature = 0; feature < forest->width; feature++) {
    if (counts[feature] == 0) continue;
    int64_t size = 1;
    while (size <= counts[feature]) size *= 2;
    for (int64_t i = counts[feature]; i < size; i++) {
      if (forest->is_double)
        ((int64_t *)forest->keys)[starts[feature] + i] = INT64_MAX;
      else
        ((int32_t *)forest->keys)[starts[feature] + i] = INT32_MAX;
    }
    forest->ranked[forest->ranked_features++] =
        (ranked){(int32_t)feature, (int32_t)size,
                 {column_of[2 * feature], column_of[2 * feature + 1]}, starts[feature]};
  }
}

/* The questions of a tree, the last level first, so that answers are there when they are needed. */
static void list_questions(sn_forest *forest, tree *one, int64_t *next, int32_t *slots,
                           const int64_t *counts, const int64_t *starts) {
  const int64_t end = one->root + 2 * questions_of(one) + 1;
  const int32_t bias = forest->lane == 1 ? 128 : 32768;
  one->first_question = *next;
  for (int64_t at = end - 1; at >= one->root; at--) {
    const int64_t child = child_at(forest, at);
    if (child == at) {
      slots[at - one->root] = forest->leaf_of[at];
      continue;
    }
    const int32_t column_ = column_at(forest, at);
    const int32_t feature = forest->column[column_].feature;
    /* Sets have one threshold, which 0 is not above and 1 is. */
    const int32_t rank = feature >= forest->width
        ? 0 : rank_of(forest, starts[feature], counts[feature], key_at(forest, at));
    forest->question[*next] = (question){(uint16_t)column_, (uint16_t)slots[child - one->root],
                                         (uint16_t)slots[child + 1 - one->root],
                                         (int16_t)(rank - bias)};
    slots[at - one->root] = forest->most_leaves + one->questions++;
    ++*next;
  }
}

int32_t lay_out_blocks(build *b, int32_t method, int64_t *counts, int64_t *starts) {
  sn_forest *forest = b->forest;
  int64_t most = 0;
  for (forest->lane = 1; forest->lane <= 2; forest->lane++) {
    memset(starts, 0, sizeof *starts * (size_t)(forest->width > 0 ? forest->width : 1));
    most = rank_features(forest, method, counts, starts);
    if (most < 0) return SN_NO_MEMORY;
    if (most <= (forest->lane == 1 ? MAX_8 : MAX_16)) break;
  }
  /* Places of columns are numbers of 16 bits in questions. */
  if (forest->lane > 2 || forest->columns > MAX_16 || method == 1) return SN_OK;
  const double members = (double)(forest->columns - forest->plain);
  double blocks = BLOCKED_MEMBER * members, walks = WALKED_MEMBER * members;
  int64_t questions = 0;
  for (int64_t feature = 0; feature < forest->width; feature++) {
    double steps = 0.0;
    for (int64_t reach = 1; reach <= counts[feature]; reach *= 2) steps += 1.0;
    blocks += counts[feature] > 0 ? 8.0 + 3.0 * steps : 0.0;
  }
  for (int64_t number = 0; number < forest->trees; number++) {
    const tree *one = &forest->tree[number];
    if (!suits_blocks(one, forest->lane, method)) continue;
    blocks += blocked_cost(questions_of(one), forest->lane);
    walks += walked_cost(questions_of(one), one->depth);
    questions += questions_of(one);
    if (one->leaves > forest->most_leaves) forest->most_leaves = one->leaves;
    if (questions_of(one) > forest->most_questions)
      forest->most_questions = (int32_t)questions_of(one);
  }
  if (method == 0 && blocks >= walks) return SN_OK;
  forest->question = zeros(questions, sizeof(question));
  forest->ranked = zeros(forest->width, sizeof(ranked));
  int32_t *slots = zeros(2 * (int64_t)MAX_16 + 2, sizeof *slots);
  if (forest->question == NULL || forest->ranked == NULL || slots == NULL) {
    free(slots);
    return SN_NO_MEMORY;
  }
  list_ranked(forest, counts, starts, b->column_of);
  int64_t next = 0;
  for (int64_t number = 0; number < forest->trees; number++) {
    tree *one = &forest->tree[number];
    if (!suits_blocks(one, forest->lane, method)) continue;
    list_questions(forest, one, &next, slots, counts, starts);
    forest->blocked++;
  }
  free(slots);
  return SN_OK;
}
