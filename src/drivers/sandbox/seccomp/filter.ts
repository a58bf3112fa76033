import { Assembler, argumentOffset, DATA_ARCH, DATA_NUMBER, encode, type Instruction } from './bpf.ts';
import { type Architecture, syscallNumbers } from './numbers.ts';
import { ABSENT, ALLOWED, type ArgumentRule, CHECKED, ENOSYS, EPERM } from './policy.ts';

export const ANSWER_ALLOW = 0x7fff_0000;
export const ANSWER_KILL_PROCESS = 0x8000_0000;
const ANSWER_ERRNO = 0x0005_0000;

/** AUDIT_ARCH_* (include/uapi/linux/audit.h). */
export const AUDIT_ARCH: Readonly<Record<Architecture, number>> = {
  x86_64: 0xc000_003e,
  aarch64: 0xc000_00b7,
};

/** Numbers from here on are x32 calls on x86_64: the same calls by a door that the list does not watch. */
const X32_BIT = 0x4000_0000;

export function answerErrno(errno: number): number {
  return ANSWER_ERRNO | errno;
}

type Verdict =
  | { readonly kind: 'answer'; readonly value: number }
  | { readonly kind: 'check'; readonly name: string };

interface Range {
  readonly from: number;
  readonly verdict: Verdict;
}

function verdictOf(name: string): Verdict {
  if (Object.hasOwn(CHECKED, name)) return { kind: 'check', name };
  if (ABSENT.includes(name)) return { kind: 'answer', value: answerErrno(ENOSYS) };
  return { kind: 'answer', value: ALLOWED.includes(name) ? ANSWER_ALLOW : answerErrno(EPERM) };
}

function same(a: Verdict, b: Verdict): boolean {
  return a.kind === 'answer' && b.kind === 'answer' && a.value === b.value;
}

/** The whole space of numbers as ascending ranges, each with one verdict. */
function ranges(architecture: Architecture): readonly Range[] {
  const byNumber = new Map([...syscallNumbers(architecture)].map(([name, number]) => [number, name]));
  const end = Math.max(...byNumber.keys()) + 1;
  const found: Range[] = [];
  const add = (from: number, verdict: Verdict) => {
    const last = found.at(-1);
    if (last === undefined || !same(last.verdict, verdict)) found.push({ from, verdict });
  };
  for (let number = 0; number < end; number += 1) {
    const name = byNumber.get(number);
    add(number, name === undefined ? { kind: 'answer', value: answerErrno(ENOSYS) } : verdictOf(name));
  }
  add(end, { kind: 'answer', value: answerErrno(ENOSYS) });
  if (architecture === 'x86_64') add(X32_BIT, { kind: 'answer', value: answerErrno(EPERM) });
  return found;
}

/** A binary search by number: a call costs about seven comparisons instead of three hundred. */
function emitSearch(assembler: Assembler, list: readonly Range[]): void {
  const [only] = list;
  if (list.length === 1 && only !== undefined) {
    if (only.verdict.kind === 'answer') assembler.answer(only.verdict.value);
    else assembler.jump(`check ${only.verdict.name}`);
    return;
  }
  const middle = list.length >> 1;
  const upper = list.slice(middle);
  const upperLabel = assembler.fresh();
  assembler.ifAtLeast(upper[0]?.from ?? 0, upperLabel);
  emitSearch(assembler, list.slice(0, middle));
  assembler.label(upperLabel);
  emitSearch(assembler, upper);
}

/** Falls through when the argument is acceptable. */
function emitRule(assembler: Assembler, rule: ArgumentRule): void {
  const next = assembler.fresh();
  assembler.load(argumentOffset(rule.argument));
  if ('noBits' in rule) {
    assembler.ifAnyBit(rule.noBits, undefined, next);
  } else if ('noneOf' in rule) {
    const refused = assembler.fresh();
    for (const value of rule.noneOf) assembler.ifEqual(value, refused);
    assembler.jump(next);
    assembler.label(refused);
  } else {
    for (const value of spellings(rule.oneOf, rule.ignore ?? 0)) assembler.ifEqual(value, next);
  }
  assembler.answer(answerErrno(rule.errno));
  assembler.label(next);
}

/** Every way to write the values with any of the ignored bits set. */
function spellings(values: readonly number[], ignore: number): readonly number[] {
  let result = [...values];
  for (let bit = 0; bit < 32; bit += 1) {
    const flag = (ignore & (1 << bit)) >>> 0;
    if (flag !== 0) result = [...result, ...result.map((value) => (value | flag) >>> 0)];
  }
  return result;
}

/** The filter as instructions; a process of any other architecture is killed (attack 58). */
export function buildFilter(architecture: Architecture): readonly Instruction[] {
  const assembler = new Assembler();
  const native = assembler.fresh();
  assembler.load(DATA_ARCH);
  assembler.ifEqual(AUDIT_ARCH[architecture], native);
  assembler.answer(ANSWER_KILL_PROCESS);
  assembler.label(native);
  assembler.load(DATA_NUMBER);
  emitSearch(assembler, ranges(architecture));
  const known = syscallNumbers(architecture);
  for (const [name, rules] of Object.entries(CHECKED)) {
    if (!known.has(name)) continue;
    assembler.label(`check ${name}`);
    for (const rule of rules) emitRule(assembler, rule);
    assembler.answer(ANSWER_ALLOW);
  }
  return assembler.assemble();
}

/** The filter as the bytes that bubblewrap loads. */
export function filterBytes(architecture: Architecture): Uint8Array {
  return encode(buildFilter(architecture));
}
