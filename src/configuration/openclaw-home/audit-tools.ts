import { isAbsolute } from 'node:path';
import { type Finding, FORBIDDEN_HOST_TREES } from '../../kernel/index.ts';
import { channelPlaces, isOpenGroup, isOpenPlace } from './audit-channels.ts';
import { agentsOf, type Look } from './look.ts';
import { found } from './report.ts';

const INTERPRETERS =
  /^(?:sh|bash|zsh|dash|ksh|fish|python[0-9.]*|node|nodejs|deno|bun|ruby|perl|php|lua|osascript|pwsh|powershell|busybox|env|xargs|awk|gawk|mawk)$/;
const BROAD_TOOLS = /^(?:jq|sed|find|tar|git|curl|wget|ssh|scp|rsync|make|npm|npx|docker|kubectl|tee|dd)$/;
const MUTABLE_FOLDERS =
  /^(?:\/tmp|\/var\/tmp|\/dev\/shm|~|\.|\/home\/[^/]+|\/Users\/[^/]+|\/usr\/local|\/opt\/homebrew)(?:\/|$)/;
const MANY = 25;
const CONTROL_PLANE = ['gateway', 'cron', 'automations', 'plugins', 'update', 'group:automation'];

interface Place {
  readonly path: string;
  readonly mode: string;
  readonly tools: Look;
}

/** The defaults and every agent, each with the sandbox mode and tools that hold there. */
function places(look: Look): readonly Place[] {
  const mode = look.word('agents.defaults.sandbox.mode', 'off');
  const all = look.below('tools');
  return [
    { path: 'agents.defaults', mode, tools: all },
    ...agentsOf(look).map(({ path, own }) => ({
      path,
      mode: own.word('sandbox.mode', mode),
      tools: own.has('tools') ? own.below('tools') : all,
    })),
  ];
}

function denies(place: Place, look: Look, tool: string): boolean {
  const denied = [...place.tools.list('deny'), ...look.list('tools.deny')].map((name) => name.toLowerCase());
  const group = ['exec', 'process', 'shell'].includes(tool) ? 'group:runtime' : 'group:fs';
  if (denied.includes(tool) || denied.includes(group) || denied.includes('*')) return true;
  const allowed = place.tools.has('allow') ? place.tools.list('allow') : undefined;
  if (allowed !== undefined && ![tool, group, '*'].some((name) => allowed.includes(name))) return true;
  const profile = place.tools.word('profile', look.word('tools.profile', 'full'));
  return allowed === undefined && ['minimal', 'messaging'].includes(profile);
}

function dockerFindings(look: Look): readonly Finding[] {
  const blocks = [
    {
      path: 'agents.defaults',
      mode: look.word('agents.defaults.sandbox.mode', 'off'),
      docker: look.below('agents.defaults.sandbox.docker'),
    },
    ...agentsOf(look).map(({ path, own }) => ({
      path,
      mode: own.word('sandbox.mode', look.word('agents.defaults.sandbox.mode', 'off')),
      docker: own.below('sandbox.docker'),
    })),
  ];
  return blocks.flatMap(({ path, mode, docker }) => {
    const at = `${path}.sandbox.docker`;
    if (docker.keys('').length === 0 && Object.keys(docker.root as object).length === 0) return [];
    return [
      ...(mode === 'off'
        ? [
            found('sandbox.docker_config_mode_off', 'warning', `${at} is set and the sandbox is off`, {
              expected: 'sandbox.mode all',
              found: 'off',
              fix: `Set ${path}.sandbox.mode to all.`,
            }),
          ]
        : []),
      ...docker.list('binds').flatMap((bind) => bindFindings(at, bind)),
      ...networkFindings(at, docker),
      ...profileFindings(at, docker),
    ];
  });
}

function bindFindings(at: string, bind: string): readonly Finding[] {
  const source = bind.split(':')[0] ?? '';
  if (!isAbsolute(source) && !source.startsWith('~')) {
    return [
      found('sandbox.bind_mount_non_absolute', 'warning', `${at}.binds: ${bind} is relative`, {
        expected: 'an absolute path',
        found: source,
        fix: 'Write the whole path.',
      }),
    ];
  }
  const clean = source.replace(/\/+$/, '') || '/';
  const covers = (tree: string) =>
    clean === '/' || clean === tree || clean.startsWith(`${tree}/`) || tree.startsWith(`${clean}/`);
  const credential =
    /(?:^|\/)\.(?:ssh|aws|gnupg|kube|docker|openclaw|gatehouse|config|azure|netrc|npmrc)(?:\/|$)/.test(clean);
  if (
    !credential &&
    !/docker\.sock|containerd\.sock|podman\.sock/.test(clean) &&
    !FORBIDDEN_HOST_TREES.some(covers)
  )
    return [];
  return [
    found(
      'sandbox.dangerous_bind_mount',
      'critical',
      `${at}.binds: ${bind} hands over system files, credentials or a container socket`,
      {
        expected: 'folders of a project',
        found: source,
        fix: 'Take it out. Gatehouse refuses such a mount wherever it is written.',
      },
    ),
  ];
}

