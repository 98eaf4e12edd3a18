/* Splits by category: what each code answers to the sets that trees ask about, as bits. */
#include <string.h>

#include "build.h"

int32_t sets_fit(const sn_spec *spec) {
  const int64_t most = INT32_MAX / 8;
  if (spec->sets < 0 || spec->sets > most || spec->codes < 0 || spec->codes > MAX_CODES)
    return SN_TOO_LARGE;
  for (int64_t set = 0; set < spec->sets; set++)
    if (spec->set_feature[set] < 0 || spec->set_feature[set] >= spec->columns) return SN_BAD_SET;
  return SN_OK;
}

/* The answers of all codes to one column; unknown codes are in no set, gaps go where it says. */
static void fill_answers(const sn_spec *spec, const column *one, int64_t member, int64_t words,
                         uint64_t *answers) {
  const uint8_t *inside = spec->inside + (one->feature - spec->columns) * spec->codes;
  const uint64_t bit = 1ull << (member % 64);
  uint64_t *word = answers + member / 64;
  for (int64_t code = 0; code < spec->codes; code++)
    if (inside[code] == SN_GAP ? !one->gap_left : inside[code] != 0) word[code * words] |= bit;
  if (!one->gap_left) word[(spec->codes + 1) * words] |= bit;
}

int32_t lay_out_members(build *b) {
  const sn_spec *spec = b->spec;
  sn_forest *forest = b->forest;
  const int32_t members = forest->columns - forest->plain;
  forest->codes = spec->codes;
  if (members == 0) return SN_OK;
  forest->member = zeros(members, sizeof(int32_t));
  forest->coded = zeros(spec->columns, sizeof(coded));
  int32_t *place = zeros(spec->columns + 1, sizeof *place);
  if (forest->member == NULL || forest->coded == NULL || place == NULL) {
    free(place);
    return SN_NO_MEMORY;
  }
  for (int32_t at = forest->plain; at < forest->columns; at++)
    place[spec->set_feature[forest->column[at].feature - spec->columns] + 1]++;
  int64_t words = 0;
  for (int32_t feature = 0; feature < spec->columns; feature++) {
    const int32_t count = place[feature + 1];
    place[feature + 1] += place[feature];
    if (count == 0) continue;
    coded *one = &forest->coded[forest->coded_features++];
    *one = (coded){feature, place[feature], count, (count + 63) / 64, words};
    words += one->words * (spec->codes + 2);
  }
  for (int32_t at = forest->plain; at < forest->columns; at++)
    forest->member[place[spec->set_feature[forest->column[at].feature - spec->columns]]++] = at;
  free(place);
  forest->answers = zeros(words, sizeof(uint64_t));
  if (forest->answers == NULL) return SN_NO_MEMORY;
  for (int32_t at = 0; at < forest->coded_features; at++) {
    const coded *one = &forest->coded[at];
    for (int32_t member = 0; member < one->count; member++)
      fill_answers(spec, &forest->column[forest->member[one->first + member]], member, one->words,
                   forest->answers + one->begin);
  }
  return SN_OK;
}
