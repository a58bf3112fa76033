import type { Architecture } from './numbers.ts';
import { syscallNumbers } from './numbers.ts';
import { ABSENT, ALLOWED, type ArgumentRule, CHECKED, EAFNOSUPPORT, ENOSYS, EPERM } from './policy.ts';

/** One comparison: `(argument & value) == valueTwo`, the only operator that cannot be fooled by an upper half. */
export interface OciComparison {
  readonly index: number;
  readonly value: number;
  readonly valueTwo: number;
  readonly op: 'SCMP_CMP_MASKED_EQ';
}

export interface OciRule {
  readonly names: readonly string[];
  readonly action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
  readonly errnoRet?: number;
  /** All must hold. */
  readonly args?: readonly OciComparison[];
}

/** `linux.seccomp` of the OCI runtime specification, as Podman and Docker read it from a file. */
export interface OciProfile {
  readonly defaultAction: 'SCMP_ACT_ERRNO';
  readonly defaultErrnoRet: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly OciRule[];
}

const ARCHITECTURES: Readonly<Record<Architecture, string>> = {
  x86_64: 'SCMP_ARCH_X86_64',
  aarch64: 'SCMP_ARCH_AARCH64',
};

const WORD = 0xffff_ffff;
/** Families that libc may ask for (AF_MAX of Linux 6.12); what is beyond is no family of any kernel. */
const FAMILIES = 46;

/** A value under a mask; what libseccomp compares in one step. */
interface Pattern {
  readonly mask: number;
  readonly value: number;
}

/** The patterns that hold for every 32-bit word but these: one for each bit in which a word may leave their tree. */
function everythingBut(values: readonly number[]): readonly Pattern[] {
  const found: Pattern[] = [];
  const descend = (bit: number, mask: number, value: number, left: readonly number[]): void => {
    if (left.length === 0) {
      found.push({ mask, value });
      return;
    }
    if (bit < 0) return;
    const flag = (1 << bit) >>> 0;
    const isSet = (word: number) => (word & flag) !== 0;
    descend(
      bit - 1,
      (mask | flag) >>> 0,
      value,
      left.filter((word) => !isSet(word)),
    );
    descend(bit - 1, (mask | flag) >>> 0, (value | flag) >>> 0, left.filter(isSet));
  };
  descend(31, 0, 0, values);
  return found;
}

/** Patterns under which the rule accepts its argument. */
function accepting(rule: ArgumentRule): readonly Pattern[] {
  if ('noBits' in rule) return [{ mask: rule.noBits >>> 0, value: 0 }];
  if ('noneOf' in rule) return everythingBut(rule.noneOf);
  const mask = (WORD & ~(rule.ignore ?? 0)) >>> 0;
  return rule.oneOf.map((value) => ({ mask, value }));
}

function comparison(index: number, { mask, value }: Pattern): OciComparison {
  return { index, value: mask, valueTwo: value, op: 'SCMP_CMP_MASKED_EQ' };
}

/** Every combination of one accepting pattern per argument. */
function combinations(rules: readonly ArgumentRule[]): readonly (readonly OciComparison[])[] {
  return rules.reduce<readonly (readonly OciComparison[])[]>(
    (all, rule) =>
      all.flatMap((start) =>
        accepting(rule).map((pattern) => [...start, comparison(rule.argument, pattern)]),
      ),
    [[]],
  );
}

/** The answers that programs depend on; everything else that does not match gets the default, which refuses too. */
function refusals(name: string, rules: readonly ArgumentRule[]): readonly OciRule[] {
  const refuse = (argument: number, errnoRet: number, pattern: Pattern): OciRule => ({
    names: [name],
    action: 'SCMP_ACT_ERRNO',
    errnoRet,
    args: [comparison(argument, pattern)],
  });
  return rules.flatMap((rule) => {
    if ('noneOf' in rule)
      return rule.noneOf.map((value) => refuse(rule.argument, rule.errno, { mask: WORD, value }));
    if ('noBits' in rule)
      return bitsOf(rule.noBits).map((bit) => refuse(rule.argument, rule.errno, { mask: bit, value: bit }));
    if (rule.errno !== EAFNOSUPPORT) return [];
    return Array.from({ length: FAMILIES }, (_, family) => family)
      .filter((family) => !rule.oneOf.includes(family))
      .map((value) => refuse(rule.argument, rule.errno, { mask: WORD, value }));
  });
}

function bitsOf(word: number): readonly number[] {
  return Array.from({ length: 32 }, (_, bit) => (1 << bit) >>> 0).filter((bit) => (word & bit) !== 0);
}

/**
 * The same policy as `buildFilter`, for container engines. What is not allowed there is not allowed here; only the
 * error number of a refused argument may be ENOSYS instead of the exact one. A call of another architecture, x32
 * included, kills the process, as libseccomp does with calls outside `architectures`.
 */
export function ociProfile(architecture: Architecture): OciProfile {
  const known = syscallNumbers(architecture);
  const checked = Object.entries(CHECKED).filter(([name]) => known.has(name));
  const special = new Set([...ALLOWED, ...ABSENT, ...Object.keys(CHECKED)]);
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: ENOSYS,
    architectures: [ARCHITECTURES[architecture]],
    syscalls: [
      { names: ALLOWED.filter((name) => known.has(name)), action: 'SCMP_ACT_ALLOW' },
      {
        names: [...known.keys()].filter((name) => !special.has(name)),
        action: 'SCMP_ACT_ERRNO',
        errnoRet: EPERM,
      },
      ...checked.flatMap(([name, rules]) => [
        ...combinations(rules).map((args): OciRule => ({ names: [name], action: 'SCMP_ACT_ALLOW', args })),
        ...refusals(name, rules),
      ]),
    ],
  };
}
