import { classesOfModel } from '../../agents/model-classes.ts';
import type { Finding } from '../../kernel/index.ts';
import { isPlainObject } from '../objects.ts';
import { channelPlaces, isOpenPlace } from './audit-channels.ts';
import { exposureOf } from './audit-gateway.ts';
import type { OpenClawHome } from './home.ts';
import { agentsOf, isPlainSecret, type Look } from './look.ts';
import { modelReferences } from './migrate-providers.ts';
import { found } from './report.ts';

const SHORT_HOOK_TOKEN = 24;
const FLAGS = /^(?:dangerously|insecure|allowInsecure|allowUnsafe)/;
const MAX_DEPTH = 12;
/** `name@1.2.3`: one version; tags and ranges are whatever the registry has that day. */
const PINNED = /^(?:@[^/@\s]+\/)?[^@\s]+@\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.-]+)?$/;

function hookFindings(look: Look): readonly Finding[] {
  const findings: Finding[] = [];
  const hooks = look.below('hooks');
  const installs = installFindings('hooks', hooks.object('internal.installs'));
  if (!hooks.is('enabled', true)) return installs;
  const { isExposed } = exposureOf(look);
  const severity = isExposed ? 'critical' : 'warning';
  const token = hooks.at('token');
  const say = (
    when: boolean,
    id: string,
    level: Finding['severity'],
    title: string,
    was: string,
    fix: string,
  ) => {
    if (when) findings.push(found(id, level, title, { expected: 'the narrower setting', found: was, fix }));
  };
  if (isPlainSecret(token)) {
    say(
      true,
      'config.secrets.hooks_token_in_config',
      'warning',
      'hooks.token stands in the file in the clear',
      'the value itself',
      'Write a reference.',
    );
    say(
      token.length < SHORT_HOOK_TOKEN,
      'hooks.token_too_short',
      'warning',
      'hooks.token is short enough to be tried out',
      `${token.length} characters`,
      'Use 32 random bytes.',
    );
    const reused = [look.at('gateway.auth.token'), look.at('gateway.auth.password')].some(
      (one) => one === token,
    );
    say(
      reused,
      'hooks.token_reuse_gateway_token',
      'critical',
      'whoever may send a hook may control the gateway: it is the same secret',
      'the same value',
      'Give hooks a token of its own.',
    );
  }
  say(
    hooks.word('path', '/hooks') === '/',
    'hooks.path_root',
    'critical',
    'hooks answer on every path',
    '/',
    'Set hooks.path to /hooks.',
  );
  say(
    !hooks.has('defaultSessionKey'),
    'hooks.default_session_key_unset',
    'warning',
    'every hook starts a conversation of its own',
    'no defaultSessionKey',
    'Set hooks.defaultSessionKey.',
  );
  const agents = hooks.list('allowedAgentIds');
  say(
    agents.length === 0 || agents.includes('*'),
    'hooks.allowed_agent_ids_unrestricted',
    severity,
    'a hook may address every agent',
    agents.join(', ') || 'no list',
    'List agents in hooks.allowedAgentIds.',
  );
  const chooses = hooks.is('allowRequestSessionKey', true);
  say(
    chooses,
    'hooks.request_session_key_enabled',
    severity,
    'the sender of a hook chooses whose conversation it goes to',
    'allowRequestSessionKey',
    'Set it to false.',
  );
  say(
    chooses && hooks.list('allowedSessionKeyPrefixes').length === 0,
    'hooks.request_session_key_prefixes_missing',
    severity,
    'no prefix bounds the conversations that a hook may choose',
    'no list',
    'Set hooks.allowedSessionKeyPrefixes.',
  );
  return [...findings, ...installs];
}

