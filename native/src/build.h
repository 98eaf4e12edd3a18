/* What the parts of building share: what is under way, and nodes whatever their type. */
#ifndef SERVE_APP_NATIVE_BUILD_H
#define SERVE_APP_NATIVE_BUILD_H

#include <stdlib.h>

#include "forest.h"

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

/* An array of at least one entry, all zeros. */
static inline void *zeros(int64_t count, size_t size) {
  return calloc(count > 0 ? (size_t)count : 1, size);
}

static inline int64_t key_at(const sn_forest *forest, int64_t node) {
  return forest->is_double ? ((const node64 *)forest->node)[node].key
                           : ((const node32 *)forest->node)[node].key;
}

static inline int32_t child_at(const sn_forest *forest, int64_t node) {
  return forest->is_double ? ((const node64 *)forest->node)[node].child
                           : ((const node32 *)forest->node)[node].child;
}

static inline int32_t column_at(const sn_forest *forest, int64_t node) {
  return forest->is_double ? ((const node64 *)forest->node)[node].column
                           : ((const node32 *)forest->node)[node].column;
}

/* Whether sets are as they must be, before anybody asks them. */
int32_t sets_fit(const sn_spec *spec);
/* What every code answers to the sets that trees ask about. */
int32_t lay_out_members(build *b);
/* The trees whose questions are all answered, for blocks of rows. */
int32_t lay_out_blocks(build *b, int32_t method, int64_t *counts, int64_t *starts);

#endif
