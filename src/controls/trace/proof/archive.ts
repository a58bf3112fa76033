import { createHash } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { OcsfSource } from '../ocsf/source.ts';
import type { EvidenceRange } from './page.ts';
import { beginArchive, continueEvidence } from './write.ts';

/**
 * Write a part of a chain as evidence into a folder, durable before this resolves. A crash leaves a draft, which the
 * next try replaces; the same part gets the same name.
 *
 * @returns SHA-256 of the file
 */
export async function archiveRange(
  raw: DatabaseSync,
  range: EvidenceRange,
  folder: string,
  source: OcsfSource,
  now: number,
): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, `ledger-${range.writer}-${range.from}-${range.to}.jsonl`);
  const draft = `${path}.draft`;
  await rm(draft, { force: true });
  const digest = createHash('sha256');
  const file = await open(draft, 'wx', 0o600);
  try {
    let page = beginArchive(raw, range, source, now);
    for (;;) {
      const text = page.lines.map((line) => `${line}\n`).join('');
      digest.update(text);
      await file.appendFile(text);
      if (page.next === null) break;
      page = continueEvidence(raw, page.next, source);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  const directory = await open(folder, 'r');
  await directory.sync().finally(() => directory.close());
  return digest.digest('hex');
}