/** Installed code without a fixed version or a digest (attack 87). */
function installFindings(
  kind: 'hooks' | 'plugins',
  installs: Readonly<Record<string, unknown>>,
): readonly Finding[] {
  const npm = Object.entries(installs).filter(
    ([, record]) => isPlainObject(record) && record['source'] === 'npm',
  );
  const field = (record: unknown, key: string): unknown => (isPlainObject(record) ? record[key] : undefined);
  const names = (list: typeof npm) => list.map(([name]) => name).join(', ');
  const unpinned = npm.filter(([, record]) => !PINNED.test(String(field(record, 'spec') ?? '')));
  const unsigned = npm.filter(
    ([, record]) => typeof field(record, 'integrity') !== 'string' || field(record, 'integrity') === '',
  );
  const drifted = npm.filter(([, record]) => {
    const [asked, resolved] = [field(record, 'version'), field(record, 'resolvedVersion')];
    return typeof asked === 'string' && typeof resolved === 'string' && asked !== resolved;
  });
  const rows: readonly (readonly [typeof npm, string, string])[] = [
    [unpinned, 'installs_unpinned_npm_specs', 'packages are asked for without one exact version'],
    [unsigned, 'installs_missing_integrity', 'packages have no digest to compare with'],
    [drifted, 'installs_version_drift', 'packages are of another version than was asked for'],
  ];
  return rows
    .filter(([hits]) => hits.length > 0)
    .map(([hits, id, title]) =>
      found(`${kind}.${id}`, 'warning', `${kind}: ${title}`, {
        expected: 'name@1.2.3 with its integrity',
        found: names(hits),
        fix: 'Install them again by exact version.',
      }),
    );
}

function pluginFindings(look: Look, home: OpenClawHome): readonly Finding[] {
  if (look.is('plugins.enabled', false)) return [];
  const findings: Finding[] = [...installFindings('plugins', look.object('plugins.installs'))];
  const installed = [
    ...home.extensions.map((path) => path.split('/').at(-1) ?? ''),
    ...look.keys('plugins.installs'),
  ];
  const allowed = look.list('plugins.allow');
  if (installed.length > 0 && allowed.length === 0)
    findings.push(
      found(
        'plugins.extensions_no_allowlist',
        'warning',
        'plugins are installed and no list says which may load',
        {
          expected: 'plugins.allow',
          found: installed.join(', '),
          fix: 'List the plugins that you trust in plugins.allow: they run inside the gateway.',
        },
      ),
    );
  const phantom = allowed.filter((name) => !installed.includes(name) && !look.has(`plugins.entries.${name}`));
  if (phantom.length > 0)
    findings.push(
      found(
        'plugins.allow_phantom_entries',
        'warning',
        'the list of plugins names some that are not installed',
        {
          expected: 'installed plugins',
          found: phantom.join(', '),
          fix: 'Take them out: a package of that name could be installed later.',
        },
      ),
    );
  const mode = look.word('agents.defaults.sandbox.mode', 'off');
  if (installed.length > 0 && mode !== 'all' && look.list('tools.allow').length === 0)
    findings.push(
      found(
        'plugins.tools_reachable_permissive_policy',
        'warning',
        'tools of plugins are open to every agent',
        {
          expected: 'tools.allow',
          found: installed.join(', '),
          fix: 'Name the tools in tools.allow.',
        },
      ),
    );
  return findings;
}

