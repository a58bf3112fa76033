import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import type { AgentPolicy } from '../../agents/types.ts';
import type { EffectiveConfig, ProviderConfig } from '../../configuration/types.ts';
import type { RuntimeService } from '../../operations/services.ts';
import { writeWelcome } from './welcome.ts';

const PROVIDERS = [
  { id: 'openai', api: 'openai-completions' },
  { id: 'rehearsal', api: 'rehearsal' },
] as ProviderConfig[];

async function welcome(
  models: readonly string[],
  turns = { interrupted: [''], resumed: [''] },
): Promise<string> {
  const out = new PassThrough();
  await writeWelcome({
    program: {
      root: '/opt/node_modules/gatehouse',
      entry: '/opt/node_modules/gatehouse/bin/g.mjs',
      version: '1',
    },
    runtime: { posture: async () => [] } as unknown as RuntimeService,
    config: {
      providers: PROVIDERS,
      defaultAgent: 'main',
      agents: new Map([['main', { models } as AgentPolicy]]),
    } as unknown as EffectiveConfig,
    port: 1,
    token: undefined,
    repaired: turns,
    out,
  });
  return String(out.read());
}

test('the welcome speaks of a rehearsal only when the script is what answers', async () => {
  assert.match(await welcome(['rehearsal/script']), /no model is configured/);
  assert.doesNotMatch(await welcome(['openai/gpt-5.4', 'rehearsal/script']), /no model is configured/);
});

test('the welcome counts what it repaired in words', async () => {
  assert.match(
    await welcome(['openai/x']),
    /\n1 turn was cut off.*\n\n1 turn waits for an approval again: gatehouse approvals list\n/,
  );
  const many = await welcome(['openai/x'], { interrupted: ['', ''], resumed: ['', ''] });
  assert.match(many, /\n2 turns were cut off.*\n\n2 turns wait /);
});
