import { compileEgressRules, compileEgressTable, judgeAuthority } from '../src/controls/egress/index.ts';
import { authorityOf, decide } from '../src/kernel/index.ts';
import { median } from './measure.ts';

const SIZES = [100, 10_000];
const DECISIONS = 20_000;
const ROUNDS = 15;
/** Exact and wildcard rules in two layers and in the table of rules. */
const LOOK_UPS = 6;

/** A policy of so many rules, half of them wildcards, and a decision as egress makes it for one of its hosts. */
function deciderOf(size: number): (index: number) => boolean {
  const specs = Array.from({ length: size }, (_, i) => ({
    id: `r${i}`,
    host: i % 2 === 0 ? `h${i}.example.org` : `*.d${i}.example.org`,
    port: 443,
    class: 'other' as const,
  }));
  const authority = authorityOf(
    { id: 'ceiling', rules: compileEgressRules(specs) },
    { id: 'playbook:bench', rules: compileEgressRules(specs) },
  );
  const table = compileEgressTable(specs);
  const hosts = specs.map(({ host }) => `${host.replace('*', 'a')}:443`);
  return (index) => {
    const judged = judgeAuthority(hosts[(index * 7_919) % hosts.length] ?? '');
    if (!judged.ok) return false;
    const { host, port } = judged.target;
    const action = { kind: 'net.connect', host, port: String(port) } as const;
    const { effect } = decide(authority, { principal: 'bench' }, action, 0);
    return effect === 'allow' && table.find(judged.target, 0) !== undefined;
  };
}

/** The limit of memory: what a decision has to look up, in bare maps of as many entries that lie as far apart. */
function lookerOf(size: number): (index: number) => boolean {
  const maps = Array.from({ length: LOOK_UPS }, (_, map) => {
    const filled = new Map<string, readonly { readonly map: number; readonly i: number }[]>();
    for (let i = 0; i < size; i += 1) filled.set(`h${i}.example.org`, [{ map, i }]);
    return filled;
  });
  const hosts = Array.from({ length: size }, (_, i) => `h${i}.example.org:443`);
  return (index) => {
    const host = hosts[(index * 7_919) % size] ?? '';
    const name = host.slice(0, host.lastIndexOf(':'));
    return maps.every((map) => map.get(name)?.[0] !== undefined);
  };
}

function microseconds(decider: (index: number) => boolean): number {
  // Processor time: what others do on the machine meanwhile is not part of a decision.
  const before = process.cpuUsage();
  for (let i = 0; i < DECISIONS; i += 1) if (!decider(i)) throw new Error('a listed host was refused');
  const { user, system } = process.cpuUsage(before);
  return (user + system) / DECISIONS;
}

/** Microseconds of one egress decision, from the raw text to the rule, with few and with many rules. */
export function benchPolicy(): Record<string, number> {
  const measured = [...SIZES.map(deciderOf), ...SIZES.map(lookerOf)];
  const times = measured.map(() => [] as number[]);
  for (const one of measured) microseconds(one);
  for (let round = 0; round < ROUNDS; round += 1) {
    measured.forEach((one, i) => times[i]?.push(microseconds(one)));
  }
  const [few = [], many = [], bareFew = [], bareMany = []] = times;
  return {
    'decision against 100 rules, µs': median(few),
    'decision against 10,000 rules, µs': median(many),
    'growth from 100 to 10,000 rules': median(many.map((value, i) => value / (few[i] ?? Number.NaN))),
    'growth, µs': median(many.map((value, i) => value - (few[i] ?? Number.NaN))),
    'bare map look-ups, 100 entries, µs': median(bareFew),
    'bare map look-ups, 10,000 entries, µs': median(bareMany),
    'growth of the bare look-ups, µs': median(bareMany.map((value, i) => value - (bareFew[i] ?? Number.NaN))),
  };
}