function browserFindings(look: Look): readonly Finding[] {
  const findings: Finding[] = [];
  const cdp = [
    look.text('browser.cdpUrl'),
    ...look.keys('browser.profiles').map((name) => look.text(`browser.profiles.${name}.cdpUrl`)),
  ];
  for (const url of cdp.filter((one) => one !== undefined)) {
    const isLocal = /^[a-z]+:\/\/(?:localhost|127\.|\[::1\])/i.test(url);
    const host = url
      .replace(/^[a-z]+:\/\//i, '')
      .replace(/[/?].*$/, '')
      .replace(/^.*@/, '');
    if (!isLocal && /^(?:http|ws):/i.test(url))
      findings.push(
        found(
          'browser.remote_cdp_http',
          'warning',
          'a browser on another machine is controlled in the clear',
          {
            expected: 'https or wss',
            found: host,
            fix: 'Use wss, or reach it through a tunnel.',
          },
        ),
      );
    if (/^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|169\.254\.|\[f[cd])/i.test(host))
      findings.push(
        found(
          'browser.remote_cdp_private_host',
          'warning',
          'a browser inside the private network is controlled',
          {
            expected: 'a browser of its own',
            found: host,
            fix: 'Use a browser that reaches nothing private.',
          },
        ),
      );
  }
  return findings;
}

function flagFindings(look: Look): readonly Finding[] {
  const flags: string[] = [];
  const walk = (value: unknown, path: string, depth: number): void => {
    if (depth > MAX_DEPTH || value === null || typeof value !== 'object') return;
    for (const [key, item] of Object.entries(value)) {
      const at = Array.isArray(value) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`;
      if (FLAGS.test(key) && item === true) flags.push(at);
      walk(item, at, depth + 1);
    }
  };
  walk(look.root, '', 0);
  return flags.map((path) =>
    found('config.insecure_or_dangerous_flags', 'warning', `${path} switches a protection off`, {
      expected: 'false',
      found: 'true',
      fix: `Take ${path} away. Gatehouse has no such switches.`,
    }),
  );
}

function modelFindings(look: Look): readonly Finding[] {
  const names = modelReferences(look);
  const pick = (test: (name: string) => boolean) => names.filter(({ model }) => test(model));
  const show = (list: typeof names) =>
    [...new Set(list.map(({ model, at }) => `${model} (${at})`))].join(', ');
  const findings: Finding[] = [];
  const old = pick((name) => classesOfModel(name).includes('old'));
  const weak = pick((name) => classesOfModel(name).includes('weak'));
  const small = pick((name) => classesOfModel(name).includes('small'));
  const rest = {
    expected: 'a current model that withstands instructions in content',
    fix: 'Choose a current model for agents with tools.',
  };
  if (old.length > 0)
    findings.push(
      found('models.legacy', 'warning', 'old models are configured', { ...rest, found: show(old) }),
    );
  if (weak.length > 0)
    findings.push(
      found('models.weak_tier', 'warning', 'models of a weak class are configured', {
        ...rest,
        found: show(weak),
      }),
    );
  if (small.length > 0) {
    const guarded = look.word('agents.defaults.sandbox.mode', 'off') === 'all';
    findings.push(
      found('models.small_params', guarded ? 'info' : 'critical', 'small models control tools', {
        ...rest,
        found: show(small),
        fix: 'Set sandbox.mode to all and deny web tools, or choose a larger model.',
      }),
    );
  }
  return findings;
}

function trustFindings(look: Look): readonly Finding[] {
  const findings: Finding[] = [];
  const open = channelPlaces(look).filter(isOpenPlace);
  if (open.length > 0)
    findings.push(
      found(
        'security.trust_model.multi_user_heuristic',
        'warning',
        'several people use an install that is made for one',
        {
          expected: 'one operator, or borders between people',
          found: open.map(({ path }) => path).join(', '),
          fix: 'Close the channels, or move to Gatehouse, where each sender has rights and conversations of their own.',
        },
      ),
    );
  if (look.word('session.groupScope', '') === 'main')
    findings.push(
      found(
        'security.trust_model.group_scope_main',
        'warning',
        "everybody in a room reads and writes the owner's own conversation",
        {
          expected: 'a conversation per room',
          found: 'session.groupScope main',
          fix: 'Take it away.',
        },
      ),
    );
  const agents = agentsOf(look).length;
  const wide =
    look.word('tools.sessions.visibility', 'all') === 'all' && !look.is('tools.agentToAgent.enabled', false);
  if (agents > 1 && wide && look.list('tools.agentToAgent.allow').length === 0)
    findings.push(
      found(
        'security.trust_model.cross_agent_session_access_default',
        'warning',
        'every agent reads the conversations of the others',
        {
          expected: 'a list of who may',
          found: 'tools.agentToAgent without allow',
          fix: 'Set tools.agentToAgent.allow, or visibility self.',
        },
      ),
    );
  return findings;
}

/** Hooks, plugins, browsers, switches, models and who trusts whom. */
export function auditContent(look: Look, home: OpenClawHome): readonly Finding[] {
  return [
    ...hookFindings(look),
    ...pluginFindings(look, home),
    ...browserFindings(look),
    ...flagFindings(look),
    ...modelFindings(look),
    ...trustFindings(look),
  ];
}
