/* Looks at trees before anybody walks them, and lays them out for walks and for blocks. */
#include <stdlib.h>
#include <string.h>

#include "forest.h"
#include "keys.h"

/* What is needed while a forest is built. */
typedef struct {
  const sn_spec *spec;
  sn_forest *forest;
  uint8_t *seen;        /* nodes that were reached */
  int32_t *source;      /* which node of the spec each node of the walk is */
  int32_t *level;       /* how deep it stands */
  int32_t *column_of;   /* columns by feature and by where gaps go, -1 for none */
  int32_t next_leaf;
} build;

static int32_t is_leaf(const sn_spec *spec, int64_t node) { return spec->left[node] == -1; }

static size_t value_size(int32_t kind) { return kind == SN_DOUBLE_SUMS ? 8 : 4; }

/* An array of at least one entry, all zeros. */
static void *zeros(int64_t count, size_t size) { return calloc(count > 0 ? (size_t)count : 1, size); }

static int64_t threshold_key(const sn_spec *spec, int64_t node, int32_t *status) {
  int64_t key;
  if (spec->is_double) {
    const double threshold = ((const double *)spec->threshold)[node];
    if (threshold != threshold) *status = SN_BAD_THRESHOLD;
    key = key64(threshold, 0);
  } else {
    const float threshold = ((const float *)spec->threshold)[node];
    if (threshold != threshold) *status = SN_BAD_THRESHOLD;
    key = key32(threshold, 0);
  }
  /* Below it is at most what comes before it: integers have no gap there. */
  return spec->below ? key - 1 : key;
}

static int64_t key_at(const sn_forest *forest, int64_t node) {
  return forest->is_double ? ((const node64 *)forest->node)[node].key
                           : ((const node32 *)forest->node)[node].key;
}

static int32_t child_at(const sn_forest *forest, int64_t node) {
  return forest->is_double ? ((const node64 *)forest->node)[node].child
                           : ((const node32 *)forest->node)[node].child;
}

static int32_t column_at(const sn_forest *forest, int64_t node) {
  return forest->is_double ? ((const node64 *)forest->node)[node].column
                           : ((const node32 *)forest->node)[node].column;
}

static void set_node(sn_forest *forest, int64_t node, int64_t key, int32_t column, int32_t child) {
  if (forest->is_double) {
    ((node64 *)forest->node)[node] = (node64){key, column, child};
  } else {
    ((node32 *)forest->node)[node] = (node32){(int32_t)key, column, child};
  }
}

static int32_t sizes_fit(const sn_spec *spec) {
  const int64_t most = INT32_MAX / 4;
  return spec->nodes >= 1 && spec->nodes <= most && spec->trees >= 1 && spec->trees <= spec->nodes &&
         spec->columns >= 0 && spec->columns <= most && spec->outputs >= 1 &&
         spec->outputs <= most && spec->leaves >= 1 && spec->leaves <= most;
}

/* The column in which a node finds its number. */
static int32_t column_for(build *b, int32_t feature, int32_t gap_left) {
  int32_t *place = &b->column_of[2 * (int64_t)feature + (gap_left != 0)];
  if (*place < 0) {
    *place = b->forest->columns++;
    b->forest->column[*place] = (column){feature, gap_left != 0};
  }
  return *place;
}

/* What a leaf holds, copied behind what the leaves before it hold. */
static int32_t place_leaf(build *b, tree *one, int64_t node, int64_t at) {
  const sn_spec *spec = b->spec;
  const int64_t row = spec->leaf[node];
  if (row < 0 || row >= spec->leaves) return SN_BAD_LEAF;
  const size_t size = value_size(spec->kind) * (size_t)b->forest->value_width;
  memcpy((char *)b->forest->values + (size_t)b->next_leaf * size,
         (const char *)spec->values + (size_t)row * size, size);
  b->forest->leaf_of[at] = one->leaves++;
  b->next_leaf++;
  set_node(b->forest, at, spec->is_double ? INT64_MAX : INT32_MAX, 0, (int32_t)at);
  return SN_OK;
}

/* A node of the spec as one of the walk; its children are put behind all that wait. */
static int32_t place_inner(build *b, int64_t node, int64_t at, int64_t *end) {
  const sn_spec *spec = b->spec;
  const int64_t children[2] = {spec->left[node], spec->right[node]};
  const int64_t feature = spec->feature[node];
  if (feature < 0 || feature >= spec->columns) return SN_BAD_COLUMN;
  int32_t status = SN_OK;
  const int64_t key = threshold_key(spec, node, &status);
  if (status != SN_OK) return status;
  if (b->level[at] >= MAX_DEPTH) return SN_TOO_DEEP;
  set_node(b->forest, at, key, column_for(b, (int32_t)feature, spec->gap_left[node]), (int32_t)*end);
  for (int side = 0; side < 2; side++) {
    const int64_t child = children[side];
    if (child < 0 || child >= spec->nodes) return SN_BAD_NODE;
    if (b->seen[child]) return SN_NOT_A_TREE;
    b->seen[child] = 1;
    b->source[*end] = (int32_t)child;
    b->level[*end] = b->level[at] + 1;
    ++*end;
  }
  return SN_OK;
}