function networkFindings(at: string, docker: Look): readonly Finding[] {
  const network = docker.word('network', 'none');
  if (network !== 'host' && !network.startsWith('container:')) return [];
  return [
    found(
      'sandbox.dangerous_network_mode',
      'critical',
      `${at}.network shares a network that is not the sandbox's own`,
      {
        expected: 'none',
        found: network,
        fix: `Set ${at}.network to none.`,
      },
    ),
  ];
}

function profileFindings(at: string, docker: Look): readonly Finding[] {
  return (['seccomp', 'apparmor'] as const)
    .filter((kind) => docker.word(`${kind}Profile`, '') === 'unconfined')
    .map((kind) =>
      found(`sandbox.dangerous_${kind}_profile`, 'critical', `${at}.${kind}Profile switches the filter off`, {
        expected: 'the default profile',
        found: 'unconfined',
        fix: `Take ${at}.${kind}Profile away.`,
      }),
    );
}

function execFindings(look: Look): readonly Finding[] {
  const findings: Finding[] = [];
  const open = channelPlaces(look).some(isOpenPlace);
  for (const place of places(look)) {
    const { path, mode, tools } = place;
    const at = path === 'agents.defaults' ? 'tools.exec' : `${path}.tools.exec`;
    const security = tools.word(
      'exec.security',
      look.word('tools.exec.security', mode === 'off' ? 'full' : 'allowlist'),
    );
    const written =
      tools.has('exec.security') || (path === 'agents.defaults' && look.has('tools.exec.security'));
    if (security === 'full' && written && !denies(place, look, 'exec'))
      findings.push(
        found(
          'tools.exec.security_full_configured',
          open ? 'critical' : 'warning',
          `${at}: every command runs without a rule`,
          {
            expected: 'allowlist',
            found: 'full',
            fix: `Set ${at}.security to allowlist and ask to on-miss.`,
          },
        ),
      );
    if (mode === 'off' && tools.word('exec.host', '') === 'sandbox')
      findings.push(
        found(
          path === 'agents.defaults'
            ? 'tools.exec.host_sandbox_no_sandbox_defaults'
            : 'tools.exec.host_sandbox_no_sandbox_agents',
          'warning',
          `${at}.host says sandbox and there is none`,
          { expected: 'sandbox.mode all', found: 'off', fix: `Set ${path}.sandbox.mode to all.` },
        ),
      );
    const readOnly = denies(place, look, 'write') && denies(place, look, 'edit');
    if (readOnly && mode === 'off' && !denies(place, look, 'exec'))
      findings.push(
        found(
          'tools.exec.fs_tools_disabled_but_exec_enabled',
          'warning',
          `${path}: writing is denied to the file tools and open to the shell`,
          {
            expected: 'one answer for both',
            found: 'exec allowed, write and edit denied',
            fix: 'Deny exec as well, or sandbox it with workspaceAccess ro.',
          },
        ),
      );
  }
  return [...findings, ...safeBinFindings(look)];
}

function safeBinFindings(look: Look): readonly Finding[] {
  const findings: Finding[] = [];
  const bins = look.list('tools.exec.safeBins');
  const say = (id: string, hits: readonly string[], title: string, fix: string) => {
    if (hits.length > 0)
      findings.push(
        found(id, 'warning', title, {
          expected: 'programs that cannot run others',
          found: hits.join(', '),
          fix,
        }),
      );
  };
  say(
    'tools.exec.safe_bins_interpreter_unprofiled',
    bins.filter((name) => INTERPRETERS.test(name) && !look.has(`tools.exec.safeBinProfiles.${name}`)),
    'interpreters count as harmless programs',
    'Take them out of tools.exec.safeBins: they run whatever they are given.',
  );
  say(
    'tools.exec.safe_bins_broad_behavior',
    bins.filter((name) => BROAD_TOOLS.test(name)),
    'programs that write files or start others count as harmless',
    'Take them out of tools.exec.safeBins.',
  );
  say(
    'tools.exec.safe_bin_trusted_dirs_risky',
    look.list('tools.exec.safeBinTrustedDirs').filter((folder) => MUTABLE_FOLDERS.test(folder)),
    'programs are taken from folders that others can write to',
    'List folders of the system only.',
  );
  if (look.is('tools.exec.autoAllowSkills', true))
    findings.push(
      found(
        'tools.exec.auto_allow_skills_enabled',
        'warning',
        'programs of skills run without being asked about',
        {
          expected: 'false',
          found: 'true',
          fix: 'Set tools.exec.autoAllowSkills to false.',
        },
      ),
    );
  return findings;
}

