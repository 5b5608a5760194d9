// What subtitles must know of scripts, as the service does (stt_ai/captions/scripts.py says why).

const WIDE = [
  [0x1100, 0x115f], [0x2e80, 0x303e], [0x3041, 0x4dbf], [0x4e00, 0xa4cf], [0xa960, 0xa97f], [0xac00, 0xd7a3],
  [0xf900, 0xfaff], [0xfe30, 0xfe6f], [0xff00, 0xff60], [0xffe0, 0xffe6], [0x1f300, 0x1f64f], [0x1f680, 0x1f6ff],
  [0x1f900, 0x1faff], [0x20000, 0x3fffd],
];
const SPACELESS = [
  [0x0e00, 0x109f], [0x1780, 0x17ff], [0x2e80, 0x31ff], [0x3400, 0x9fff], [0xf900, 0xfaff], [0xff00, 0xffef],
  [0x20000, 0x3ffff],
];
const CLOSING = new Set(".,;:!?…%)]}»”’\"'。、，！？；：」』）】〉》〕ーっッ々");
const COMBINES = /^[\p{M}\u200d\ufe0e\ufe0f]/u;
const STACKERS = new Set("\u1039\u17d2");
const BURMESE_FINAL = new Set("\u103a\u1039");

const THAI = [[0x0e00, 0x0eff]];
const CONSONANTS = [[0x0e01, 0x0e2e]];
const DIGITS = [[0x0e50, 0x0e59]];
const LEADING_VOWELS = [[0x0e40, 0x0e44]];
const SIGNS = [[0x0e2f, 0x0e2f], [0x0e30, 0x0e3d], [0x0e45, 0x0e4e]];
const SECOND_OF_CLUSTER = new Set([..."รลว"].map((c) => c.codePointAt(0)));
const SILENT_FIRST = new Set([..."หอ"].map((c) => c.codePointAt(0)));

const within = (point, blocks) => blocks.some(([first, last]) => first <= point && point <= last);

/** Cells of a screen that these characters take at most. */
export const cells = (characters) =>
  characters.reduce((sum, character) => sum + (within(character.codePointAt(0), WIDE) ? 2 : 1), 0);

export const combines = (character) => COMBINES.test(character);

/** Whether a line may end before `position`, where no blank stands, without cutting a syllable. */
export function mayBreak(characters, position) {
  const [before, after, following] = [characters[position - 1], characters[position], characters[position + 1]];
  if (CLOSING.has(after) || combines(after) || STACKERS.has(before) || before === "\u200d") return false;
  if (BURMESE_FINAL.has(following)) return false;
  const [first, second] = [before.codePointAt(0), after.codePointAt(0)];
  if (within(first, THAI) && within(second, THAI)) return syllableBegins(...[before, after, following].map(asThai));
  return within(first, SPACELESS) || within(second, SPACELESS);
}

function syllableBegins(before, after, following) {
  if (within(before, LEADING_VOWELS)) return false;
  if (within(after, LEADING_VOWELS)) return true;
  if (!within(after, CONSONANTS)) return !within(after, SIGNS) && !within(before, DIGITS);
  const onsetGoesOn = within(before, CONSONANTS) && (SECOND_OF_CLUSTER.has(after) || SILENT_FIRST.has(before));
  return within(following, SIGNS) && !onsetGoesOn;
}

function asThai(character) {
  const point = character ? character.codePointAt(0) : 0;
  return 0x0e80 <= point && point <= 0x0eff ? point - 0x80 : point;
}