/* The nodes of a tree level by level, from `begin` on; `*end` becomes where they end. */
static int32_t place_tree(build *b, int64_t number, int64_t *end) {
  const sn_spec *spec = b->spec;
  tree *one = &b->forest->tree[number];
  const int64_t root = spec->root[number], begin = *end;
  if (root < 0 || root >= spec->nodes) return SN_BAD_NODE;
  if (b->seen[root]) return SN_NOT_A_TREE;
  if (spec->kind != SN_LEAVES && (spec->output[number] < -1 || spec->output[number] >= spec->outputs ||
                                  (spec->output[number] == -1) != (b->forest->value_width > 1)))
    return SN_BAD_OUTPUT;
  *one = (tree){.root = (int32_t)begin, .first_leaf = b->next_leaf, .first_question = -1};
  one->output = spec->kind == SN_LEAVES ? (int32_t)number : spec->output[number];
  b->seen[root] = 1;
  b->source[begin] = (int32_t)root;
  b->level[begin] = 0;
  *end = begin + 1;
  for (int64_t at = begin; at < *end; at++) {
    const int64_t node = b->source[at];
    const int32_t status =
        is_leaf(spec, node) ? place_leaf(b, one, node, at) : place_inner(b, node, at, end);
    if (status != SN_OK) return status;
    if (b->level[at] > one->depth) one->depth = b->level[at];
  }
  return SN_OK;
}

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

static int64_t questions_of(const tree *one) { return one->leaves - 1; }

static int32_t suits_blocks(const tree *one, int32_t lane, int32_t method) {
  const int64_t questions = questions_of(one);
  if (method == 1 || questions > (lane == 1 ? MAX_8 : MAX_16 / 4)) return 0;
  return method == 2 || blocked_cost(questions, lane) < walked_cost(questions, one->depth);
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
    const int32_t rank = rank_of(forest, starts[feature], counts[feature], key_at(forest, at));
    forest->question[*next] = (question){(uint16_t)column_, (uint16_t)slots[child - one->root],
                                         (uint16_t)slots[child + 1 - one->root],
                                         (int16_t)(rank - bias)};
    slots[at - one->root] = forest->most_leaves + one->questions++;
    ++*next;
  }
}

static int32_t lay_out_blocks(build *b, int32_t method, int64_t *counts, int64_t *starts) {
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
  double blocks = 0.0, walks = 0.0;
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

static int32_t allocate(build *b) {
  const sn_spec *spec = b->spec;
  sn_forest *forest = b->forest;
  const size_t size = value_size(spec->kind);
  int64_t leaves = 0;
  for (int64_t node = 0; node < spec->nodes; node++) leaves += is_leaf(spec, node);
  forest->tree = zeros(spec->trees, sizeof(tree));
  forest->node = zeros(spec->nodes, spec->is_double ? sizeof(node64) : sizeof(node32));
  forest->leaf_of = zeros(spec->nodes, sizeof(int32_t));
  forest->column = zeros(2 * spec->columns, sizeof(column));
  forest->values = zeros(leaves * forest->value_width, size);
  forest->start = zeros(spec->outputs, size);
  b->seen = zeros(spec->nodes, 1);
  b->source = zeros(spec->nodes, sizeof(int32_t));
  b->level = zeros(spec->nodes, sizeof(int32_t));
  b->column_of = malloc(sizeof(int32_t) * (size_t)(2 * spec->columns + 1));
  if (!forest->tree || !forest->node || !forest->leaf_of || !forest->column || !forest->values ||
      !forest->start || !b->seen || !b->source || !b->level || !b->column_of)
    return SN_NO_MEMORY;
  memset(b->column_of, 0xff, sizeof(int32_t) * (size_t)(2 * spec->columns + 1));
  if (spec->kind != SN_LEAVES) memcpy(forest->start, spec->start, size * (size_t)spec->outputs);
  return SN_OK;
}

static int32_t built(build *b) {
  const sn_spec *spec = b->spec;
  sn_forest *forest = b->forest;
  int32_t status = allocate(b);
  int64_t end = 0;
  for (int64_t number = 0; status == SN_OK && number < spec->trees; number++)
    status = place_tree(b, number, &end);
  if (status != SN_OK) return status;
  forest->nodes = end;
  forest->leaves = b->next_leaf;
  int64_t *counts = zeros(spec->columns, sizeof *counts);
  int64_t *starts = zeros(spec->columns, sizeof *starts);
  status = counts && starts ? lay_out_blocks(b, spec->method, counts, starts) : SN_NO_MEMORY;
  free(counts);
  free(starts);
  forest->walked = forest->trees - forest->blocked;
  return status;
}

sn_forest *sn_new(const sn_spec *spec, int32_t *status) {
  *status = SN_TOO_LARGE;
  if (!sizes_fit(spec)) return NULL;
  build b = {.spec = spec, .forest = zeros(1, sizeof(sn_forest))};
  *status = SN_NO_MEMORY;
  if (b.forest == NULL) return NULL;
  sn_forest *forest = b.forest;
  forest->trees = spec->trees;
  forest->width = spec->columns;
  forest->is_double = spec->is_double != 0;
  forest->kind = spec->kind;
  forest->outputs = spec->kind == SN_LEAVES ? spec->trees : spec->outputs;
  forest->divisor = spec->divisor;
  forest->value_width = 1;
  if (spec->kind != SN_LEAVES && spec->output[0] == -1) forest->value_width = spec->outputs;
  *status = spec->nodes * forest->value_width > INT32_MAX / 4 ? SN_TOO_LARGE : built(&b);
  free(b.seen);
  free(b.source);
  free(b.level);
  free(b.column_of);
  if (*status == SN_OK) return forest;
  sn_free(forest);
  return NULL;
}

void sn_free(sn_forest *forest) {
  if (forest == NULL) return;
  free(forest->tree);
  free(forest->node);
  free(forest->leaf_of);
  free(forest->column);
  free(forest->ranked);
  free(forest->keys);
  free(forest->question);
  free(forest->values);
  free(forest->start);
  free(forest);
}

int64_t sn_blocked(const sn_forest *forest) { return forest->blocked; }

int32_t sn_abi(void) { return SN_ABI; }
