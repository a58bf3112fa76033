import type { Issues } from '../issues.ts';
import { nearestName } from '../nearest.ts';
import type { Segment } from '../path.ts';
import type { ConfigInput } from '../schema.ts';

/** Every tool there is. */
export const TOOLS: readonly string[] = ['shell', 'read', 'write', 'edit', 'list', 'search', 'web_fetch'];

/** OpenClaw's names and groups, as far as the same thing exists here. */
const ALIASES: Readonly<Record<string, readonly string[]>> = {
  exec: ['shell'],
  bash: ['shell'],
  apply_patch: ['edit'],
  'group:runtime': ['shell'],
  'group:fs': ['read', 'write', 'edit', 'list', 'search'],
  'group:web': ['web_fetch'],
  'group:openclaw': TOOLS,
  '*': TOOLS,
};

/** OpenClaw's tools that do not exist here: allowing one gives nothing, denying one takes nothing. */
const ABSENT = new Set([
  'process',
  'code_execution',
  'browser',
  'canvas',
  'nodes',
  'cron',
  'automations',
  'gateway',
  'message',
  'image',
  'view_image',
  'image_generate',
  'music_generate',
  'video_generate',
  'tts',
  'pdf',
  'web_search',
  'x_search',
  'memory_search',
  'memory_get',
  'session_status',
  'sessions',
  'sessions_list',
  'sessions_history',
  'sessions_search',
  'sessions_send',
  'sessions_spawn',
  'sessions_yield',
  'subagents',
  'agents_list',
  'screen',
  'terminal',
  'portal',
  'dashboard',
  'discord',
  'slack',
  'telegram',
  'whatsapp',
  'signal',
  'plugins',
  'openclaw',
  'computer',
  'ask_user',
  'skill_workshop',
  'heartbeat_respond',
  'bundle-mcp',
  'group:sessions',
  'group:memory',
  'group:ui',
  'group:automation',
  'group:messaging',
  'group:nodes',
  'group:agents',
  'group:media',
  'group:plugins',
]);

const PROFILES: Readonly<Record<'minimal' | 'messaging' | 'coding' | 'full', readonly string[]>> = {
  minimal: [],
  messaging: [],
  coding: TOOLS,
  full: TOOLS,
};

/** The tools that a list of names stands for; unknown names are errors, because a misspelt denial denies nothing. */
function expand(names: readonly string[], at: readonly Segment[], issues: Issues): readonly string[] {
  return names.flatMap((name, index) => {
    if (TOOLS.includes(name)) return [name];
    const alias = Object.hasOwn(ALIASES, name) ? ALIASES[name] : undefined;
    if (alias !== undefined) return alias;
    if (ABSENT.has(name)) {
      issues.warn([...at, index], 'CONFIG_KEY_IGNORED', {
        message: `the tool ${JSON.stringify(name)} does not exist here`,
      });
      return [];
    }
    const nearest = nearestName(name, [...TOOLS, ...Object.keys(ALIASES)]);
    issues.error([...at, index], 'CONFIG_BAD_VALUE', {
      message: `there is no tool ${JSON.stringify(name)}; the tools are ${TOOLS.join(', ')}`,
      ...(nearest === undefined ? {} : { nearest, fix: `Write ${JSON.stringify(nearest)}.` }),
    });
    return [];
  });
}

export interface ToolBounds {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

/** What `tools` of the install leaves. Without a list everything; an empty list is nothing (attack 95). */
export function installTools(tools: ConfigInput['tools'], issues: Issues): ToolBounds {
  const profile = tools?.profile === undefined ? TOOLS : PROFILES[tools.profile];
  const listed = tools?.allow === undefined ? profile : expand(tools.allow, ['tools', 'allow'], issues);
  const added = expand(tools?.alsoAllow ?? [], ['tools', 'alsoAllow'], issues);
  const bounded = tools?.profile === undefined ? listed : listed.filter((tool) => profile.includes(tool));
  return {
    allow: TOOLS.filter((tool) => bounded.includes(tool) || added.includes(tool)),
    deny: [...new Set(expand(tools?.deny ?? [], ['tools', 'deny'], issues))],
  };
}

/** What an agent's own `tools` leaves of all tools. */
export function agentTools(
  tools: { readonly allow?: readonly string[]; readonly deny?: readonly string[] } | undefined,
  at: readonly Segment[],
  issues: Issues,
): readonly string[] {
  const allow = tools?.allow === undefined ? TOOLS : expand(tools.allow, [...at, 'allow'], issues);
  const deny = new Set(expand(tools?.deny ?? [], [...at, 'deny'], issues));
  return TOOLS.filter((tool) => allow.includes(tool) && !deny.has(tool));
}
