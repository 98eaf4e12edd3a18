/* Computes rows: one by one along the trees, or in blocks of which all questions are answered. */
#include <stdlib.h>
#include <string.h>

#include "forest.h"
#include "keys.h"
#include "questions.h"

enum {
  FEW_ROWS = 16,             /* fewer are walked */
  TURN_ROWS = 1024,          /* that go through a tree before the next tree */
  TURN_BYTES = 256 * 1024,   /* what their numbers may take, so that they stay near */
  STACK_BYTES = 16 * 1024    /* up to here numbers need no memory from elsewhere */
};

static const instructions *chosen(void);
static const instructions *forced = NULL;

static const instructions *by_processor(void) {
#ifdef SN_X86
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2")) return &AVX2;
#endif
  return &PORTABLE;
}

static const instructions *chosen(void) { return forced != NULL ? forced : by_processor(); }

const char *sn_instructions(void) { return chosen()->name; }

int32_t sn_choose_instructions(const char *name) {
  const instructions *best = by_processor();
  const instructions *known[] = {
      &PORTABLE,
#ifdef SN_X86
      &AVX2,
#endif
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    if (strcmp(known[i]->name, name) == 0) {
      forced = known[i];
      return 1;
    }
    if (known[i] == best) break;
  }
  return 0;
}

/* Adds what stands in leaves to the sums of rows that lie `outputs` numbers apart. */
#define ADDS(NAME, LEAF, VALUE)                                                                  \
  static inline void NAME(VALUE *sums, int64_t outputs, const VALUE *values, const LEAF *leaf,   \
                          int64_t rows, int64_t width) {                                         \
    if (outputs == 1) {                                                                          \
      for (int64_t row = 0; row < rows; row++) sums[row] += values[leaf[row]];                   \
    } else if (width == 1) {                                                                     \
      for (int64_t row = 0; row < rows; row++) sums[row * outputs] += values[leaf[row]];         \
    } else {                                                                                     \
      for (int64_t row = 0; row < rows; row++)                                                   \
        for (int64_t at = 0; at < width; at++)                                                   \
          sums[row * outputs + at] += values[(int64_t)leaf[row] * width + at];                   \
    }                                                                                            \
  }

#define PLACES(NAME, LEAF)                                                                       \
  static inline void NAME(int32_t *out, int64_t outputs, const int32_t *values, const LEAF *leaf, \
                          int64_t rows) {                                                        \
    for (int64_t row = 0; row < rows; row++) out[row * outputs] = values[leaf[row]];             \
  }

#define ADDED(NAME, LEAF, FLOATS, DOUBLES, LEAVES)                                               \
  ADDS(FLOATS, LEAF, float)                                                                      \
  ADDS(DOUBLES, LEAF, double)                                                                    \
  PLACES(LEAVES, LEAF)                                                                           \
  /* What rows get from one tree, whose leaves they know; `first` is the first row's number. */  \
  static void NAME(const sn_forest *forest, const tree *one, const LEAF *leaf, int64_t first,    \
                   int64_t rows, void *out) {                                                    \
    const int64_t outputs = forest->outputs, width = forest->value_width;                        \
    const int64_t at = first * outputs + (one->output < 0 ? 0 : one->output);                    \
    const int64_t from = (int64_t)one->first_leaf * width;                                       \
    if (forest->kind == SN_FLOAT_SUMS)                                                           \
      FLOATS((float *)out + at, outputs, (const float *)forest->values + from, leaf, rows, width); \
    else if (forest->kind == SN_DOUBLE_SUMS)                                                     \
      DOUBLES((double *)out + at, outputs, (const double *)forest->values + from, leaf, rows,    \
              width);                                                                            \
    else                                                                                         \
      LEAVES((int32_t *)out + at, outputs, (const int32_t *)forest->values + from, leaf, rows);  \
  }

ADDED(add8, uint8_t, add_float8, add_double8, place8)
ADDED(add16, uint16_t, add_float16, add_double16, place16)
ADDED(add32, int32_t, add_float32, add_double32, place32)

