import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Attestation } from '../../controls/trace/index.ts';
import { controlsOf, FRAMEWORKS } from './frameworks.ts';
import { attestationHtml } from './html.ts';
import { attestationPage } from './page.ts';
import { attestationPdf } from './pdf.ts';

const HOSTILE = `</td><script>alert(1)</script>" ) Tj (\\) ${'x'.repeat(300)} \u202e zürich`;

function attestation(change: Partial<Attestation> = {}): Attestation {
  return {
    install: { name: 'gate-1', version: '1.0.0', node: 'v24.0.0' },
    at: '2026-11-28T01:02:03.000Z',
    by: 'alice',
    renewal: '2027-01-31',
    owners: [{ what: 'playbook default', owner: 'alice', review: '2027-01-31' }],
    posture: [
      {
        area: 'listen',
        required: 'loopback',
        measured: '127.0.0.1:1',
        holds: true,
        evidence: 'inventory',
        renewal: null,
      },
      {
        area: 'egress',
        required: 'one way out',
        measured: 'none',
        holds: false,
        evidence: 'egress check',
        renewal: '2027-01-31',
      },
    ],
    checks: [{ name: 'drills', at: null, result: 'none were run', passed: false }],
    grants: [],
    ledger: { records: 10, checkpoints: 2, head: 'gateway#10:abc' },
    digests: { configuration: 'a'.repeat(64) },
    controls: controlsOf(['soc2'], new Map([['listen', true]])),
    ...change,
  };
}

/** What a PDF reader finds on the page. */
function readPdf(bytes: Uint8Array): { readonly text: string; readonly pages: number } {
  const folder = mkdtempSync(join(tmpdir(), 'gh-pdf-'));
  try {
    const file = join(folder, 'page.pdf');
    writeFileSync(file, bytes);
    const info = spawnSync('pdfinfo', [file], { encoding: 'utf8' });
    assert.equal(info.stderr, '');
    const text = spawnSync('pdftotext', ['-layout', file, '-'], { encoding: 'utf8' });
    assert.equal(text.status, 0, text.stderr);
    return { text: text.stdout, pages: Number(/^Pages:\s+(\d+)$/m.exec(info.stdout)?.[1]) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('the page of an attestation', () => {
  test('says what does not hold before anything else', () => {
    const { verdict } = attestationPage(attestation(), 'k');
    assert.deepEqual(verdict, { holds: false, text: 'Not everything holds: egress, drills.' });
  });

  test('an area that nobody measured leaves the controls that need it open', () => {
    for (const framework of FRAMEWORKS)
      assert.ok(
        controlsOf([framework], new Map()).every(({ holds }) => !holds),
        framework,
      );
  });

  test('as HTML holds no script of anybody and loads nothing', () => {
    const html = attestationHtml(
      attestationPage(
        attestation({ by: HOSTILE, owners: [{ what: HOSTILE, owner: HOSTILE, review: null }] }),
        'k',
      ),
    );
    assert.ok(!html.includes('<script'));
    assert.ok(!/\b(?:src|href)=/.test(html));
    assert.match(html, /default-src 'none'/);
  });

  test('as PDF is one page that a reader can read, with names that try to break out of it', () => {
    const { text, pages } = readPdf(attestationPdf(attestationPage(attestation({ by: HOSTILE }), 'k')));
    assert.equal(pages, 1);
    assert.match(text, /Posture of gate-1/);
    assert.match(text, /Not everything holds: egress, drills\./);
  });

  test('as PDF stays one page however many owners and grants there are', () => {
    const owners = Array.from({ length: 500 }, (_, n) => ({
      what: `principal p${n}`,
      owner: 'somebody',
      review: null,
    }));
    const grants = Array.from({ length: 500 }, (_, n) => ({
      id: `g${n}`,
      what: HOSTILE,
      owner: 'a',
      ticket: 't',
      expires: '2027-01-01T00:00:00Z',
    }));
    const page = attestationPage(
      attestation({ owners, grants, controls: controlsOf(FRAMEWORKS, new Map()) }),
      'k',
    );
    const { text, pages } = readPdf(attestationPdf(page));
    assert.equal(pages, 1);
    assert.match(text, /and 492 more in the signed file/);
    assert.match(text, /Signed with key k/);
  });
});
