import { isSynced } from '../../controls/listen/index.ts';
import type { Finding, Severity } from '../../kernel/index.ts';
import type { FileFact, Holds, OpenClawHome } from './home.ts';
import { found } from './report.ts';

const GROUP_READ = 0o040;
const GROUP_WRITE = 0o020;
const OTHERS_READ = 0o004;
const OTHERS_WRITE = 0o002;

function octal(mode: number): string {
  return `0${(mode & 0o777).toString(8)}`;
}

function permission(id: string, severity: Severity, fact: FileFact, title: string, wanted: number): Finding {
  return found(id, severity, `${fact.path}: ${title}`, {
    expected: octal(wanted),
    found: octal(fact.mode),
    fix: `chmod ${wanted.toString(8)} ${fact.path}`,
  });
}

function homeFindings({ home, dir }: OpenClawHome): readonly Finding[] {
  const findings: Finding[] = [];
  const { mode } = home;
  if (home.kind === 'link') {
    findings.push(
      found('fs.state_dir.symlink', 'warning', `${dir} is a link`, {
        expected: 'a folder of its own',
        found: 'a link',
        fix: 'Name the real folder: whoever owns the link decides which home is used.',
      }),
    );
  }
  if (mode & OTHERS_WRITE)
    findings.push(
      permission('fs.state_dir.perms_world_writable', 'critical', home, 'every account can change it', 0o700),
    );
  else if (mode & GROUP_WRITE)
    findings.push(
      permission('fs.state_dir.perms_group_writable', 'warning', home, 'the group can change it', 0o700),
    );
  else if (mode & (GROUP_READ | OTHERS_READ))
    findings.push(
      permission('fs.state_dir.perms_readable', 'warning', home, 'other accounts can read it', 0o700),
    );
  return findings;
}

function fileFindings(prefix: string, fact: FileFact | undefined): readonly Finding[] {
  if (fact === undefined) return [];
  const findings: Finding[] = [];
  if (fact.kind === 'link' && prefix === 'fs.config') {
    findings.push(
      found('fs.config.symlink', 'warning', `${fact.path} is a link`, {
        expected: 'a regular file',
        found: 'a link',
        fix: 'Replace it by the file itself.',
      }),
    );
  }
  const { mode } = fact;
  if (mode & (GROUP_WRITE | OTHERS_WRITE))
    findings.push(
      permission(`${prefix}.perms_writable`, 'critical', fact, 'other accounts can change it', 0o600),
    );
  else if (mode & OTHERS_READ && fact.kind !== 'link')
    findings.push(
      permission(`${prefix}.perms_world_readable`, 'critical', fact, 'every account can read it', 0o600),
    );
  else if (mode & GROUP_READ && fact.kind !== 'link')
    findings.push(
      permission(`${prefix}.perms_group_readable`, 'warning', fact, 'the group can read it', 0o600),
    );
  return findings;
}

/** What is said about a file by what it holds; `false`: OpenClaw has no check of its own for that. */
const KINDS: Readonly<
  Record<Holds, { readonly writable: string | false; readonly readable: string | false }>
> = {
  credentials: {
    writable: 'fs.credentials_dir.perms_writable',
    readable: 'fs.credentials_dir.perms_readable',
  },
  profiles: { writable: 'fs.auth_profiles.perms_writable', readable: 'fs.auth_profiles.perms_readable' },
  sessions: { writable: false, readable: 'fs.sessions_store.perms_readable' },
  logs: { writable: false, readable: 'fs.log_file.perms_readable' },
  environment: { writable: false, readable: false },
  approvals: { writable: false, readable: false },
  state: { writable: false, readable: false },
};

function heldFindings({ files, home }: OpenClawHome): readonly Finding[] {
  // Behind a folder that nobody else can enter, the bits of what is inside open nothing.
  const closed = (home.mode & 0o077) === 0;
  return files.flatMap((fact): readonly Finding[] => {
    const { writable, readable } = KINDS[fact.holds];
    const wanted = fact.kind === 'folder' ? 0o700 : 0o600;
    if (fact.mode & (GROUP_WRITE | OTHERS_WRITE)) {
      const id = writable === false ? 'gatehouse.openclaw-file-writable' : writable;
      return [
        permission(
          id,
          closed ? 'warning' : 'critical',
          fact,
          `other accounts can change it (${fact.holds})`,
          wanted,
        ),
      ];
    }
    if ((fact.mode & (GROUP_READ | OTHERS_READ)) === 0 || closed) return [];
    const id = readable === false ? 'gatehouse.openclaw-file-readable' : readable;
    return [permission(id, 'warning', fact, `other accounts can read it (${fact.holds})`, wanted)];
  });
}

function ownerFindings({ home, uid, dir }: OpenClawHome): readonly Finding[] {
  if (home.uid === uid || uid === 0) return [];
  return [
    found('gatehouse.openclaw-home-owner', 'critical', `${dir} belongs to another account`, {
      expected: `uid ${uid}`,
      found: `uid ${home.uid}`,
      fix: 'Run the audit as the account that runs the gateway, or give it its home.',
    }),
  ];
}

/** Permissions, links and places of a home (OpenClaw's `fs.*`). */
export function auditFiles(home: OpenClawHome): readonly Finding[] {
  const synced = [home.dir, home.configPath].find((path) => isSynced(path));
  return [
    ...homeFindings(home),
    ...ownerFindings(home),
    ...fileFindings('fs.config', home.config),
    ...home.includes.flatMap((file) => fileFindings('fs.config_include', file)),
    ...heldFindings(home),
    ...(synced === undefined
      ? []
      : [
          found('fs.synced_dir', 'warning', `${synced} is in a folder that is copied to other machines`, {
            expected: 'a folder of this machine alone',
            found: synced,
            fix: 'Move the home out of the synchronised folder: tokens and conversations go with it.',
          }),
        ]),
    ...home.truncated.map((folder) =>
      found('gatehouse.openclaw-truncated', 'low', `${folder} has more entries than were looked at`, {
        expected: 'a folder that can be looked at whole',
        found: 'too many entries',
        fix: 'Archive old entries and run the audit again.',
      }),
    ),
    ...home.issues.map((issue) =>
      found(
        'gatehouse.openclaw-unreadable',
        'high',
        `the configuration cannot be read whole: ${issue.message}`,
        {
          expected: 'a configuration that can be read',
          found: issue.code,
          fix: issue.fix,
        },
      ),
    ),
  ];
}