#define KEY int32_t
#define LEAST INT32_MIN
#define MOST INT32_MAX
#define NODE node32
#define NUMBER float
#define TO_KEY key32
#define TYPED(name) name##_32
#include "rows.h"

#define KEY int64_t
#define LEAST INT64_MIN
#define MOST INT64_MAX
#define NODE node64
#define NUMBER double
#define TO_KEY key64
#define TYPED(name) name##_64
#include "rows.h"

/* What rows of one turn need: their numbers as ranks in blocks, as keys, and answers. */
typedef struct {
  void *ranks, *slots, *keys, *memory;
} room;

static size_t rounded(size_t bytes) { return (bytes + 63) / 64 * 64; }

static int32_t room_for(const sn_forest *forest, int64_t rows, room *given) {
  const size_t lane = (size_t)forest->lane;
  const size_t blocks = (size_t)(rows + BLOCK - 1) / BLOCK;
  const size_t columns = forest->columns > 0 ? (size_t)forest->columns : 1;
  size_t ranks = 0, slots = 0, keys = 0;
  if (forest->blocked) {
    ranks = rounded(blocks * columns * BLOCK * lane);
    slots = rounded(((size_t)forest->most_leaves + (size_t)forest->most_questions) * BLOCK * lane);
  }
  if (forest->walked) keys = rounded((size_t)rows * columns * (forest->is_double ? 8 : 4));
  given->memory = malloc(ranks + slots + keys + 64);
  if (given->memory == NULL) return SN_NO_MEMORY;
  char *begin = (char *)rounded((size_t)(uintptr_t)given->memory);
  given->ranks = begin;
  given->slots = begin + ranks;
  given->keys = begin + ranks + slots;
  if (!forest->blocked) return SN_OK;
  /* Slots of leaves hold the number of the leaf in every row, whatever the tree. */
  for (int64_t leaf = 0; leaf < forest->most_leaves; leaf++)
    for (int64_t row = 0; row < BLOCK; row++)
      if (lane == 1)
        ((uint8_t *)given->slots)[leaf * BLOCK + row] = (uint8_t)leaf;
      else
        ((uint16_t *)given->slots)[leaf * BLOCK + row] = (uint16_t)leaf;
  return SN_OK;
}

/* What a tree gives the rows of a turn, block by block. */
static void answer_blocks(const sn_forest *forest, const instructions *how, const tree *one,
                          const room *in, int64_t first, int64_t rows, void *out) {
  const question *questions = forest->question + one->first_question;
  const int64_t last = one->questions > 0 ? forest->most_leaves + one->questions - 1 : 0;
  for (int64_t done = 0; done < rows; done += BLOCK) {
    const int64_t count = rows - done < BLOCK ? rows - done : BLOCK;
    const int64_t numbers = done * forest->columns;
    if (forest->lane == 1) {
      how->bytes(questions, one->questions, (const int8_t *)in->ranks + numbers, in->slots,
                 forest->most_leaves);
      add8(forest, one, (const uint8_t *)in->slots + last * BLOCK, first + done, count, out);
    } else {
      how->shorts(questions, one->questions, (const int16_t *)in->ranks + numbers, in->slots,
                  forest->most_leaves);
      add16(forest, one, (const uint16_t *)in->slots + last * BLOCK, first + done, count, out);
    }
  }
}

static void start_sums(const sn_forest *forest, int64_t rows, void *out) {
  if (forest->kind == SN_LEAVES) return;
  const size_t size = (size_t)forest->outputs * (forest->kind == SN_DOUBLE_SUMS ? 8 : 4);
  for (int64_t row = 0; row < rows; row++)
    memcpy((char *)out + (size_t)row * size, forest->start, size);
}

static void divide_sums(const sn_forest *forest, int64_t rows, void *out) {
  if (forest->divisor == 0.0 || forest->kind != SN_DOUBLE_SUMS) return;
  double *sums = out;
  for (int64_t at = 0; at < rows * forest->outputs; at++) sums[at] /= forest->divisor;
}

