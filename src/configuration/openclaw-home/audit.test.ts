import assert from 'node:assert/strict';
import { chmodSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { GatehouseError } from '../../kernel/index.ts';
import { auditOpenClaw } from './audit.ts';
import { CATALOGUE, entryOf } from './catalogue.ts';
import { readOpenClawHome } from './home.ts';
import { CARELESS, HARDENED, ONBOARDED, openClawHome, PLANTED } from './testing/homes.ts';

const UID = process.getuid?.() ?? 0;

function audited(dir: string) {
  return auditOpenClaw(readOpenClawHome(dir, UID));
}

function idsOf(findings: ReturnType<typeof audited>): readonly string[] {
  return [...new Set(findings.map(({ id }) => id))].sort();
}

describe('the audit of an OpenClaw home', () => {
  test('reports what a careless home leaves open, under the ids of OpenClaw itself', () => {
    using home = openClawHome(CARELESS);
    const ids = idsOf(audited(home.dir));
    // What OpenClaw 2026.9.6 itself reported on this configuration, as far as it looks without its plugins.
    for (const id of [
      'config.insecure_or_dangerous_flags',
      'config.secrets.hooks_token_in_config',
      'discovery.mdns_full_mode',
      'gateway.auth_no_rate_limit',
      'gateway.control_ui.allowed_origins_wildcard',
      'gateway.control_ui.host_header_origin_fallback',
      'gateway.real_ip_fallback_enabled',
      'gateway.token_too_short',
      'gateway.tools_invoke_http.dangerous_allow',
      'hooks.allowed_agent_ids_unrestricted',
      'hooks.default_session_key_unset',
      'hooks.path_root',
      'hooks.request_session_key_enabled',
      'hooks.request_session_key_prefixes_missing',
      'hooks.token_too_short',
      'models.small_params',
      'models.weak_tier',
      'sandbox.bind_mount_non_absolute',
      'sandbox.dangerous_bind_mount',
      'sandbox.dangerous_network_mode',
      'sandbox.dangerous_seccomp_profile',
      'sandbox.docker_config_mode_off',
      'security.exposure.open_channels_with_exec',
      'security.exposure.open_groups_with_control_plane_tools',
      'security.exposure.open_groups_with_elevated',
      'security.exposure.open_groups_with_runtime_or_fs',
      'security.trust_model.cross_agent_session_access_default',
      'security.trust_model.multi_user_heuristic',
      'tools.elevated.allowFrom.telegram.wildcard',
      'tools.exec.safe_bins_broad_behavior',
      'tools.exec.safe_bins_interpreter_unprofiled',
      'tools.exec.security_full_configured',
    ]) {
      assert.ok(ids.includes(id), `${id} is missing`);
    }
    for (const id of ['channels.telegram.dm.open', 'channels.discord.allowFrom.mutable_entries_inert'])
      assert.ok(ids.includes(id), `${id} is missing`);
  });

  test('finds nothing critical in what hardening guides print', () => {
    using home = openClawHome(HARDENED);
    const serious = audited(home.dir).filter(
      ({ severity }) => severity === 'critical' || severity === 'high',
    );
    assert.deepEqual(serious, []);
  });

  test('says of a fresh home that commands run on the host itself', () => {
    using home = openClawHome(ONBOARDED);
    const ids = idsOf(audited(home.dir));
    assert.ok(ids.includes('gatehouse.openclaw-unsandboxed'));
    assert.ok(ids.includes('gateway.trusted_proxies_missing'));
  });

  test('never prints a value of a secret', () => {
    for (const config of [CARELESS, ONBOARDED]) {
      using home = openClawHome(config);
      home.write('.env', `OPENAI_API_KEY=${PLANTED[3]}\n`, 0o644);
      const text = JSON.stringify(audited(home.dir));
      for (const value of PLANTED) assert.ok(!text.includes(value));
    }
  });

  test('measures permissions and links of files', () => {
    using home = openClawHome(HARDENED);
    home.write('credentials/telegram.json', '{}', 0o666);
    home.write('agents/main/agent/auth-profiles.json', '{}', 0o644);
    home.write('agents/main/sessions/a.jsonl', '', 0o644);
    chmodSync(join(home.dir, 'openclaw.json'), 0o666);
    chmodSync(home.dir, 0o777);
    const ids = idsOf(audited(home.dir));
    for (const id of [
      'fs.state_dir.perms_world_writable',
      'fs.config.perms_writable',
      'fs.credentials_dir.perms_writable',
      'fs.auth_profiles.perms_readable',
      'fs.sessions_store.perms_readable',
    ])
      assert.ok(ids.includes(id), `${id} is missing`);
    chmodSync(home.dir, 0o700);
    chmodSync(join(home.dir, 'openclaw.json'), 0o640);
    assert.ok(idsOf(audited(home.dir)).includes('fs.config.perms_group_readable'));
  });

  test('reports a home behind a link, and a configuration behind one', () => {
    using home = openClawHome(HARDENED);
    const link = `${home.dir}-link`;
    symlinkSync(home.dir, link);
    assert.ok(idsOf(audited(link)).includes('fs.state_dir.symlink'));
  });

  test('changes nothing in the home', () => {
    using home = openClawHome(CARELESS);
    const before = home.digest();
    audited(home.dir);
    assert.equal(home.digest(), before);
  });

  test('an OpenClaw home that is none: refused with a code', () => {
    using home = openClawHome(HARDENED);
    assert.throws(
      () => readOpenClawHome(join(home.dir, 'nothing'), UID),
      (error) => error instanceof GatehouseError && error.code === 'CONFIG_OPENCLAW_HOME_MISSING',
    );
  });

  test('a configuration that cannot be read is a finding, and the files are looked at all the same', () => {
    using home = openClawHome('{ gateway: ');
    chmodSync(home.dir, 0o755);
    const ids = idsOf(audited(home.dir));
    assert.ok(ids.includes('gatehouse.openclaw-unreadable'));
    assert.ok(ids.includes('fs.state_dir.perms_readable'));
  });

  test('whatever stands in the configuration, it is looked at and never thrown over', () => {
    const words = fc.constantFrom(
      'gateway',
      'auth',
      'channels',
      'telegram',
      'tools',
      'exec',
      'hooks',
      'agents',
      'entries',
      'sandbox',
      'docker',
      'binds',
      'plugins',
      'session',
      'allowFrom',
      'groups',
      '*',
      '__proto__',
    );
    const { tree } = fc.letrec((tie) => ({
      leaf: fc.oneof(
        fc.string(),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.constant('*'),
        fc.constant('open'),
      ),
      tree: fc.oneof(
        { depthSize: 'small' },
        tie('leaf'),
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.dictionary(words, tie('tree'), { maxKeys: 6 }),
      ),
    }));
    using home = openClawHome({});
    const facts = readOpenClawHome(home.dir, UID);
    fc.assert(
      fc.property(fc.dictionary(words, tree, { maxKeys: 8 }), (raw) => {
        for (const { id } of auditOpenClaw({ ...facts, raw }))
          assert.ok(entryOf(id) !== undefined || id.startsWith('gatehouse.'), id);
      }),
      { numRuns: 400 },
    );
  });
});

describe('the catalogue of OpenClaw checks', () => {
  test('lists every id once', () => {
    const ids = CATALOGUE.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
  });

  test('says "reported" only of ids that some check of ours gives', () => {
    const sources = ['files', 'gateway', 'channels', 'tools', 'content']
      .map((name) => readFileSync(new URL(`audit-${name}.ts`, import.meta.url), 'utf8'))
      .join('\n');
    const silent = CATALOGUE.filter(({ there }) => there === 'reported').filter(({ id }) => {
      // Ids that are put together from parts are looked for by their last word.
      const last = id.split('.').at(-1) ?? id;
      const stem = last
        .replace(/^(?:token|password|seccomp|apparmor|dangerous)_/, '')
        .replace(/^.*(placeholder_value|too_short|_profile)$/, '$1');
      return !sources.includes(id) && !sources.includes(last) && !sources.includes(stem);
    });
    assert.deepEqual(
      silent.map(({ id }) => id),
      [],
    );
  });
});
