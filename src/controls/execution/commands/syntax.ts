/** Shell syntax whose every effect is the commands inside it; those are reported one by one. */
const TRANSPARENT: ReadonlySet<string> = new Set([
  'Script',
  'Statement',
  'Pipeline',
  'AndOr',
  'Negation',
  'CompoundList',
  'Subshell',
  'BraceGroup',
  'Redirected',
  'If',
  'Elif',
  'While',
  'Time',
  'Command',
  'Redirect',
  'FileDescriptor',
  'Assignment',
  'Word',
  'Literal',
  'SingleQuoted',
  'DoubleQuoted',
]);

const REASONS: Readonly<Record<string, string>> = {
  SimpleExpansion: 'a parameter expansion',
  ParameterExpansion: 'a parameter expansion',
  CommandExpansion: 'a command substitution',
  ArithmeticExpansion: 'an arithmetic expansion',
  ProcessSubstitution: 'a process substitution',
  Glob: 'a glob',
  ExtendedGlob: 'a glob',
  BraceExpansion: 'a brace expansion',
  AnsiCQuoted: "a $'...' string, which shells read differently",
  LocaleString: 'a $"..." string, which shells read differently',
  HereDoc: 'a here-document',
  HereString: 'a here-string',
  Function: 'a function, which gives a name a new meaning',
  Coproc: 'a coprocess',
  For: 'a for loop, which assigns a variable',
  ArithmeticFor: 'an arithmetic for loop',
  Select: 'a select loop',
  Case: 'a case statement',
  TestCommand: 'a [[ ]] test, which can evaluate arithmetic',
  ArithmeticCommand: 'an arithmetic command',
  ArrayValue: 'an array',
  FileDescriptorVariable: 'a file descriptor in a variable',
};

/** Why a kind of syntax is not understood, or undefined when it is. A kind that is not known is not understood. */
export function syntaxProblem(type: string): string | undefined {
  if (TRANSPARENT.has(type)) return undefined;
  return REASONS[type] ?? `shell syntax that is not understood (${type})`;
}

/** What may stand between commands: separators, grouping, and the words of `if` and `while`. */
const BETWEEN = /^(?:[ \t\n;(){}!]|&&|\|\|?(?!&)|\b(?:if|then|elif|else|fi|while|until|do|done)\b)*$/;

/**
 * Whether the text outside the given ranges is only separators and known reserved words, so that nothing the
 * shell would act on was skipped by the parser (a comment hides text from a reader, so it counts as skipped).
 */
export function onlySeparatorsOutside(
  source: string,
  ranges: readonly { readonly pos: number; readonly end: number }[],
): boolean {
  let rest = '';
  let at = 0;
  for (const { pos, end } of [...ranges].sort((a, b) => a.pos - b.pos)) {
    if (pos > at) rest += source.slice(at, pos);
    rest += ' ';
    at = Math.max(at, end);
  }
  return BETWEEN.test(rest + source.slice(at));
}