/* Rows a few at a time, each along eight trees at once. */
static int32_t compute_few(const sn_forest *forest, const void *x, int64_t rows, void *out) {
  int64_t stacked[STACK_BYTES / sizeof(int64_t)];
  const size_t columns = forest->columns > 0 ? (size_t)forest->columns : 1;
  const size_t bytes = columns * (forest->is_double ? 8 : 4);
  void *keys = bytes <= sizeof stacked ? (void *)stacked : malloc(bytes);
  if (keys == NULL) return SN_NO_MEMORY;
  for (int64_t row = 0; row < rows; row++) {
    if (forest->is_double) {
      keys_of_64(forest, (const double *)x + row * forest->width, keys);
      walk_row_64(forest, keys, row, out);
    } else {
      keys_of_32(forest, (const float *)x + row * forest->width, keys);
      walk_row_32(forest, keys, row, out);
    }
  }
  if (keys != (void *)stacked) free(keys);
  return SN_OK;
}

/* The numbers of the rows of a turn in the forms that its trees take. */
static void prepare(const sn_forest *forest, const instructions *how, const void *x, int64_t first,
                    int64_t rows, const room *in) {
  const int64_t at = first * forest->width;
  if (forest->is_double) {
    const double *numbers = (const double *)x + at;
    if (forest->blocked) rank_rows_64(forest, numbers, rows, in->ranks);
    if (forest->blocked) rank_members_64(forest, how, numbers, rows, in->ranks);
    for (int64_t row = 0; forest->walked && row < rows; row++)
      keys_of_64(forest, numbers + row * forest->width,
                 (int64_t *)in->keys + row * forest->columns);
  } else {
    const float *numbers = (const float *)x + at;
    if (forest->blocked) rank_rows_32(forest, numbers, rows, in->ranks);
    if (forest->blocked) rank_members_32(forest, how, numbers, rows, in->ranks);
    for (int64_t row = 0; forest->walked && row < rows; row++)
      keys_of_32(forest, numbers + row * forest->width,
                 (int32_t *)in->keys + row * forest->columns);
  }
}

static int64_t rows_of_turn(const sn_forest *forest, int64_t rows) {
  int64_t bytes = forest->blocked ? (int64_t)forest->columns * forest->lane : 0;
  if (forest->walked) bytes += (int64_t)forest->columns * (forest->is_double ? 8 : 4);
  int64_t turn = bytes > 0 ? TURN_BYTES / bytes / BLOCK * BLOCK : TURN_ROWS;
  if (turn > TURN_ROWS) turn = TURN_ROWS;
  if (turn < BLOCK) turn = BLOCK;
  return turn < rows ? turn : rows;
}

static int32_t compute_many(const sn_forest *forest, const void *x, int64_t rows, void *out) {
  const int64_t turn = rows_of_turn(forest, rows);
  const instructions *how = chosen();
  room in;
  if (room_for(forest, turn, &in) != SN_OK) return SN_NO_MEMORY;
  for (int64_t first = 0; first < rows; first += turn) {
    const int64_t count = rows - first < turn ? rows - first : turn;
    prepare(forest, how, x, first, count, &in);
    for (int64_t number = 0; number < forest->trees; number++) {
      const tree *one = &forest->tree[number];
      if (one->first_question >= 0)
        answer_blocks(forest, how, one, &in, first, count, out);
      else if (forest->is_double)
        walk_rows_64(forest, one, in.keys, first, count, out);
      else
        walk_rows_32(forest, one, in.keys, first, count, out);
    }
  }
  free(in.memory);
  return SN_OK;
}

int32_t sn_compute(const sn_forest *forest, const void *x, int64_t rows, void *out) {
  start_sums(forest, rows, out);
  const int32_t status = rows < FEW_ROWS ? compute_few(forest, x, rows, out)
                                         : compute_many(forest, x, rows, out);
  if (status == SN_OK) divide_sums(forest, rows, out);
  return status;
}
