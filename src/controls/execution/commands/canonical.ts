/** Words that every POSIX shell reads as themselves without quotes. */
const PLAIN_WORD = /^[A-Za-z0-9_@%+=:,./-]+$/;

function canonicalWord(word: string): string {
  return PLAIN_WORD.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/**
 * One line for an argv that no other argv has: plain words as they are, anything else in single quotes. A
 * policy's word-by-word comparison therefore cannot be crossed by a space inside an argument, and a shell
 * reads the line back as the same argv.
 */
export function canonicalArgv(argv: readonly string[]): string {
  return argv.map(canonicalWord).join(' ');
}
