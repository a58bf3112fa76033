import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { interpret } from '../testing/interpreter.ts';
import { ANSWER_ALLOW, AUDIT_ARCH, buildFilter } from './filter.ts';
import { type Architecture, syscallNumbers } from './numbers.ts';
import { type OciProfile, type OciRule, ociProfile } from './oci.ts';
import { CHECKED } from './policy.ts';

const ARCHITECTURES: readonly Architecture[] = ['x86_64', 'aarch64'];
const ARGUMENTS = 6;

function holds(rule: OciRule, values: readonly bigint[]): boolean {
  return (rule.args ?? []).every(
    ({ index, value, valueTwo }) => ((values[index] ?? 0n) & BigInt(value)) === BigInt(valueTwo),
  );
}

/** What libseccomp makes of a profile: a rule that holds decides, otherwise the default. */
function allows(profile: OciProfile, name: string, values: readonly bigint[]): boolean {
  const matching = profile.syscalls.filter((rule) => rule.names.includes(name) && holds(rule, values));
  const actions = new Set(matching.map(({ action }) => action));
  assert.ok(actions.size <= 1, `${name} is allowed and refused at once for ${values.join()}`);
  return actions.has('SCMP_ACT_ALLOW');
}

/** Values at which rules change their mind, with and without something in the upper half. */
const word = fc.oneof(
  fc.nat(64).map(BigInt),
  fc.constantFrom(
    0x5412n,
    0x541cn,
    0x5423n,
    0x5413n,
    0x80801n,
    0x80002n,
    0xffff_ffffn,
    0x0002_0011n,
    0o4755n,
  ),
  fc.bigInt({ min: 0n, max: 0xffff_ffffn }),
);
const value = fc
  .tuple(word, fc.constantFrom(0n, 1n << 32n, 0xdead_beefn << 32n))
  .map(([low, high]) => low | high);

for (const architecture of ARCHITECTURES) {
  const profile = ociProfile(architecture);
  const program = buildFilter(architecture);
  const numbers = syscallNumbers(architecture);
  const bpf = (name: string, values: readonly bigint[]) =>
    interpret(program, {
      arch: AUDIT_ARCH[architecture],
      number: numbers.get(name) ?? -1,
      arguments: values,
    }) === ANSWER_ALLOW;

  test(`${architecture}: the profile for container engines allows exactly what the filter of bubblewrap allows`, () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.constantFrom(...numbers.keys()),
          fc.constantFrom(...Object.keys(CHECKED).filter((name) => numbers.has(name))),
        ),
        fc.array(value, { minLength: ARGUMENTS, maxLength: ARGUMENTS }),
        (name, values) => {
          assert.equal(allows(profile, name, values), bpf(name, values), name);
        },
      ),
      { numRuns: 5_000 },
    );
  });

  test(`${architecture}: no rule compares one argument twice, which some runtimes read as "either"`, () => {
    for (const { args = [] } of profile.syscalls)
      assert.equal(new Set(args.map(({ index }) => index)).size, args.length);
  });

  test(`${architecture}: only its own architecture is listed, and what is not named is refused`, () => {
    assert.equal(profile.architectures.length, 1);
    assert.equal(profile.defaultAction, 'SCMP_ACT_ERRNO');
    assert.equal(allows(profile, 'a_call_of_next_year', []), false);
  });
}
