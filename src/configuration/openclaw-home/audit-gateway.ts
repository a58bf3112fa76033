import type { Finding } from '../../kernel/index.ts';
import { isPlainSecret, type Look } from './look.ts';
import { found } from './report.ts';

/** A shared secret shorter than this can be tried out. */
const SHORT_SECRET = 24;
const PLACEHOLDERS =
  /^(?:|undefined|null|none|changeme|change-me|replace-?me|your[-_ ].*|token|password|secret|test|example.*|<.*>|x+)$/i;
/** Tools that OpenClaw withholds from its HTTP API because they control the gateway itself. */
const CONTROL_TOOLS = [
  'sessions_spawn',
  'sessions_send',
  'cron',
  'gateway',
  'nodes',
  'exec',
  'shell',
  'process',
  'fs_write',
  'apply_patch',
];
const DANGEROUS_NODE_COMMANDS =
  /^(?:camera\.|screen\.|contacts\.|calendar\.|reminders\.|sms\.|location\.|computer\.|input\.|system\.run)/;

export interface Exposure {
  /** What others than this machine can reach. */
  readonly isExposed: boolean;
  readonly bind: string;
  readonly hasCredential: boolean;
}

/** Who could reach this gateway, as its configuration says. */
export function exposureOf(look: Look): Exposure {
  const bind = look.word('gateway.bind', 'loopback');
  const local = ['loopback', 'localhost', '127.0.0.1', '::1', 'auto'].includes(bind);
  const tailscale = look.word('gateway.tailscale.mode', 'off');
  const mode = look.word('gateway.auth.mode', '');
  const has = (path: string) => look.has(path) && look.at(path) !== '';
  const hasCredential =
    mode !== 'none' &&
    look.at('auth.enabled') !== false &&
    (mode === 'trusted-proxy' || has('gateway.auth.token') || has('gateway.auth.password'));
  return { isExposed: !local || tailscale === 'funnel', bind, hasCredential };
}

function credentialFindings(look: Look, { isExposed, bind, hasCredential }: Exposure): readonly Finding[] {
  const findings: Finding[] = [];
  if (!hasCredential) {
    const id = isExposed ? 'gateway.bind_no_auth' : 'gateway.loopback_no_auth';
    findings.push(
      found(
        id,
        'critical',
        isExposed
          ? 'others can reach the gateway and need no credential'
          : 'whoever reaches this machine, a web page included, needs no credential',
        {
          expected: 'a token for every client',
          found: `gateway.bind ${bind}, no gateway.auth`,
          fix: 'Set gateway.auth, or move to Gatehouse: it starts with a token and cannot go without one.',
        },
      ),
      found(
        'gateway.http.no_auth',
        isExposed ? 'critical' : 'warning',
        'the HTTP interface answers without a credential',
        {
          expected: 'a credential on every request',
          found: 'none',
          fix: 'Set gateway.auth.mode to token.',
        },
      ),
    );
  }
  for (const kind of ['token', 'password'] as const) {
    const value = look.at(`gateway.auth.${kind}`);
    if (!isPlainSecret(value)) continue;
    const text = value.trim();
    if (PLACEHOLDERS.test(text)) {
      findings.push(
        found(
          `gateway.${kind}_placeholder_value`,
          'critical',
          `gateway.auth.${kind} is a placeholder that everybody knows`,
          {
            expected: '256 random bits',
            found: 'a placeholder',
            fix: 'Replace it with a value from a random generator (openssl rand -hex 32).',
          },
        ),
      );
    }
    if (text.length < SHORT_SECRET) {
      findings.push(
        found(
          `gateway.${kind}_too_short`,
          'warning',
          `gateway.auth.${kind} is short enough to be tried out`,
          {
            expected: `${SHORT_SECRET} characters or more`,
            found: `${text.length} characters`,
            fix: 'Replace it with a value from a random generator (openssl rand -hex 32).',
          },
        ),
      );
    }
    findings.push(
      found(
        kind === 'password'
          ? 'config.secrets.gateway_password_in_config'
          : 'gatehouse.openclaw-token-in-config',
        'warning',
        `gateway.auth.${kind} stands in the file in the clear`,
        {
          expected: 'a reference to where it is kept',
          found: 'the value itself',
          fix: 'Take it out of the file. Gatehouse keeps digests of tokens only.',
        },
      ),
    );
  }
  if (
    isExposed &&
    look.word('gateway.auth.mode', '') !== 'trusted-proxy' &&
    !look.has('gateway.auth.rateLimit')
  ) {
    findings.push(
      found('gateway.auth_no_rate_limit', 'warning', 'nothing slows down who tries credentials out', {
        expected: 'gateway.auth.rateLimit',
        found: 'none',
        fix: 'Set gateway.auth.rateLimit with maxAttempts, windowMs and lockoutMs.',
      }),
    );
  }
  return findings;
}

