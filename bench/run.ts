// `npm run bench [-- name ...] [--no-peer] [--all]`: prints one table per part; every figure beside a peer or a limit of
// the same run.
import { benchDoctor, doctorTable } from './doctor.ts';
import { benchEgress } from './egress.ts';
import { benchGateways, type GatewayFigures } from './gateways.ts';
import { benchHonest } from './honest.ts';
import { benchInterception } from './interception.ts';
import { benchLedger } from './ledger.ts';
import { benchMasking } from './masking.ts';
import { benchPolicy } from './policy.ts';
import { benchRotation } from './rotation.ts';
import { benchRuns } from './runs.ts';
import { benchSandbox } from './sandbox.ts';
import { benchSlow } from './slow.ts';
import { benchSockets } from './sockets.ts';

const ROWS: readonly (readonly [keyof GatewayFigures, string, number, boolean])[] = [
  ['readyMs', 'start to ready, ms', 1 / 20, false],
  ['restRssMb', 'memory at rest, all processes, RSS MB', 1 / 7, false],
  ['restPssMb', 'memory at rest, all processes, PSS MB', 1 / 7, false],
  ['afterTurnsRssMb', 'memory after 200 turns, RSS MB', 1 / 7, false],
  ['diskMb', 'installed size, MB', 1 / 8, false],
  ['turnOverheadMs', 'added to a turn, ms', 1 / 40, false],
  ['turnsPerSecond', 'turns per second, 8 at once', 1, true],
];

function show(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}

function gatewayTable(ours: GatewayFigures, peer: GatewayFigures | undefined): void {
  console.log('\nGateway against OpenClaw 2026.9.6');
  for (const [key, title, aim, moreIsBetter] of ROWS) {
    const theirs = peer?.[key];
    const ratio = theirs === undefined ? undefined : ours[key] / theirs;
    const verdict =
      ratio === undefined
        ? ''
        : moreIsBetter
          ? `${ratio.toFixed(1)} times`
          : `1/${(1 / ratio).toFixed(1)} (aim 1/${(1 / aim).toFixed(0)})`;
    console.log(
      `  ${title.padEnd(42)}${show(ours[key]).padStart(9)}${(theirs === undefined ? '-' : show(theirs)).padStart(9)}  ${verdict}`,
    );
  }
}

function table(title: string, figures: Readonly<Record<string, number>>): void {
  console.log(`\n${title}`);
  for (const [name, value] of Object.entries(figures))
    console.log(`  ${name.padEnd(42)}${show(value).padStart(9)}`);
}

const names = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const withPeer = !process.argv.includes('--no-peer');
const wanted = (name: string) => names.length === 0 || names.includes(name);

if (wanted('sandbox')) table('Sandbox against bare hardened bubblewrap', await benchSandbox());
if (wanted('runs')) table('A run by every way', await benchRuns());
if (wanted('honest')) table('npm ci && npm test of a project with 60 packages', await benchHonest());
if (wanted('masking')) table('Masking on a tree of 10,000 files', await benchMasking());
if (wanted('ledger')) table('Ledger against bare SQLite and bare SHA-256', await benchLedger());
if (wanted('egress')) table('Egress against a bare TCP relay', await benchEgress(withPeer));
if (wanted('interception')) table('Judged requests against a bare TLS proxy', await benchInterception());
if (wanted('policy')) table('Decisions', benchPolicy());
if (wanted('rotation')) table('A rotation under load', await benchRotation());
if (wanted('sockets')) table('Sockets against a bare ws server and OpenClaw', await benchSockets(withPeer));
if (wanted('doctor')) doctorTable(await benchDoctor(withPeer));
if (wanted('slow')) await benchSlow(process.argv.includes('--all'));
if (wanted('gateway')) {
  const { ours, peer } = await benchGateways(withPeer);
  gatewayTable(ours, peer);
}
