import { hostname } from 'node:os';
import { type Sighting, scanner } from '../../controls/auth/index.ts';
import type { IdentifiedToken } from '../../controls/auth/types.ts';
import { MAX_IDENTIFIED, MAX_PLACE_CHARS, tokenIdentify } from '../../operations/token/identify.ts';
import { CLI_CODES } from './codes.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit.ts';
import type { GivenOptions } from './input.ts';
import { scanLines } from './render/scan.ts';
import { placeOf, type ScanFinding, type ScanResult } from './scan-result.ts';

function findingOf(
  { digest, ...sighting }: Sighting,
  known: ReadonlyMap<string, IdentifiedToken>,
): ScanFinding {
  const token = known.get(digest);
  if (token === undefined)
    return { ...sighting, status: 'unknown', name: null, version: null, kind: null, owner: null, why: null };
  const { name, version, kind, owner, retired } = token;
  const status = retired === undefined ? 'live' : 'retired';
  return { ...sighting, status, name, version, kind, owner, why: retired ?? null };
}

/** Ask the gateway whose tokens these are. It gets digests and places as texts, and reads nothing of ours. */
async function identify({ invoke }: Command, sightings: readonly Sighting[]) {
  const known = new Map<string, IdentifiedToken>();
  const host = hostname();
  for (let at = 0; at < sightings.length; at += MAX_IDENTIFIED) {
    const found = sightings
      .slice(at, at + MAX_IDENTIFIED)
      .map((one) => ({ digest: one.digest, place: `${host}: ${placeOf(one)}`.slice(0, MAX_PLACE_CHARS) }));
    const { tokens } = (await invoke(tokenIdentify, { found })) as { tokens: readonly IdentifiedToken[] };
    for (const token of tokens) known.set(token.digest, token);
  }
  return known;
}

function exitOf({ findings, complete }: ScanResult): number {
  if (findings.some(({ status }) => status === 'live')) return EXIT.findings;
  return complete ? EXIT.ok : EXIT.failed;
}

/**
 * `token scan`: the files are read here, by the account that typed the command and with its rights.
 *
 * @throws CLI_USAGE, CLI_INTERRUPTED, or what the gateway answered
 */
export async function runTokenScan(
  command: Command,
  words: readonly (string | undefined)[],
  given: GivenOptions,
): Promise<number> {
  const { io, output, invoke } = command;
  const paths = words.filter((word) => word !== undefined);
  const processes = given['processes'] === true;
  if (paths.length === 0 && !processes)
    throw CLI_CODES.error('CLI_USAGE', 'name files or folders, or give --processes');
  if (processes && process.platform !== 'linux')
    throw CLI_CODES.error('CLI_USAGE', '--processes needs /proc, which only Linux has');
  // Whether it may be asked is known before an hour of reading, not after it.
  await invoke(tokenIdentify, { found: [] });
  const stop = new AbortController();
  const forget = io.onInterrupt(() => stop.abort(CLI_CODES.error('CLI_INTERRUPTED')));
  try {
    const { scanForTokens } = await scanner();
    const { sightings, sightingsBeyond, ...report } = await scanForTokens({
      paths,
      processes,
      signal: stop.signal,
    });
    const known = await identify(command, sightings);
    const findings = sightings.map((one) => findingOf(one, known));
    const result: ScanResult = { findings, findingsBeyond: sightingsBeyond, ...report };
    if (given['json'] === true) output.document(result);
    else output.lines(scanLines(result, output.view));
    return exitOf(result);
  } finally {
    forget();
  }
}
