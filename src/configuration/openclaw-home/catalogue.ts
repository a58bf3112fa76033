/**
 * OpenClaw 2026.9's own check ids, what stands against each in Gatehouse, and whether the audit of an OpenClaw home
 * looks for it. `<p>` stands for a channel or provider.
 */
export interface CatalogueEntry {
  readonly id: string;
  readonly requirements: readonly string[];
  /** What of Gatehouse covers it on a Gatehouse home: a rule that makes it impossible, or a finding by id. */
  readonly here: string;
  /** Whether `gatehouse security audit --home` reports it on an OpenClaw home, or why it does not. */
  readonly there: 'reported' | string;
}

type Row = readonly [ids: string, requirements: string, here: string, there?: string];

const LIVE = 'needs OpenClaw itself to run';
const SCAN = 'comes with the scan of skills and plugins (P4)';
const NONE = 'Gatehouse has no such feature';
const NO_SECRET = 'no shared secret exists: tokens are issued, kept as digests, and carry 256 random bits';
const BOXED =
  'every run is sandboxed; mounts of such trees, foreign networks and switched-off filters are refused at load';

const ROWS: readonly Row[] = [
  [
    'fs.state_dir.perms_world_writable fs.state_dir.perms_group_writable fs.state_dir.perms_readable',
    'A2 D3',
    'listen.home-open',
  ],
  ['fs.state_dir.symlink', 'D3', 'HOME_LINK, listen.home-owner; the home is made with mode 0700'],
  [
    'fs.config.perms_writable fs.config.perms_group_readable fs.config.perms_world_readable fs.config.symlink',
    'D3',
    'HOME_FILE_OPEN, HOME_LINK, HOME_NOT_OURS: files lie in a folder of mode 0700, and hold references instead of secrets',
  ],
  [
    'fs.config_include.perms_writable fs.config_include.perms_group_readable fs.config_include.perms_world_readable',
    'D3',
    'CONFIG_INCLUDE_OUTSIDE: includes come from the home only',
  ],
  [
    'fs.auth_profiles.perms_writable fs.auth_profiles.perms_readable fs.credentials_dir.perms_writable fs.credentials_dir.perms_readable',
    'K2 D3',
    'credentials are not stored: egress resolves references; SECRETS_FILE_PERMISSIONS for files',
  ],
  ['fs.sessions_store.perms_readable fs.log_file.perms_readable', 'D3', 'listen.home-open, HOME_FILE_OPEN'],
  ['fs.synced_dir', 'D3', 'home.synced'],
  [
    'gateway.bind_no_auth gateway.loopback_no_auth gateway.http.no_auth',
    'L1 A2 A6',
    'impossible: every request needs a credential, loopback included (drill auth.no-credential)',
  ],
  [
    'gateway.trusted_proxies_missing',
    'L6',
    'LISTEN_FORWARDED_UNTRUSTED: forwarding headers of anybody else refuse the request',
  ],
  [
    'gateway.http.session_key_override_enabled',
    'S5',
    'a session key is an address inside the own space of its principal',
  ],
  [
    'gateway.tools_invoke_http.dangerous_allow',
    'A2 X5',
    'HTTP obeys the same scopes, playbooks and approvals as every other way in',
  ],
  ['gateway.nodes.allow_commands_dangerous gateway.nodes.deny_commands_ineffective', 'X7', NONE],
  [
    'gateway.tailscale_funnel gateway.tailscale_serve',
    'L1 L11',
    'listen.exposed; `gatehouse front tailscale` prints Serve only',
  ],
  [
    'gateway.control_ui.allowed_origins_required gateway.control_ui.allowed_origins_wildcard gateway.control_ui.host_header_origin_fallback',
    'L4',
    'Origin and Host are compared with lists; * and null are refused at load',
  ],
  ['gateway.real_ip_fallback_enabled', 'L6', 'X-Real-IP never counts'],
  [
    'gateway.password_placeholder_value gateway.password_too_short gateway.token_placeholder_value gateway.token_too_short',
    'A1',
    NO_SECRET,
  ],
  ['gateway.auth_no_rate_limit', 'L9', 'always on, loopback included'],
  [
    'gateway.trusted_proxy_auth gateway.trusted_proxy_no_proxies gateway.trusted_proxy_no_user_header gateway.trusted_proxy_no_allowlist',
    'A6 L6',
    'auth.proxy-nobody, auth.proxy-network; each user needs a principal',
  ],
  ['gateway.trusted_proxy_allow_loopback', 'A6', 'SECURITY.md: list a Unix socket instead'],
  [
    'gateway.probe_failed gateway.probe_auth_secretref_unavailable',
    'D3',
    '`security audit --deep` (DEEP_NO_LOGIN, DEEP_ORIGIN, DEEP_HOST, DEEP_FORWARDED, DEEP_TOKEN_IN_URL, DEEP_TELLS, DEEP_TLS_OLD, DEEP_TLS_PLAIN) and drills',
    LIVE,
  ],
  ['discovery.mdns_full_mode', 'L10', 'nothing is announced'],
  ['config.insecure_or_dangerous_flags', 'D1 D7', 'unknown keys are refused; widenings are grants that end'],
  [
    'security.audit.suppressions.active',
    'D3',
    'findings cannot be suppressed; a grant is what accepts a risk for a time',
    'suppressions of OpenClaw are not applied here',
  ],
  [
    'config.secrets.gateway_password_in_config config.secrets.hooks_token_in_config',
    'K1',
    'CONFIG_SECRET_LITERAL: values are refused, references only',
  ],
  [
    'hooks.token_reuse_gateway_token hooks.token_too_short hooks.path_root',
    'L3 A2',
    'webhooks are signed per source, on a listener of their own',
  ],
  [
    'hooks.default_session_key_unset hooks.allowed_agent_ids_unrestricted hooks.request_session_key_enabled hooks.request_session_key_prefixes_missing',
    'S5',
    'bindings name the agent; a sender cannot choose a session',
  ],
  [
    'hooks.installs_unpinned_npm_specs hooks.installs_missing_integrity hooks.installs_version_drift',
    'P2',
    NONE,
  ],
  [
    'browser.control_invalid_config browser.control_no_auth browser.extension_relay_legacy_auth',
    'G3',
    NONE,
    'needs the resolved browser settings of OpenClaw',
  ],
  ['browser.remote_cdp_http browser.remote_cdp_private_host', 'E3', NONE],
  [
    'sandbox.docker_config_mode_off sandbox.bind_mount_non_absolute sandbox.dangerous_bind_mount sandbox.dangerous_network_mode sandbox.dangerous_seccomp_profile sandbox.dangerous_apparmor_profile',
    'X2 X4',
    BOXED,
  ],
  [
    'sandbox.browser_cdp_bridge_unrestricted sandbox.browser_container.non_loopback_publish sandbox.browser_container.hash_label_missing sandbox.browser_container.hash_epoch_stale sandbox.browser_container.docker_probe_timeout',
    'X2',
    NONE,
    'needs the Docker engine of that machine',
  ],
  [
    'tools.exec.host_sandbox_no_sandbox_defaults tools.exec.host_sandbox_no_sandbox_agents tools.exec.security_full_configured',
    'X1 X3',
    'impossible: SANDBOX_UNAVAILABLE refuses, and commands are allow-listed',
  ],
  ['tools.exec.agent_skill_mcp_boundary_drift', 'P3', NONE, 'needs the registry of MCP servers'],
  [
    'tools.exec.fs_tools_disabled_but_exec_enabled',
    'X4',
    'files.workspace is mounted with the mode that the playbook says, for file tools and shell alike',
  ],
  ['tools.exec.auto_allow_skills_enabled', 'X6', 'standing approvals are by command and end'],
  [
    'tools.exec.allowlist_interpreter_without_strict_inline_eval',
    'X3',
    'interpreters with inline code always ask or are denied',
    'needs the approvals of OpenClaw',
  ],
  [
    'tools.exec.safe_bins_interpreter_unprofiled tools.exec.safe_bins_broad_behavior tools.exec.safe_bin_trusted_dirs_risky',
    'X3',
    'options that execute are known per program; the system of the sandbox is read-only',
  ],
  [
    'tools.elevated.allowFrom.<p>.wildcard tools.elevated.allowFrom.<p>.large',
    'X1',
    'nothing runs outside the sandbox',
  ],
  ['tools.profile_minimal_overridden', 'X2', 'an agent can only take away from its playbook'],
  [
    'skills.workspace.symlink_escape skills.workspace.scan_truncated skills.code_safety skills.code_safety.scan_failed',
    'P4',
    NONE,
    SCAN,
  ],
  [
    'plugins.extensions_no_allowlist plugins.allow_phantom_entries plugins.tools_reachable_permissive_policy plugins.installs_unpinned_npm_specs plugins.installs_missing_integrity plugins.installs_version_drift',
    'P2 P3',
    'third-party code never runs in the gateway',
  ],
  [
    'plugins.code_safety plugins.code_safety.entry_path plugins.code_safety.entry_escape plugins.code_safety.manifest_parse_error plugins.code_safety.scan_failed plugins.<p>.security_audit_failed',
    'P4',
    NONE,
    SCAN,
  ],
  ['models.legacy models.weak_tier models.small_params', 'P5', 'models.weak'],
  [
    'channels.<p>.dm.open channels.<p>.dm.open_invalid',
    'S1 S6',
    'CONFIG_GRANT_REQUIRED: open does not start without a grant; senders.open with one',
  ],
  [
    'channels.<p>.dm.scope_main_multiuser',
    'S5',
    'CONFIG_UNSUPPORTED_VALUE: sessions are per channel and peer',
  ],
  [
    'channels.<p>.allowFrom.mutable_entries_inert channels.<p>.allowFrom.dangerous_name_matching_enabled',
    'S4',
    'CONFIG_SENDER_INVALID',
  ],
  [
    'channels.<p>.account.read_only_resolution channels.<p>.warning.<n>',
    'K1',
    'SECRETS_UNRESOLVED refuses the start',
    LIVE,
  ],
  [
    'channels.discord.allowlisted_groups.broad_members',
    'S3',
    'groupAllowFrom says which members count; nobody unless said',
  ],
  [
    'security.exposure.open_channels_with_exec security.exposure.open_groups_with_elevated security.exposure.open_groups_with_runtime_or_fs security.exposure.open_groups_with_control_plane_tools',
    'X9 S6',
    'a sender has rights of its own, taint narrows, and open needs a grant',
  ],
  [
    'security.trust_model.multi_user_heuristic security.trust_model.cross_agent_session_access_default security.trust_model.group_scope_main',
    'S5',
    'spaces: nobody reads the sessions of others',
  ],
  [
    'summary.attack_surface',
    'D8',
    'the posture of `gatehouse gateway status`',
    'the counts at the end of the report',
  ],
];

export const CATALOGUE: readonly CatalogueEntry[] = Object.freeze(
  ROWS.flatMap(([ids, requirements, here, there = 'reported']) =>
    ids.split(' ').map((id) => ({ id, requirements: requirements.split(' '), here, there })),
  ),
);

/** `channels.telegram.dm.open` is `channels.<p>.dm.open`. */
function pattern(id: string): RegExp {
  const escaped = id.replaceAll('.', '\\.').replaceAll(/<[a-z]>/g, '[^.]+');
  return new RegExp(`^${escaped}$`);
}

const PATTERNS = CATALOGUE.filter(({ id }) => id.includes('<')).map((entry) => ({
  entry,
  test: pattern(entry.id),
}));
const EXACT = new Map(CATALOGUE.map((entry) => [entry.id, entry]));

/** What is known about a check id. */
export function entryOf(id: string): CatalogueEntry | undefined {
  return EXACT.get(id) ?? PATTERNS.find(({ test }) => test.test(id))?.entry;
}
