import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { withoutTokens } from '../../controls/secrets/index.ts';
import { createLedger, openLedgerReader } from '../../controls/trace/index.ts';
import { GATEWAY_PID_VARIABLE } from '../../drivers/egress-client/keeper.ts';
import { watchFile } from '../../drivers/os/watch-file.ts';
import { createResolver } from '../../drivers/resolver/index.ts';
import { openConnection } from '../../drivers/sqlite/connection.ts';
import type { HomePaths } from '../../operations/services.ts';
import { honeytokenFile } from '../home.ts';
import { errorStreamLogger } from '../logger.ts';
import type { Program } from '../program.ts';
import { systemClock } from '../system.ts';
import { openGrantSource } from './grant-source.ts';
import { loadInputs } from './inputs.ts';
import { type EgressLedger, type RunningEgress, runEgress } from './run.ts';

/** Milliseconds to wait for an earlier egress to let go of its chain of the ledger. */
const LEDGER_LOCK_MS = 10_000;

/** Compose egress from the real parts. */
export function startEgress(program: Program, paths: HomePaths): Promise<RunningEgress> {
  return runEgress({
    paths,
    version: program.version,
    variables: process.env,
    gatewayPid: Number(process.env[GATEWAY_PID_VARIABLE]) || 0,
    clock: systemClock,
    openLogger: (redact) => errorStreamLogger('egress', redact),
    resolver: createResolver(),
    honeytokens: honeytokenFile(paths),
    load: () => loadInputs(program, process.env),
    watchPolicy: (onChange) => watchFile(join(paths.policy, 'egress.yaml'), onChange),
    openGrants: () => openGrantSource(join(paths.state, 'state.db'), join(paths.state, 'ledger.db')),
    usedSince: (time) => bytesByAgent(join(paths.state, 'state.db'), time),
    telemetry: {
      folder: join(paths.state, 'export'),
      openReader: () => openLedgerReader(openConnection(join(paths.state, 'ledger.db'), { readOnly: true })),
    },
    openLedger: async (_key, redact) => openEgressLedger(paths, redact),
  });
}

const HOUR_MS = 3_600_000;

/** The gateway's hourly totals, which are made from egress's own chain; none on a new home. */
function bytesByAgent(path: string, since: number): ReadonlyMap<string, number> {
  if (!existsSync(path)) return new Map();
  const state = openConnection(path, { readOnly: true });
  try {
    const rows = state
      .prepare(
        'SELECT agent, sum(sent + received) AS bytes FROM egress_traffic WHERE hour >= ? GROUP BY agent',
      )
      .all(Math.floor(since / HOUR_MS));
    return new Map(rows.map(({ agent, bytes }) => [String(agent), Number(bytes)]));
  } catch {
    // A home of an earlier version: the gateway makes the table at its start.
    return new Map();
  } finally {
    state.close();
  }
}

/** Egress signs when the gateway asks; two processes that make checkpoints would not make one chain of them. */
function openEgressLedger(paths: HomePaths, redact: (text: string) => string): EgressLedger {
  const raw = openConnection(join(paths.state, 'ledger.db'));
  const ledger = createLedger({
    raw,
    writer: 'egress',
    clock: systemClock,
    redact: (text) => withoutTokens(redact(text)),
    lockWaitMs: LEDGER_LOCK_MS,
  });
  return {
    append: (event, options) => ledger.append(event, options),
    async close() {
      await ledger.close();
      raw.close();
    },
  };
}
