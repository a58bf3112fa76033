import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { event, hasCode, scratchLedger } from '../testing/scratch.ts';
import type { EvidenceOrder } from './page.ts';
import { verifyEvidence } from './verify.ts';
import { beginEvidence, continueEvidence } from './write.ts';

const SOURCE = { version: '1.0.0', hostname: 'gate' };
const ALL = { since: 0, until: Number.MAX_SAFE_INTEGER };

async function* each(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}

/** A ledger of three writers and several checkpoints. */
async function world(records = 40) {
  const scratch = scratchLedger();
  const ledgers = [scratch.open(), scratch.open({ writer: 'egress' }), scratch.open({ writer: 'cli' })];
  for (let number = 0; number < records; number++) {
    scratch.time += 1_000;
    await ledgers[number % 3]?.append(event(number));
    if (number % 10 === 9) await ledgers[0]?.checkpoint();
  }
  const evidence = (order: Partial<EvidenceOrder> = {}): string[] => {
    let page = beginEvidence(scratch.raw, { ...ALL, format: 'ocsf', ...order }, SOURCE, scratch.time);
    const lines = [...page.lines];
    while (page.next !== null) {
      page = continueEvidence(scratch.raw, page.next, SOURCE);
      lines.push(...page.lines);
    }
    return lines;
  };
  const prove = (lines: readonly string[]) => verifyEvidence(each(lines), scratch.publicKeys);
  return { scratch, ledger: ledgers[0], evidence, prove, [Symbol.dispose]: () => scratch[Symbol.dispose]() };
}

for (const format of ['ocsf', 'json'] as const) {
  test(`evidence in ${format} is proven with the public key alone`, async () => {
    using home = await world();
    const lines = home.evidence({ format });
    const report = await home.prove(lines);
    assert.deepEqual([report.ok, report.problems, report.records, report.unsigned], [true, [], 40, 0]);
    assert.equal(lines.length, 42);
  });
}

test('evidence of a time holds each chain without a gap and on to the next signature', async () => {
  using home = await world();
  const [since, until] = [1_800_000_012_000, 1_800_000_016_000];
  const lines = home.evidence({ since, until });
  const report = await home.prove(lines);
  assert.deepEqual([report.ok, report.since, report.until], [true, since, until]);
  // From record 12 on, as asked, to record 20, where the next checkpoint is.
  assert.equal(report.records, 9);
});

test('evidence that was made before anything was signed is not believed', async () => {
  using home = await world(5);
  const report = await home.prove(home.evidence());
  assert.equal(report.ok, false);
  assert.ok(report.problems.every(({ code }) => code === 'LEDGER_SIGNATURE_BAD'));
});

test('evidence under another key is not believed', async () => {
  using home = await world();
  using other = scratchLedger();
  const report = await verifyEvidence(each(home.evidence()), other.publicKeys);
  assert.equal(report.ok, false);
  assert.deepEqual(
    report.problems.map(({ code }) => code).filter((code) => code !== 'LEDGER_SIGNATURE_BAD'),
    [],
  );
});

test('whatever is changed in a file of evidence is found', async () => {
  using home = await world();
  for (const format of ['ocsf', 'json'] as const) {
    const lines = home.evidence({ format });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('bit', 'drop', 'swap', 'repeat', 'cut' as const),
        fc.nat({ max: lines.length - 1 }),
        fc.nat(),
        fc.nat({ max: 6 }),
        async (how, at, place, bit) => {
          const changed = [...lines];
          const line = lines[at] ?? '';
          if (how === 'bit') {
            const bytes = Buffer.from(line);
            const index = place % bytes.length;
            bytes[index] = (bytes[index] ?? 0) ^ (1 << bit);
            const text = bytes.toString('latin1');
            // Times and the host in the first line are what the file says of itself; they are not of the ledger.
            fc.pre(at > 0);
            changed[at] = bytes.toString('utf8');
            fc.pre(!text.includes('\n'));
          } else if (how === 'drop') changed.splice(at, 1);
          else if (how === 'repeat') changed.splice(at, 0, line);
          else if (how === 'cut') changed.splice(at);
          else {
            const other = place % lines.length;
            fc.pre(lines[other] !== line);
            // Records of different writers stand in no order that a chain could hold.
            fc.pre(
              at === 0 ||
                other === 0 ||
                /"evidence"/.test(line) ||
                /"evidence"/.test(lines[other] ?? '') ||
                sameWriter(line, lines[other] ?? ''),
            );
            [changed[at], changed[other]] = [lines[other] ?? '', line];
          }
          const ok = await home.prove(changed).then(
            (report) => report.ok,
            (thrown: unknown) => {
              assert.ok(hasCode('LEDGER_EVIDENCE_INVALID')(thrown), String(thrown));
              return false;
            },
          );
          assert.equal(ok, false, `${how} ${at}`);
        },
      ),
      { numRuns: 150 },
    );
  }
});

function sameWriter(one: string, other: string): boolean {
  const writer = /"writer":"([a-z]+)"/;
  return writer.exec(one)?.[1] === writer.exec(other)?.[1];
}

test('records that somebody adds behind the signed end are named', async () => {
  using home = await world(41);
  await home.ledger?.checkpoint();
  const lines = home.evidence();
  assert.equal((await home.prove(lines)).ok, true);
  const [head = '', ...rest] = lines;
  const header = JSON.parse(head) as { ranges: { writer: string; to: number }[] };
  for (const range of header.ranges) range.to += 1;
  const report = await home.prove([JSON.stringify(header), ...rest]);
  assert.equal(report.problems[0]?.code, 'LEDGER_TRUNCATED');
});

test('a file that is no evidence is refused by name', async () => {
  for (const lines of [[], ['{}'], ['nonsense'], ['{"evidence":"gatehouse-ledger-evidence-1"}']]) {
    await assert.rejects(verifyEvidence(each(lines), {}), hasCode('LEDGER_EVIDENCE_INVALID'));
  }
});
