/** A form of the profile language: a word, a string in its quotes, or a list. */
export type Form = string | readonly Form[];

/** Operations that a profile of ours may allow, and which filters each needs; none may be allowed without. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  'process-fork': [],
  'process-exec*': ['subpath'],
  signal: ['target'],
  'process-info*': ['target'],
  'sysctl-read': ['sysctl-name'],
  'file-read-metadata': ['literal'],
  'file-read*': ['subpath', 'literal'],
  'file-write*': ['subpath'],
  'file-write-data': ['literal'],
  'network-outbound': ['literal'],
};

/** Read the forms of a profile. Throws when a list or a string does not end. */
export function parseProfile(profile: string): readonly Form[] {
  const tokens = profile.match(/;[^\n]*|[()]|"(?:[^"\\]|\\.)*"|[^\s()"]+|"/g) ?? [];
  const stack: Form[][] = [[]];
  for (const token of tokens) {
    if (token.startsWith(';')) continue;
    if (token === '"') throw new Error('a string does not end');
    if (token === '(') stack.push([]);
    else if (token === ')') {
      const done = stack.pop();
      const outer = stack.at(-1);
      if (done === undefined || outer === undefined) throw new Error('a list ends that did not begin');
      outer.push(done);
    } else stack.at(-1)?.push(token);
  }
  const [forms, ...open] = stack;
  if (forms === undefined || open.length > 0) throw new Error('a list does not end');
  return forms;
}

function word(form: Form | undefined): string {
  return typeof form === 'string' ? form : '';
}

function value(form: Form | undefined): string {
  return word(form).replace(/^"|"$/g, '').replaceAll('\\"', '"').replaceAll('\\\\', '\\');
}

export interface Expected {
  /** The only directories that may be written. */
  readonly writable: readonly string[];
  /** The only socket that may be connected to. */
  readonly socket: string | undefined;
  /** What must be denied at the end. */
  readonly forbidden: readonly string[];
}

/** What is wrong with a profile as text, because nothing but macOS can run it; empty when it says what it must. */
export function profileProblems(profile: string, expected: Expected): readonly string[] {
  const [version, standard, ...rules] = parseProfile(profile);
  const problems: string[] = [];
  if (JSON.stringify(version) !== '["version","1"]') problems.push('the first form is not (version 1)');
  if (JSON.stringify(standard) !== '["deny","default"]')
    problems.push('the second form is not (deny default)');
  for (const rule of rules) problems.push(...ruleProblems(rule, expected));
  const last = rules.at(-1);
  const denied =
    Array.isArray(last) && last[0] === 'deny' ? last.slice(3).map((filter) => value(filter[1])) : [];
  for (const path of expected.forbidden)
    if (!denied.includes(path)) problems.push(`${path} is not denied at the end`);
  return problems;
}

function ruleProblems(rule: Form, expected: Expected): readonly string[] {
  if (typeof rule === 'string') return [`${rule} stands alone`];
  const [verb, ...rest] = rule;
  if (verb === 'deny') return [];
  if (verb !== 'allow') return [`${word(verb)} is neither allow nor deny`];
  const operations = rest.filter((form): form is string => typeof form === 'string');
  const filters = rest.filter((form): form is readonly Form[] => typeof form !== 'string');
  return operations.flatMap((operation) => {
    const needed = ALLOWED[operation];
    if (needed === undefined) return [`${operation} is allowed`];
    if (needed.length > 0 && filters.length === 0) return [`${operation} is allowed for everything`];
    return filters.flatMap((filter) => filterProblems(operation, needed, filter, expected));
  });
}

function filterProblems(
  operation: string,
  needed: readonly string[],
  [kind, what]: readonly Form[],
  { writable, socket }: Expected,
): readonly string[] {
  const path = value(what);
  if (!needed.includes(word(kind))) return [`${operation} is allowed by ${word(kind)}`];
  if (kind === 'subpath' && (path === '/' || !path.startsWith('/')))
    return [`${operation} is allowed below ${path}`];
  if (operation === 'file-write*' && !writable.includes(path)) return [`${path} may be written`];
  if (operation === 'network-outbound' && path !== socket) return [`${path} may be connected to`];
  return [];
}
