/* Sums over decision trees, exact to the bit in comparisons and in the order of additions. */
#ifndef SERVE_APP_NATIVE_H
#define SERVE_APP_NATIVE_H

#include <stdint.h>

#if defined(_WIN32)
#define SN_API __declspec(dllexport)
#else
#define SN_API __attribute__((visibility("default")))
#endif

/* Changes with every change of what is declared here. */
#define SN_ABI 2

enum sn_status {
  SN_OK = 0,
  SN_NO_MEMORY = 1,
  SN_TOO_LARGE = 2,
  SN_BAD_NODE = 3,      /* a child or a root is no node */
  SN_NOT_A_TREE = 4,    /* a node is reached twice, so that walks may not end */
  SN_BAD_COLUMN = 5,    /* a node asks for a column that rows do not have */
  SN_BAD_LEAF = 6,      /* a leaf has no value */
  SN_BAD_OUTPUT = 7,    /* a tree adds to an output that there is not */
  SN_BAD_THRESHOLD = 8, /* a threshold is NaN */
  SN_TOO_DEEP = 9,      /* a walk takes more steps than trees have */
  SN_BAD_SET = 10,      /* a set is one of codes of a column that rows do not have */
  SN_OTHER_SET = 11     /* a node asks of a set something else than whether a code is in it */
};

enum sn_kind {
  SN_FLOAT_SUMS = 0,  /* values and sums are float32 */
  SN_DOUBLE_SUMS = 1, /* values and sums are float64 */
  SN_LEAVES = 2       /* what the leaf of each tree holds, int32 */
};

enum { SN_GAP = 2 };

/* An entry per node of all trees; a leaf has no left child, which is -1 then. Features from
 * `columns` on are sets of codes: 1 for a number whose integer part is in the set, a gap for a gap,
 * and 0 for all others. */
typedef struct {
  int64_t nodes, trees, columns, outputs, leaves, sets, codes;
  const int32_t *feature;
  const void *threshold; /* float32, or float64 where `is_double` says so */
  const int32_t *left, *right;
  const uint8_t *gap_left;
  const int32_t *leaf; /* which row of `values` a leaf holds */
  const int32_t *root; /* an entry per tree */
  const int32_t *set_feature; /* of which column each set has codes */
  const uint8_t *inside;      /* (sets, codes): whether a code is in a set; SN_GAP: it is a gap there */
  const int32_t *output; /* to which output each tree adds; -1: a number to each of them */
  const void *values;  /* (leaves, 1 or outputs), of the type that `kind` says */
  const void *start;   /* (outputs), of that type; none for SN_LEAVES */
  double divisor;      /* sums are divided by it, where it is not 0 */
  int32_t is_double;   /* whether rows and thresholds are float64 */
  int32_t below;       /* left is what is below the threshold, or else at most it */
  int32_t kind;
  int32_t method;      /* 0: the faster one by its size; 1: walks alone; 2: blocks where possible */
} sn_spec;

typedef struct sn_forest sn_forest;

SN_API int32_t sn_abi(void);
/* Which instructions blocks of rows are computed with: "avx2" or "portable". */
SN_API const char *sn_instructions(void);
/* Choose among them, for tests; 0: no such ones here. */
SN_API int32_t sn_choose_instructions(const char *name);
SN_API sn_forest *sn_new(const sn_spec *spec, int32_t *status);
SN_API void sn_free(sn_forest *forest);
/* How many trees are computed for blocks of rows, all nodes at once. */
SN_API int64_t sn_blocked(const sn_forest *forest);
/* `x` is (rows, columns) in rows; `out` is (rows, outputs), or (rows, trees) for SN_LEAVES. */
SN_API int32_t sn_compute(const sn_forest *forest, const void *x, int64_t rows, void *out);

#endif
