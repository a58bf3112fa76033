import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { diskOf, start } from './measure.ts';
import { installPeer, PEER_PATH } from './peers.ts';

export const MODEL_PORT = 28_811;
export const MODELS = { baseUrl: `http://127.0.0.1:${MODEL_PORT}/v1`, api: 'openai-completions' };

/** A gateway that is measured. */
export interface Candidate {
  readonly url: string;
  readonly model: string;
  readonly diskMb: number;
  launch(): { readonly pid: number; readonly output: () => string; end(): Promise<void> };
  token(output: string): string;
  /** Its command line, as a person types it on this home. */
  readonly command: { readonly argv: readonly string[]; readonly env: NodeJS.ProcessEnv };
}

/** OpenClaw from npm, installed once below bench/peers. */
export function openclaw(folder: string): Candidate {
  const peer = installPeer('openclaw', '2026.9.6');
  const bin = join(peer, 'node_modules', '.bin', 'openclaw');
  const home = join(folder, 'openclaw');
  mkdirSync(join(home, '.openclaw'), { recursive: true });
  const token = 'bench'.repeat(8);
  const model = { id: 'm', name: 'm', contextWindow: 200_000, maxTokens: 4_096 };
  const config = {
    gateway: {
      mode: 'local',
      port: 28_813,
      bind: 'loopback',
      auth: { mode: 'token', token },
      http: { endpoints: { chatCompletions: { enabled: true } } },
    },
    models: { providers: { bench: { ...MODELS, apiKey: 'none', models: [model] } } },
    agents: { defaults: { model: { primary: 'bench/m' } } },
  };
  writeFileSync(join(home, '.openclaw', 'openclaw.json'), JSON.stringify(config));
  return {
    url: 'http://127.0.0.1:28813',
    model: 'openclaw',
    get diskMb() {
      return diskOf(join(peer, 'node_modules'));
    },
    launch: () => start(bin, ['gateway', 'run'], { PATH: PEER_PATH, HOME: home }),
    token: () => token,
    command: { argv: [bin], env: { PATH: PEER_PATH, HOME: home, NO_COLOR: '1' } },
  };
}
