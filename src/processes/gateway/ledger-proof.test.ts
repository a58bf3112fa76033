import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VerifyReport } from '../../controls/trace/types.ts';
import { LedgerProof, PROOF_AGE_MS } from './ledger-proof.ts';

const REPORT = { ok: true, records: 1, checkpoints: 0, writers: [], problems: [] } as unknown as VerifyReport;

function setUp() {
  let now = 0;
  let proofs = 0;
  const ledger = {
    verify: async () => {
      proofs += 1;
      return REPORT;
    },
  };
  const proof = new LedgerProof(ledger, { now: () => 0, monotonic: () => now });
  return { proof, proofs: () => proofs, wait: (ms: number) => (now += ms) };
}

test('looks at the posture share one proof until it is too old', async () => {
  const { proof, proofs, wait } = setUp();
  await Promise.all([proof.report(PROOF_AGE_MS), proof.report(PROOF_AGE_MS)]);
  assert.equal(proofs(), 1);
  wait(PROOF_AGE_MS - 1);
  await proof.report(PROOF_AGE_MS);
  assert.equal(proofs(), 1);
  wait(1);
  await proof.report(PROOF_AGE_MS);
  assert.equal(proofs(), 2);
});

test('whoever asks for a new proof gets one', async () => {
  const { proof, proofs } = setUp();
  await proof.report(PROOF_AGE_MS);
  await proof.report(0);
  assert.equal(proofs(), 2);
});