function proxyFindings(look: Look, { isExposed }: Exposure): readonly Finding[] {
  const findings: Finding[] = [];
  const proxies = look.list('gateway.trustedProxies');
  if (!isExposed && proxies.length === 0 && !look.is('gateway.controlUi.enabled', false)) {
    findings.push(
      found(
        'gateway.trusted_proxies_missing',
        'warning',
        'behind a reverse proxy every caller would look local',
        {
          expected: 'the addresses of the proxy, or no proxy',
          found: 'gateway.trustedProxies is empty',
          fix: 'List the proxy, or keep the port for this machine alone.',
        },
      ),
    );
  }
  if (look.word('gateway.auth.mode', '') === 'trusted-proxy') {
    findings.push(
      found('gateway.trusted_proxy_auth', 'critical', 'a proxy in front is the only authentication', {
        expected: 'credentials of the callers themselves',
        found: 'gateway.auth.mode trusted-proxy',
        fix: 'Make sure that nothing but that proxy reaches the port, and that it sets the identity header itself.',
      }),
    );
    const missing: readonly (readonly [boolean, string, 'critical' | 'warning', string])[] = [
      [proxies.length === 0, 'gateway.trusted_proxy_no_proxies', 'critical', 'gateway.trustedProxies'],
      [
        !look.has('gateway.auth.trustedProxy.userHeader'),
        'gateway.trusted_proxy_no_user_header',
        'critical',
        'gateway.auth.trustedProxy.userHeader',
      ],
      [
        look.list('gateway.auth.trustedProxy.allowUsers').length === 0,
        'gateway.trusted_proxy_no_allowlist',
        'warning',
        'gateway.auth.trustedProxy.allowUsers',
      ],
    ];
    for (const [isMissing, id, severity, key] of missing) {
      if (isMissing)
        findings.push(
          found(id, severity, `${key} is missing`, { expected: key, found: 'nothing', fix: `Set ${key}.` }),
        );
    }
    if (look.is('gateway.auth.trustedProxy.allowLoopback', true))
      findings.push(
        found(
          'gateway.trusted_proxy_allow_loopback',
          'warning',
          'every program of this machine may speak for any user',
          {
            expected: 'a proxy on an address of its own, or a Unix socket',
            found: 'gateway.auth.trustedProxy.allowLoopback',
            fix: 'Set it to false.',
          },
        ),
      );
  }
  if (look.is('gateway.allowRealIpFallback', true))
    findings.push(
      found(
        'gateway.real_ip_fallback_enabled',
        isExposed ? 'critical' : 'warning',
        'X-Real-IP of anybody counts as the address',
        {
          expected: 'X-Forwarded-For of listed proxies only',
          found: 'gateway.allowRealIpFallback',
          fix: 'Set it to false.',
        },
      ),
    );
  return findings;
}

function browserFindings(look: Look, { isExposed }: Exposure): readonly Finding[] {
  const findings: Finding[] = [];
  if (look.is('gateway.controlUi.enabled', false)) return findings;
  const origins = look.list('gateway.controlUi.allowedOrigins');
  const fallback = look.is('gateway.controlUi.dangerouslyAllowHostHeaderOriginFallback', true);
  const severity = isExposed ? 'critical' : 'warning';
  if (isExposed && origins.length === 0 && !fallback)
    findings.push(
      found(
        'gateway.control_ui.allowed_origins_required',
        'critical',
        'no list says which web pages may connect',
        {
          expected: 'gateway.controlUi.allowedOrigins',
          found: 'nothing',
          fix: 'List the origins of the control UI in full (https://control.example.com).',
        },
      ),
    );
  if (origins.includes('*'))
    findings.push(
      found('gateway.control_ui.allowed_origins_wildcard', severity, 'a page of any origin may connect', {
        expected: 'origins by name',
        found: '*',
        fix: 'Replace * by the origins that you use.',
      }),
    );
  if (fallback)
    findings.push(
      found(
        'gateway.control_ui.host_header_origin_fallback',
        severity,
        'the Host header decides about the origin, which DNS rebinding can choose',
        {
          expected: 'a list of origins',
          found: 'gateway.controlUi.dangerouslyAllowHostHeaderOriginFallback',
          fix: 'Set it to false and list the origins.',
        },
      ),
    );
  return findings;
}

