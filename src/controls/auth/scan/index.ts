import { Collector } from './collector.ts';
import { scanProcesses } from './processes.ts';
import { SCAN_BOUNDS, type ScanBounds, type ScanReport } from './types.ts';
import { scanPath } from './walk.ts';

export interface ScanRequest {
  /** Files and folders as the caller sees them. */
  readonly paths: readonly string[];
  /** Also environments and arguments of this account's processes. */
  readonly processes?: boolean;
  readonly signal: AbortSignal;
  readonly bounds?: Partial<ScanBounds>;
}

/**
 * Find well-formed Gatehouse tokens in files, archives and processes of whoever calls this (A8). It knows no token:
 * whether one is live is for the gateway to say, which gets digests and never a path to read.
 *
 * @throws the signal's reason
 */
export async function scanForTokens(request: ScanRequest): Promise<ScanReport> {
  const collector = new Collector({ ...SCAN_BOUNDS, ...request.bounds });
  for (const path of request.paths) {
    await scanPath(collector, path, request.signal);
    collector.endFile();
  }
  if (request.processes === true) await scanProcesses(collector, request.signal);
  return collector.report();
}
