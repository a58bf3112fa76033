/** Longest run without white space that an ordinary word is; every rule of the detector asks for a longer one. */
const MAX_WORD = 24;

/** Letters and the punctuation of prose. Digits, `:`, `=`, `/`, `_`, `-` and `+` are in every credential or before it. */
const PROSE: readonly boolean[] = Array.from({ length: 128 }, (_, code) =>
  /[A-Za-z\s.,!?;'"()*]/.test(String.fromCharCode(code)),
);

/**
 * Whether a text is nothing but short words, so that no rule can find anything in it: most of what a model says, told
 * by one pass over its characters. A property test holds this against the rules themselves.
 */
export function isProse(text: string): boolean {
  let word = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    // No rule knows a character beyond ASCII; what stands on both sides of one still counts as one word.
    if (code < 128 && PROSE[code] !== true) return false;
    word = code === 32 || (code >= 9 && code <= 13) ? 0 : word + 1;
    if (word > MAX_WORD) return false;
  }
  return true;
}