function reachFindings(look: Look, { isExposed }: Exposure): readonly Finding[] {
  const findings: Finding[] = [];
  const tailscale = look.word('gateway.tailscale.mode', 'off');
  if (tailscale === 'funnel')
    findings.push(
      found(
        'gateway.tailscale_funnel',
        'critical',
        'Tailscale Funnel publishes the gateway to the internet',
        {
          expected: 'off or serve',
          found: 'funnel',
          fix: 'Set gateway.tailscale.mode to serve or off.',
        },
      ),
    );
  if (tailscale === 'serve')
    findings.push(
      found('gateway.tailscale_serve', 'info', 'the gateway is reachable from the whole tailnet', {
        expected: 'what you want',
        found: 'serve',
        fix: 'Limit it with tailnet access rules.',
      }),
    );
  if (look.word('discovery.mdns.mode', 'minimal') === 'full')
    findings.push(
      found(
        'discovery.mdns_full_mode',
        isExposed ? 'critical' : 'warning',
        'the local network is told paths and ports of this machine',
        {
          expected: 'off or minimal',
          found: 'full',
          fix: 'Set discovery.mdns.mode to off.',
        },
      ),
    );
  return findings;
}

function interfaceFindings(look: Look, { isExposed }: Exposure): readonly Finding[] {
  const findings: Finding[] = [];
  const severity = isExposed ? 'critical' : 'warning';
  const opened = look
    .list('gateway.tools.allow')
    .filter((tool) => CONTROL_TOOLS.includes(tool.toLowerCase()));
  if (opened.length > 0)
    findings.push(
      found(
        'gateway.tools_invoke_http.dangerous_allow',
        severity,
        'tools that control the gateway are open over HTTP',
        {
          expected: 'none of them',
          found: opened.join(', '),
          fix: 'Take them out of gateway.tools.allow.',
        },
      ),
    );
  if (look.is('gateway.http.allowSessionKeyOverride', true))
    findings.push(
      found(
        'gateway.http.session_key_override_enabled',
        'info',
        'a caller over HTTP chooses whose conversation it writes into',
        {
          expected: 'one conversation per caller',
          found: 'gateway.http.allowSessionKeyOverride',
          fix: 'Set it to false.',
        },
      ),
    );
  const commands = look
    .list('gateway.nodes.commands.allow')
    .filter((command) => DANGEROUS_NODE_COMMANDS.test(command));
  if (commands.length > 0)
    findings.push(
      found(
        'gateway.nodes.allow_commands_dangerous',
        severity,
        'paired machines may be asked for camera, screen, messages or input',
        {
          expected: 'none of them',
          found: commands.join(', '),
          fix: 'Take them out of gateway.nodes.commands.allow.',
        },
      ),
    );
  const patterns = look.list('gateway.nodes.commands.deny').filter((command) => /[*?/\s]/.test(command));
  if (patterns.length > 0)
    findings.push(
      found(
        'gateway.nodes.deny_commands_ineffective',
        'warning',
        'these denials look like patterns and match nothing',
        {
          expected: 'exact names of commands',
          found: patterns.join(', '),
          fix: 'Write each command by its exact name.',
        },
      ),
    );
  return findings;
}

/** What can be reached, by whom, and through what (OpenClaw's `gateway.*` and `discovery.*`). */
export function auditGateway(look: Look): readonly Finding[] {
  const exposure = exposureOf(look);
  return [
    ...credentialFindings(look, exposure),
    ...proxyFindings(look, exposure),
    ...browserFindings(look, exposure),
    ...reachFindings(look, exposure),
    ...interfaceFindings(look, exposure),
  ];
}
