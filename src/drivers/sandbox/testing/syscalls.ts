import { arch } from 'node:process';
import { syscallNumbers } from '../seccomp/numbers.ts';
import type { RunChange, SandboxFixture } from './fixture.ts';

export const HOST_NUMBERS = syscallNumbers(arch === 'arm64' ? 'aarch64' : 'x86_64');

/** Make one system call from inside, in Perl, which every Debian has; resolves to its errno, 0 when it worked. */
export async function errnoInside(
  fixture: SandboxFixture,
  call: string | number,
  values: readonly (number | string)[] = [],
  change: RunChange = {},
): Promise<number> {
  const number = typeof call === 'number' ? call : HOST_NUMBERS.get(call);
  if (number === undefined) throw new Error(`${call} is not a system call of this machine`);
  const list = [number, ...values.map((value) => (typeof value === 'string' ? `"${value}"` : value))].join(
    ', ',
  );
  const script = `my @call = (${list}); my $r = syscall(shift @call, @call); print $r == -1 ? $!+0 : 0;`;
  const { out, err } = await fixture.run(['/usr/bin/perl', '-e', script], change);
  if (!/^\d+$/.test(out)) throw new Error(`perl said: ${out} ${err}`);
  return Number(out);
}
