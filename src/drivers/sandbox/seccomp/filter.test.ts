import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { interpret } from '../testing/interpreter.ts';
import { encode, MAX_INSTRUCTIONS } from './bpf.ts';
import {
  ANSWER_ALLOW,
  ANSWER_KILL_PROCESS,
  AUDIT_ARCH,
  answerErrno,
  buildFilter,
  filterBytes,
} from './filter.ts';
import { type Architecture, syscallNumbers } from './numbers.ts';
import { ABSENT, ALLOWED, CHECKED, EAFNOSUPPORT, ENOSYS, EPERM, EPROTONOSUPPORT } from './policy.ts';

const ARCHITECTURES: readonly Architecture[] = ['x86_64', 'aarch64'];
const PROGRAMS = new Map(ARCHITECTURES.map((architecture) => [architecture, buildFilter(architecture)]));

function numberOf(architecture: Architecture, name: string): number {
  const number = syscallNumbers(architecture).get(name);
  assert.ok(number !== undefined, `${name} is not a system call of ${architecture}`);
  return number;
}

function answer(architecture: Architecture, call: string | number, ...values: readonly number[]): number {
  const number = typeof call === 'string' ? numberOf(architecture, call) : call;
  const program = PROGRAMS.get(architecture) ?? [];
  return interpret(program, { arch: AUDIT_ARCH[architecture], number, arguments: values.map(BigInt) });
}

for (const architecture of ARCHITECTURES) {
  test(`${architecture}: every number there is gets the answer that the policy gives it`, () => {
    const names = new Map([...syscallNumbers(architecture)].map(([name, number]) => [number, name]));
    for (let number = 0; number < 1_000; number += 1) {
      const name = names.get(number);
      if (name !== undefined && Object.hasOwn(CHECKED, name)) continue;
      let expected = answerErrno(ENOSYS);
      if (name !== undefined && ALLOWED.includes(name)) expected = ANSWER_ALLOW;
      else if (name !== undefined && !ABSENT.includes(name)) expected = answerErrno(EPERM);
      assert.equal(answer(architecture, number), expected, `${name ?? 'unknown'} (${number})`);
    }
  });

  test(`${architecture}: a call of any other architecture kills the process`, () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), fc.nat(500), (arch, number) => {
        fc.pre(arch !== AUDIT_ARCH[architecture]);
        assert.equal(interpret(PROGRAMS.get(architecture) ?? [], { arch, number }), ANSWER_KILL_PROCESS);
      }),
    );
  });

  test(`${architecture}: no number beyond the known ones is ever allowed`, () => {
    fc.assert(
      fc.property(fc.integer({ min: 451, max: 0xffff_ffff }), (number) => {
        assert.notEqual(answer(architecture, number), ANSWER_ALLOW);
      }),
    );
  });

  test(`${architecture}: sandbox/socket families, types and protocols other than TCP, UDP and Unix: refused`, () => {
    fc.assert(
      fc.property(
        fc.nat(50),
        fc.nat(10),
        fc.constantFrom(0, 0x800, 0x8_0000, 0x8_0800),
        fc.nat(300),
        (domain, type, flags, protocol) => {
          let expected = ANSWER_ALLOW;
          if (![1, 2, 10].includes(domain)) expected = answerErrno(EAFNOSUPPORT);
          else if (type !== 1 && type !== 2) expected = answerErrno(EPROTONOSUPPORT);
          else if (![0, 6, 17].includes(protocol)) expected = answerErrno(EPROTONOSUPPORT);
          assert.equal(answer(architecture, 'socket', domain, type | flags, protocol), expected);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test(`${architecture}: sandbox/clone with any new-namespace flag: refused`, () => {
    const namespaces = [
      0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000,
    ];
    for (const flag of namespaces) assert.equal(answer(architecture, 'clone', flag | 17), answerErrno(EPERM));
    // What fork and pthread_create ask for.
    assert.equal(answer(architecture, 'clone', 0x0120_0011), ANSWER_ALLOW);
    assert.equal(answer(architecture, 'clone', 0x003d_0f00), ANSWER_ALLOW);
    assert.equal(answer(architecture, 'clone3', 0), answerErrno(ENOSYS));
  });

  test(`${architecture}: the upper half of an argument cannot hide its lower half`, () => {
    const program = PROGRAMS.get(architecture) ?? [];
    const arch = AUDIT_ARCH[architecture];
    const ioctl = numberOf(architecture, 'ioctl');
    for (const request of [0x5412n, 0x541cn, 0x5423n]) {
      const hidden = { arch, number: ioctl, arguments: [0n, (0xdead_beefn << 32n) | request] };
      assert.equal(interpret(program, hidden), answerErrno(EPERM));
    }
    assert.equal(answer(architecture, 'ioctl', 0, 0x5413), ANSWER_ALLOW);
  });

  test(`${architecture}: sandbox/mode that sets the user or group id: refused`, () => {
    const modes = { openat: 3, fchmod: 1, fchmodat: 2, mknodat: 2 };
    const all = architecture === 'x86_64' ? { ...modes, open: 2, creat: 1, chmod: 1, mknod: 1 } : modes;
    for (const [name, at] of Object.entries(all)) {
      const call = (mode: number) => answer(architecture, name, ...[0, 0, 0, 0].with(at, mode));
      for (const mode of [0o4755, 0o2755, 0o6000, 0o104755])
        assert.equal(call(mode), answerErrno(EPERM), name);
      for (const mode of [0, 0o644, 0o1777, 0o100644]) assert.equal(call(mode), ANSWER_ALLOW, name);
    }
  });

  test(`${architecture}: personality only asks or sets the plain one`, () => {
    assert.equal(answer(architecture, 'personality', 0), ANSWER_ALLOW);
    assert.equal(answer(architecture, 'personality', 0xffff_ffff), ANSWER_ALLOW);
    assert.equal(answer(architecture, 'personality', 0x0040_0000), answerErrno(EPERM));
  });

  test(`${architecture}: the program is encoded as the kernel reads it and fits its limit`, () => {
    const program = buildFilter(architecture);
    assert.ok(program.length < MAX_INSTRUCTIONS);
    const bytes = filterBytes(architecture);
    assert.deepEqual(bytes, encode(program));
    assert.equal(bytes.length, program.length * 8);
    assert.deepEqual([...bytes.subarray(0, 8)], [0x20, 0, 0, 0, 4, 0, 0, 0]);
  });
}

test('sandbox/x32 system call: refused', () => {
  for (const name of ['read', 'socket', 'ptrace', 'execve'])
    assert.equal(answer('x86_64', 0x4000_0000 + numberOf('x86_64', name)), answerErrno(EPERM));
});

test('every name in the policy is a system call of x86_64 or aarch64', () => {
  const known = new Set(ARCHITECTURES.flatMap((architecture) => [...syscallNumbers(architecture).keys()]));
  for (const name of [...ALLOWED, ...ABSENT, ...Object.keys(CHECKED)]) assert.ok(known.has(name), name);
});
