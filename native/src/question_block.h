/* Answers all questions of a tree for a block of rows, of which each then knows its leaf.
 *
 * Included once for each set of instructions and size of numbers, with these defined: NAME, TARGET,
 * LANE, VECTOR, FILLED(number), RIGHT(values, rank) and CHOSEN(right, left_slot, right_slot). */
TARGET static void NAME(const question *questions, int32_t count, const LANE *ranks, LANE *slots,
                        int64_t leaves) {
  enum { PARTS = BLOCK * sizeof(LANE) / sizeof(VECTOR) };
  LANE *answer = slots + leaves * BLOCK;
  for (int32_t at = 0; at < count; at++, answer += BLOCK) {
    const question asked = questions[at];
    const VECTOR rank = FILLED(asked.rank);
    const VECTOR *value = (const VECTOR *)(ranks + (size_t)asked.column * BLOCK);
    const VECTOR *left = (const VECTOR *)(slots + (size_t)asked.left * BLOCK);
    const VECTOR *right = (const VECTOR *)(slots + (size_t)asked.right * BLOCK);
    VECTOR *to = (VECTOR *)answer;
    for (size_t part = 0; part < PARTS; part++)
      to[part] = CHOSEN(RIGHT(value[part], rank), left[part], right[part]);
  }
}
#undef NAME
#undef TARGET
#undef LANE
#undef VECTOR
#undef FILLED
#undef RIGHT
#undef CHOSEN