function elevatedFindings(look: Look): readonly Finding[] {
  if (look.is('tools.elevated.enabled', false)) return [];
  return look.keys('tools.elevated.allowFrom').flatMap((provider) => {
    const ids = look.list(`tools.elevated.allowFrom.${provider}`);
    const id = `tools.elevated.allowFrom.${provider}`;
    if (ids.includes('*'))
      return [
        found(`${id}.wildcard`, 'critical', `${id}: everybody's commands may leave the sandbox`, {
          expected: 'nobody',
          found: '*',
          fix: `Take ${id} away. In Gatehouse nothing runs outside the sandbox.`,
        }),
      ];
    if (ids.length <= MANY) return [];
    return [
      found(`${id}.large`, 'warning', `${id}: commands of ${ids.length} people may leave the sandbox`, {
        expected: `at most ${MANY}`,
        found: String(ids.length),
        fix: 'Shorten the list.',
      }),
    ];
  });
}

/** Where strangers meet tools that can do harm: the combinations matter more than each setting. */
function exposureFindings(look: Look): readonly Finding[] {
  const channels = channelPlaces(look);
  const open = channels.filter(isOpenPlace).map(({ path }) => path);
  if (open.length === 0) return [];
  const findings: Finding[] = [];
  const where = open.join(', ');
  const all = places(look);
  const unguarded = all.filter(
    (place) =>
      place.mode !== 'all' &&
      (!denies(place, look, 'exec') ||
        (!denies(place, look, 'write') && !look.is('tools.fs.workspaceOnly', true))),
  );
  const control = all.filter((place) => {
    const allowed = place.tools.list('allow');
    const denied = [...place.tools.list('deny'), ...look.list('tools.deny')];
    return (
      !denied.some((name) => CONTROL_PLANE.includes(name)) &&
      (allowed.length === 0 || allowed.some((name) => CONTROL_PLANE.includes(name)))
    );
  });
  if (!look.is('tools.elevated.enabled', false) && look.keys('tools.elevated.allowFrom').length > 0)
    findings.push(
      found(
        'security.exposure.open_groups_with_elevated',
        'critical',
        'strangers can write, and commands may leave the sandbox',
        {
          expected: 'one of the two at most',
          found: where,
          fix: 'Close the channels, and set tools.elevated.enabled to false.',
        },
      ),
    );
  if (unguarded.length > 0)
    findings.push(
      found(
        'security.exposure.open_groups_with_runtime_or_fs',
        'critical',
        'strangers can write, and commands or files are open outside a sandbox',
        {
          expected: 'sandbox.mode all, or closed channels',
          found: `${where}; ${unguarded.map(({ path }) => path).join(', ')}`,
          fix: 'Set agents.defaults.sandbox.mode to all and dmPolicy to pairing.',
        },
      ),
    );
  if (control.length > 0)
    findings.push(
      found(
        'security.exposure.open_groups_with_control_plane_tools',
        'critical',
        'strangers can write, and tools that change the gateway are open',
        {
          expected: 'group:automation and gateway denied',
          found: `${where}; ${control.map(({ path }) => path).join(', ')}`,
          fix: 'Add gateway, cron and plugins to tools.deny.',
        },
      ),
    );
  if (channels.some(isOpenGroup) && all.some((place) => !denies(place, look, 'exec')))
    findings.push(
      found(
        'security.exposure.open_channels_with_exec',
        'warning',
        'public rooms reach an agent that may run commands',
        {
          expected: 'an agent without exec for rooms',
          found: where,
          fix: 'Bind rooms to an agent with tools.deny exec.',
        },
      ),
    );
  return findings;
}

function profileOverrides(look: Look): readonly Finding[] {
  if (look.word('tools.profile', '') !== 'minimal') return [];
  const over = agentsOf(look).filter(
    ({ own }) => own.has('tools.profile') && own.word('tools.profile', '') !== 'minimal',
  );
  if (over.length === 0) return [];
  return [
    found(
      'tools.profile_minimal_overridden',
      'warning',
      'agents have more tools than the profile minimal says',
      {
        expected: 'minimal',
        found: over.map(({ id }) => id).join(', '),
        fix: 'Take tools.profile of those agents away.',
      },
    ),
  ];
}

/** What a model may do (OpenClaw's `tools.*`, `sandbox.*` and `security.exposure.*`). */
export function auditTools(look: Look): readonly Finding[] {
  const unboxed = places(look).filter((place) => place.mode !== 'all' && !denies(place, look, 'exec'));
  return [
    ...dockerFindings(look),
    ...execFindings(look),
    ...elevatedFindings(look),
    ...exposureFindings(look),
    ...profileOverrides(look),
    ...(unboxed.length === 0
      ? []
      : [
          found(
            'gatehouse.openclaw-unsandboxed',
            'high',
            'commands that a model asks for run on the host itself',
            {
              expected: 'sandbox.mode all',
              found: unboxed.map(({ path, mode }) => `${path}: ${mode}`).join(', '),
              fix: 'Set agents.defaults.sandbox.mode to all; in Gatehouse it is never anything else.',
            },
          ),
        ]),
  ];
}
