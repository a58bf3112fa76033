/** Models that follow instructions in content more easily than current ones (P5). Names only: nothing is asked. */
const OLD =
  /(?:^|\/)(?:claude-(?:instant|1|2)|gpt-3(?:\.|-|$)|gpt-4(?!\.)|text-davinci|palm|gemini-1\.|llama-?2|mistral-7b|codellama)/i;
const WEAK =
  /haiku|(?:^|[-/])(?:mini|nano|flash-lite|tiny|small)(?:$|[-:])|claude-(?:3|4)(?:[-.]|$)(?!5|6|7|8|9)|gpt-4/i;
/** `7b`, `0.5b`, `70b` in a model's name: billions of weights. */
const SIZE = /(?:^|[-_:/.a-z])(\d{1,3}(?:\.\d+)?)b(?:$|[-_:.])/i;
const SMALL_BILLIONS = 300;

export type ModelClass = 'old' | 'weak' | 'small';

/** What a model's name says about how easily it is talked into something. */
export function classesOfModel(name: string): readonly ModelClass[] {
  const classes: ModelClass[] = [];
  if (OLD.test(name)) classes.push('old');
  if (WEAK.test(name)) classes.push('weak');
  if (Number(SIZE.exec(name)?.[1] ?? Number.POSITIVE_INFINITY) <= SMALL_BILLIONS) classes.push('small');
  return classes;
}
