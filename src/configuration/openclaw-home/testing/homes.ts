import { createHash } from 'node:crypto';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Values that must not be found in any report, configuration or message. */
export const PLANTED = [
  '0123456789abcdef0123456789abcdef',
  '123456789:AAEhBOweik6ad9rQfakefakefakefakefake',
  'MTIzNDU2Nzg5MDEyMzQ1Njc4.fake.fakefakefakefakefakefake',
  'sk-proj-fakefakefakefakefakefake',
  'planted-hook-token',
] as const;
const [GATEWAY_TOKEN, TELEGRAM_TOKEN, DISCORD_TOKEN, OPENAI_KEY, HOOK_TOKEN] = PLANTED;

/** What `openclaw onboard --non-interactive` of 2026.9.6 wrote, with its own formatting of keys. */
export const ONBOARDED = {
  agents: {
    defaults: {
      workspace: '/home/someone/.openclaw/workspace',
      model: { primary: 'custom-127-0-0-1-11434/qwen3' },
      models: { 'custom-127-0-0-1-11434/qwen3': {} },
    },
    entries: {
      main: {
        name: 'main',
        workspace: '/home/someone/.openclaw/workspace',
        agentDir: '/home/someone/.openclaw/agents/main/agent',
        identity: { name: 'main' },
      },
    },
  },
  plugins: { entries: { anthropic: { config: { sessionCatalog: { enabled: false } } } } },
  meta: { migrations: { modelPolicyAllowlist: true }, lastTouchedVersion: '2026.9.6' },
  gateway: {
    mode: 'local',
    auth: { mode: 'token', token: GATEWAY_TOKEN },
    port: 18789,
    bind: 'loopback',
    tailscale: { mode: 'off' },
  },
  tools: { profile: 'full' },
  skills: { install: { nodeManager: 'npm' } },
  models: {
    mode: 'merge',
    providers: {
      'custom-127-0-0-1-11434': {
        baseUrl: 'http://127.0.0.1:11434/v1',
        api: 'openai-completions',
        apiKey: OPENAI_KEY,
        models: [
          {
            id: 'qwen3',
            name: 'qwen3 (Custom Provider)',
            contextWindow: 128_000,
            maxTokens: 4_096,
            input: ['text'],
            cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
            reasoning: false,
          },
        ],
      },
    },
  },
  hooks: { internal: { entries: { 'session-memory': { enabled: true } } } },
  wizard: { lastRunVersion: '2026.9.6', lastRunCommand: 'onboard' },
};

/** Everything open that people leave open. */
export const CARELESS = {
  gateway: {
    bind: 'lan',
    auth: { mode: 'token', token: 'changeme' },
    controlUi: { allowedOrigins: ['*'], dangerouslyAllowHostHeaderOriginFallback: true },
    allowRealIpFallback: true,
    tools: { allow: ['gateway', 'cron'] },
  },
  discovery: { mdns: { mode: 'full' } },
  session: { dmScope: 'main' },
  agents: {
    defaults: {
      model: { primary: 'anthropic/claude-3-haiku-20240307', fallbacks: ['ollama/llama3:8b'] },
      workspace: '~/work',
      sandbox: {
        mode: 'off',
        docker: {
          network: 'host',
          binds: ['/var/run/docker.sock:/var/run/docker.sock', 'relative:/x'],
          seccompProfile: 'unconfined',
        },
      },
    },
    entries: { main: {}, work: { tools: { exec: { security: 'full', ask: 'off' } } } },
  },
  channels: {
    telegram: {
      enabled: true,
      botToken: TELEGRAM_TOKEN,
      dmPolicy: 'open',
      allowFrom: ['*'],
      groupPolicy: 'open',
      groups: { '*': { requireMention: false } },
    },
    discord: {
      enabled: true,
      token: DISCORD_TOKEN,
      allowFrom: ['bob#1234'],
      guilds: { '123456789012345678': {} },
    },
  },
  tools: {
    elevated: { enabled: true, allowFrom: { telegram: ['*'] } },
    exec: { safeBins: ['python3', 'jq'], security: 'full' },
  },
  hooks: { enabled: true, token: HOOK_TOKEN, path: '/', allowRequestSessionKey: true },
  models: { providers: { openai: { baseUrl: 'https://api.openai.com/v1', apiKey: OPENAI_KEY, models: [] } } },
  plugins: { allow: ['ghost'] },
};

/** What hardening guides print, and nothing that they warn of. */
export const HARDENED = {
  gateway: {
    bind: '127.0.0.1',
    auth: { mode: 'token', token: '${OPENCLAW_GATEWAY_TOKEN}', rateLimit: { maxAttempts: 5 } },
    trustedProxies: ['127.0.0.1'],
    tailscale: { mode: 'off' },
  },
  auth: { enabled: true },
  dmPolicy: { mode: 'allowlist', allowIds: ['telegram:123456789'] },
  networkPolicy: { allow_egress: false, egress_allowlist: ['api.example.com', '*.example.org:8443'] },
  session: { dmScope: 'per-channel-peer' },
  agents: {
    defaults: {
      sandbox: { mode: 'all', scope: 'session', workspaceAccess: 'ro', docker: { network: 'none' } },
    },
  },
  channels: {
    telegram: {
      enabled: true,
      botToken: '${TELEGRAM_BOT_TOKEN}',
      dmPolicy: 'allowlist',
      allowFrom: ['tg:123456789'],
      groups: { '-1001234567890': { requireMention: true } },
    },
  },
  tools: { exec: { security: 'allowlist', ask: 'always' }, elevated: { enabled: false } },
  discovery: { mdns: { mode: 'off' } },
};

export interface TestOpenClawHome extends Disposable {
  readonly dir: string;
  write(name: string, content: string, mode?: number): void;
  /** Digest over names, modes and contents: unchanged when nothing was changed. */
  digest(): string;
}

/** An OpenClaw home of its own, private unless a test opens it, that goes away with its scope. */
export function openClawHome(config: unknown): TestOpenClawHome {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'gh-openclaw-')));
  const dir = join(base, '.openclaw');
  mkdirSync(dir, { mode: 0o700 });
  const write = (name: string, content: string, mode = 0o600): void => {
    const path = join(dir, name);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, content);
    chmodSync(path, mode);
  };
  write('openclaw.json', typeof config === 'string' ? config : JSON.stringify(config, null, 2));
  const digest = (): string => {
    const hash = createHash('sha256');
    for (const name of readdirSync(dir, { recursive: true }).map(String).sort()) {
      const path = join(dir, name);
      const facts = lstatSync(path);
      hash.update(
        `${name} ${facts.mode} ${facts.mtimeMs} ${facts.isFile() ? readFileSync(path, 'base64') : ''}\n`,
      );
    }
    return hash.digest('hex');
  };
  return { dir, write, digest, [Symbol.dispose]: () => rmSync(base, { recursive: true, force: true }) };
}
