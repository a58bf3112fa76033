/** Gatehouse's own tokens, wherever they turn up: the id stays, the secret goes (K2, attack 83). */
const TOKEN = /(gth_[0-9A-Za-z]{4,32}_)[0-9A-Za-z]+(?:_[0-9A-Za-z]+)?/g;

/** The text without the secret part of any Gatehouse token in it. */
export function withoutTokens(text: string): string {
  return text.replace(TOKEN, '$1[removed]');
}
