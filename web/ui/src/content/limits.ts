/** Every bound of what is laid out at once. Sizes are in characters (UTF-16 units). */

/** Text shown before a reader asks for more, and the size of each further piece. */
export const TEXT_PIECE_CHARS = 64_000;
/** Longest text that is read as Markdown; measured: the worst that the other bounds let through takes about a second. */
export const MARKDOWN_CHARS = 32_000;
/** Deepest nesting of quotes and lists that is read as Markdown. */
export const MARKDOWN_DEPTH = 40;
/** Chips in one piece of text; past it hidden characters are written as `\u{…}`. */
export const CHIPS = 1000;
/** Marked words in one piece of text. */
export const MARKS = 1000;
/** Words of a search that are marked. */
export const FIND_WORDS = 16;
/** Combining marks on one character that are drawn. */
export const COMBINING_MARKS = 8;
/** Styled parts of a terminal's output shown at once. */
export const TERMINAL_SPANS = 3000;
/** Nodes of a JSON tree's level shown at once. */
export const JSON_CHILDREN = 100;
/** Levels of a JSON tree that are shown; deeper is text. */
export const JSON_DEPTH = 64;
/** Beginning of a string that is shown in a JSON tree. */
export const JSON_STRING_CHARS = 2000;
/** Text of both sides that is compared; longer sides are shown one after the other. */
export const DIFF_CHARS = 400_000;
/** Edits that are looked for between two texts. */
export const DIFF_EDITS = 3000;
/** Time for comparing two texts, in milliseconds. */
export const DIFF_MS = 200;
/** Longest line whose words are compared. */
export const DIFF_WORDS_CHARS = 2000;
/** Pairs of lines of one hunk whose words are compared. */
export const DIFF_WORD_PAIRS = 100;
/** Lines of a diff shown at once. */
export const DIFF_LINES = 400;
/** Unchanged lines shown around a change. */
export const DIFF_AROUND = 3;
/** Longest base64 of one image that is shown. */
export const IMAGE_BASE64_CHARS = 14_000_000;
/** Images shown of one value. */
export const IMAGES = 24;
/** Nodes of a value that are looked through for images and text. */
export const VALUE_NODES = 20_000;
/** Pixels of one image that is shown: a small file may unfold into all of a browser's memory. */
export const IMAGE_PIXELS = 50_000_000;
