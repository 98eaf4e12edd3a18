/* Looks at trees before anybody walks them, and lays them out for walks and for blocks. */
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "keys.h"

static int32_t is_leaf(const sn_spec *spec, int64_t node) { return spec->left[node] == -1; }

static size_t value_size(int32_t kind) { return kind == SN_DOUBLE_SUMS ? 8 : 4; }

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

/* Whether a node asks of a set whether a code is in it: 0 goes left, and 1 right. */
static int32_t asks_inside(const sn_spec *spec, int64_t key) {
  const int64_t one = spec->is_double ? key64(1.0, 0) : key32(1.0f, 0);
  return key >= 0 && key < one;
}

/* A node of the spec as one of the walk; its children are put behind all that wait. */
static int32_t place_inner(build *b, int64_t node, int64_t at, int64_t *end) {
  const sn_spec *spec = b->spec;
  const int64_t children[2] = {spec->left[node], spec->right[node]};
  const int64_t feature = spec->feature[node];
  if (feature < 0 || feature >= spec->columns + spec->sets) return SN_BAD_COLUMN;
  int32_t status = SN_OK;
  const int64_t key = threshold_key(spec, node, &status);
  if (status != SN_OK) return status;
  if (feature >= spec->columns && !asks_inside(spec, key)) return SN_OTHER_SET;
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

static int32_t allocate(build *b) {
  const sn_spec *spec = b->spec;
  sn_forest *forest = b->forest;
  const size_t size = value_size(spec->kind);
  int64_t leaves = 0;
  for (int64_t node = 0; node < spec->nodes; node++) leaves += is_leaf(spec, node);
  forest->tree = zeros(spec->trees, sizeof(tree));
  forest->node = zeros(spec->nodes, spec->is_double ? sizeof(node64) : sizeof(node32));
  forest->leaf_of = zeros(spec->nodes, sizeof(int32_t));
  const int64_t features = spec->columns + spec->sets;
  forest->column = zeros(2 * features, sizeof(column));
  forest->values = zeros(leaves * forest->value_width, size);
  forest->start = zeros(spec->outputs, size);
  b->seen = zeros(spec->nodes, 1);
  b->source = zeros(spec->nodes, sizeof(int32_t));
  b->level = zeros(spec->nodes, sizeof(int32_t));
  b->column_of = malloc(sizeof(int32_t) * (size_t)(2 * features + 1));
  if (!forest->tree || !forest->node || !forest->leaf_of || !forest->column || !forest->values ||
      !forest->start || !b->seen || !b->source || !b->level || !b->column_of)
    return SN_NO_MEMORY;
  memset(b->column_of, 0xff, sizeof(int32_t) * (size_t)(2 * features + 1));
  if (spec->kind != SN_LEAVES) memcpy(forest->start, spec->start, size * (size_t)spec->outputs);
  return SN_OK;
}

static int32_t built(build *b) {
  const sn_spec *spec = b->spec;
  sn_forest *forest = b->forest;
  int32_t status = sets_fit(spec);
  if (status == SN_OK) status = allocate(b);
  if (status != SN_OK) return status;
  /* Numbers come first among the columns, sets behind them. */
  for (int64_t node = 0; node < spec->nodes; node++)
    if (!is_leaf(spec, node) && spec->feature[node] >= 0 && spec->feature[node] < spec->columns)
      column_for(b, spec->feature[node], spec->gap_left[node]);
  forest->plain = forest->columns;
  int64_t end = 0;
  for (int64_t number = 0; status == SN_OK && number < spec->trees; number++)
    status = place_tree(b, number, &end);
  if (status != SN_OK) return status;
  forest->nodes = end;
  forest->leaves = b->next_leaf;
  status = lay_out_members(b);
  if (status != SN_OK) return status;
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
  free(forest->coded);
  free(forest->member);
  free(forest->answers);
  free(forest->ranked);
  free(forest->keys);
  free(forest->question);
  free(forest->values);
  free(forest->start);
  free(forest);
}

int64_t sn_blocked(const sn_forest *forest) { return forest->blocked; }

int32_t sn_abi(void) { return SN_ABI; }
