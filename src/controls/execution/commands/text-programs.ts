/**
 * Whether an awk program only computes and prints: no command, no pipe, no file, no extension. Those need
 * one of these spellings (gawk(1), POSIX awk); a line continuation could split them.
 */
export function awkProgramIsPlain(program: string): boolean {
  return !/system|getline|[|>@]|\\\n/.test(program);
}

/**
 * Whether the arguments of awk are understood: `-F` and `-v`, then a program that only computes, then
 * operands.
 */
export function awkIsPlain(argv: readonly string[]): boolean {
  let at = 1;
  while (at < argv.length) {
    const argument = argv[at] ?? '';
    if (!/^-[Fv]/.test(argument)) break;
    at += argument.length > 2 ? 1 : 2;
  }
  const [program, ...operands] = argv.slice(at);
  if (program === undefined || program.startsWith('-')) return false;
  return awkProgramIsPlain(program) && operands.every((operand) => !operand.startsWith('-'));
}

const SED_ADDRESS = String.raw`(?:\d+|\$|/(?:[^/\\\n]|\\[^\n])*/)`;
const SED_ADDRESSES = `(?:${SED_ADDRESS}(?:,${SED_ADDRESS})?)?`;
const SED_PRINT = '[pdqD=]';
const SED_SUBSTITUTE = ['/', '|', '#', ',', ':']
  .map((mark) => {
    const delimiter = mark === '|' ? String.raw`\|` : mark;
    const piece = String.raw`(?:[^${delimiter}\\\n]|\\[^\n])*`;
    return `s${delimiter}${piece}${delimiter}${piece}${delimiter}[gIip0-9]*`;
  })
  .join('|');
const SED_COMMAND = new RegExp(`^ *${SED_ADDRESSES} *!? *(?:${SED_PRINT}|${SED_SUBSTITUTE}) *(?:;|$)`);

/** A bracket expression without a delimiter in it. Seds disagree on where `s/[/]/` ends, so that one is left. */
const SIMPLE_BRACKETS = /\[[^\][/|#,:\\\n]*\]/g;

/** Whether a sed script only prints, deletes and substitutes; `e`, `w`, `r` and everything else is not plain. */
export function sedScriptIsPlain(script: string): boolean {
  if (script.replaceAll(SIMPLE_BRACKETS, '').includes('[')) return false;
  let rest = script;
  while (rest !== '') {
    const command = SED_COMMAND.exec(rest)?.[0];
    if (command === undefined || command === '') return false;
    rest = rest.slice(command.length);
  }
  return script !== '';
}

/** Whether the arguments of sed are understood: `-n`, `-E`, `-r`, `-s`, `-z`, `-e SCRIPT`; nothing in place. */
export function sedIsPlain(argv: readonly string[]): boolean {
  const scripts: string[] = [];
  const operands: string[] = [];
  for (let at = 1; at < argv.length; at += 1) {
    const argument = argv[at] ?? '';
    if (!argument.startsWith('-') || argument === '-') operands.push(argument);
    else if (/^-[nErsz]*e$/.test(argument)) {
      at += 1;
      scripts.push(argv[at] ?? '');
    } else if (!/^-[nErsz]+$/.test(argument)) return false;
  }
  if (scripts.length === 0) scripts.push(operands.shift() ?? '');
  return scripts.every(sedScriptIsPlain);
}
