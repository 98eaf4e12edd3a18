/* Rows of one type of numbers: as keys, as ranks, and along trees.
 *
 * Included once for each type, with these defined: KEY, NODE, NUMBER, TO_KEY, TYPED(name), and
 * LEAST and MOST, the keys that go left and right everywhere. */

/* What a number answers to the sets of its codes. */
static inline const uint64_t *TYPED(answers_of)(const sn_forest *forest, const coded *one,
                                                NUMBER number) {
  const int64_t codes = forest->codes;
  int64_t code = codes;
  if (number != number) code = codes + 1;
  if (number >= 0 && number < (NUMBER)codes) code = (int64_t)number;
  return forest->answers + one->begin + code * one->words;
}

static void TYPED(keys_of)(const sn_forest *forest, const NUMBER *row, KEY *keys) {
  const int32_t columns = forest->plain;
  const column *from = forest->column;
  for (int32_t at = 0; at < columns; at++) keys[at] = TO_KEY(row[from[at].feature], from[at].gap_left);
  for (int32_t number = 0; number < forest->coded_features; number++) {
    const coded *one = &forest->coded[number];
    const uint64_t *answers = TYPED(answers_of)(forest, one, row[one->feature]);
    const int32_t *member = forest->member + one->first;
    for (int32_t at = 0; at < one->count; at++)
      keys[member[at]] = answers[at / 64] >> (at % 64) & 1 ? MOST : LEAST;
  }
}

/* Takes eight walks to their leaves, level by level; each has keys of its own. */
static inline void TYPED(walk)(const NODE *nodes, int32_t depth, int32_t *at,
                               const KEY *const *keys) {
  for (int32_t level = 0; level < depth;) {
    const int32_t until = depth - level < 4 ? depth : level + 4;
    int32_t moved = 0;
    for (; level < until; level++) {
      moved = 0;
      for (int lane = 0; lane < LANES; lane++) {
        const NODE node = nodes[at[lane]];
        const int32_t next = node.child + (keys[lane][node.column] > node.key);
        moved |= next ^ at[lane];
        at[lane] = next;
      }
    }
    if (moved == 0) break;
  }
}

/* One row along all trees, eight of them at once. */
static void TYPED(walk_row)(const sn_forest *forest, const KEY *keys, int64_t row, void *out) {
  const KEY *all[LANES];
  for (int lane = 0; lane < LANES; lane++) all[lane] = keys;
  for (int64_t first = 0; first < forest->trees; first += LANES) {
    const int64_t left = forest->trees - first, count = left < LANES ? left : LANES;
    int32_t at[LANES], depth = 0;
    for (int lane = 0; lane < LANES; lane++) {
      const tree *one = &forest->tree[lane < count ? first + lane : first];
      at[lane] = one->root;
      if (one->depth > depth) depth = one->depth;
    }
    TYPED(walk)(forest->node, depth, at, all);
    for (int64_t lane = 0; lane < count; lane++)
      add32(forest, &forest->tree[first + lane], &forest->leaf_of[at[lane]], row, 1, out);
  }
}

/* Rows along one tree, eight of them at once. */
static void TYPED(walk_rows)(const sn_forest *forest, const tree *one, const KEY *keys,
                             int64_t first, int64_t rows, void *out) {
  const KEY *own[LANES];
  int32_t at[LANES], leaf[LANES];
  for (int64_t done = 0; done < rows; done += LANES) {
    const int64_t left = rows - done, count = left < LANES ? left : LANES;
    for (int64_t lane = 0; lane < LANES; lane++) {
      at[lane] = one->root;
      own[lane] = keys + (done + (lane < count ? lane : 0)) * forest->columns;
    }
    TYPED(walk)(forest->node, one->depth, at, own);
    for (int lane = 0; lane < LANES; lane++) leaf[lane] = forest->leaf_of[at[lane]];
    add32(forest, one, leaf, first + done, count, out);
  }
}

/* How many thresholds are below each number of a block: by halves, all rows in step. */
static void TYPED(count_below)(const KEY *thresholds, int32_t size, const KEY *keys,
                               int32_t *below) {
  memset(below, 0, BLOCK * sizeof *below);
  for (int32_t step = size / 2; step > 0; step /= 2)
    for (int row = 0; row < BLOCK; row++)
      below[row] += step & -(int32_t)(thresholds[below[row] + step - 1] < keys[row]);
}

static void TYPED(store_ranks)(const sn_forest *forest, const int32_t *below, void *ranks,
                               int64_t at) {
  if (forest->lane == 1)
    for (int row = 0; row < BLOCK; row++) ((int8_t *)ranks)[at + row] = (int8_t)(below[row] - 128);
  else
    for (int row = 0; row < BLOCK; row++)
      ((int16_t *)ranks)[at + row] = (int16_t)(below[row] - 32768);
}

/* Numbers as places among the thresholds of their column, block after block, by column. */
static void TYPED(rank_rows)(const sn_forest *forest, const NUMBER *x, int64_t rows, void *ranks) {
  KEY keys[BLOCK];
  int32_t below[BLOCK];
  for (int64_t first = 0; first < rows; first += BLOCK) {
    const int64_t count = rows - first < BLOCK ? rows - first : BLOCK;
    for (int32_t number = 0; number < forest->ranked_features; number++) {
      const ranked *one = &forest->ranked[number];
      const NUMBER *from = x + first * forest->width + one->feature;
      for (int64_t row = 0; row < BLOCK; row++)
        keys[row] = TO_KEY(from[(row < count ? row : 0) * forest->width], 0);
      TYPED(count_below)((const KEY *)forest->keys + one->first, one->size, keys, below);
      const int64_t block = first * forest->columns;
      if (one->columns[0] >= 0)
        TYPED(store_ranks)(forest, below, ranks, block + (int64_t)one->columns[0] * BLOCK);
      if (one->columns[1] < 0) continue;
      /* Gaps went to the end; here they go to the beginning. */
      for (int64_t row = 0; row < count; row++) {
        const NUMBER value = from[row * forest->width];
        if (value != value) below[row] = 0;
      }
      TYPED(store_ranks)(forest, below, ranks, block + (int64_t)one->columns[1] * BLOCK);
    }
  }
}

/* The answers of codes as places, block after block: rows of bits become bits of rows. */
static void TYPED(rank_members)(const sn_forest *forest, const instructions *how, const NUMBER *x,
                                int64_t rows, void *ranks) {
  const uint64_t *answers[BLOCK];
  uint64_t bits[BLOCK];
  for (int64_t first = 0; first < rows; first += BLOCK) {
    const int64_t count = rows - first < BLOCK ? rows - first : BLOCK;
    char *block = (char *)ranks + first * forest->columns * forest->lane;
    for (int32_t number = 0; number < forest->coded_features; number++) {
      const coded *one = &forest->coded[number];
      const NUMBER *from = x + first * forest->width + one->feature;
      for (int64_t row = 0; row < BLOCK; row++)
        answers[row] = TYPED(answers_of)(forest, one, from[(row < count ? row : 0) * forest->width]);
      for (int32_t done = 0; done < one->count; done += BLOCK) {
        const int32_t members = one->count - done < BLOCK ? one->count - done : BLOCK;
        for (int row = 0; row < BLOCK; row++) bits[row] = answers[row][done / BLOCK];
        turn_bits(bits);
        const int32_t *member = forest->member + one->first + done;
        if (forest->lane == 1)
          how->bits_to_bytes(bits, member, members, (int8_t *)block);
        else
          bits_to_shorts(bits, member, members, (int16_t *)block);
      }
    }
  }
}

#undef KEY
#undef LEAST
#undef MOST
#undef NODE
#undef NUMBER
#undef TO_KEY
#undef TYPED
