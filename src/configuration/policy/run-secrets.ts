import { posix } from 'node:path';
import { loadsCode, type Rule } from '../../kernel/index.ts';
import type { Issues } from '../issues.ts';
import { nearestName } from '../nearest.ts';
import type { ConfigInput } from '../schema.ts';
import type { RunSecretReference } from '../types.ts';
import { readReference } from './secrets.ts';

const HTTPS_PORT = 443;
/** What every run has already, or what its programs take for something else. */
const TAKEN =
  /^(?:HOME|TMPDIR|USER|LOGNAME|SHELL|LANG|TERM|.*_PROXY|.*_CA_?(?:BUNDLE|CERTS|INFO)|SSL_CERT_.*)$/;

type Written = NonNullable<NonNullable<ConfigInput['secrets']>['values']>[string];

/** A run's secret is never put into a request before its place and its hosts are plain. */
const UNBOUND = { host: '', port: 0, header: '' } as const;

/** The secrets that runs may use by placeholder, each bound to hosts and places (K1, E6). */
export async function readRunSecrets(
  input: ConfigInput,
  issues: Issues,
): Promise<readonly RunSecretReference[]> {
  const written = Object.entries(input.secrets?.values ?? {});
  if (written.length === 0) return [];
  const { judgeAuthority } = await import('../../controls/egress/index.ts');
  const { parsePlace } = await import('../../controls/secrets/index.ts');
  return written.flatMap(([name, one]) => {
    const at = ['secrets', 'values', name];
    if (loadsCode(name) || TAKEN.test(name)) {
      const message = `${name} means something to programs or to the sandbox: choose another name, for example FORGE_TOKEN`;
      issues.error(at, 'CONFIG_BAD_VALUE', { message });
    }
    if ((one.value === undefined) === (one.workspace === undefined)) {
      const message =
        'give either `value`, a reference, or `workspace`, which credentials of a workspace it stands for';
      issues.error(at, 'CONFIG_BAD_VALUE', { message });
    }
    const reference = one.workspace
      ? ({ source: 'workspace', id: selectorOf(one.workspace) } as const)
      : readReference(one.value, [...at, 'value'], input, UNBOUND, issues);
    const hosts = one.hosts.flatMap((text, index) => {
      const judged = judgeAuthority(text, HTTPS_PORT);
      if (judged.ok) return [{ host: judged.target.host, port: judged.target.port }];
      const message = `${judged.message}; a secret is bound to hosts by their exact names`;
      issues.error([...at, 'hosts', index], 'CONFIG_EGRESS_INVALID', { message });
      return [];
    });
    const places = placesOf(one);
    places.forEach((place, index) => {
      if (parsePlace(place) !== undefined) return;
      const message = `not a place for a secret: ${JSON.stringify(place)}`;
      issues.error([...at, 'in', ...(typeof one.in === 'string' ? [] : [index])], 'CONFIG_BAD_VALUE', {
        message,
      });
    });
    if (reference === undefined) return [];
    return [{ name, source: reference.source, id: reference.id, hosts, places }];
  });
}

/** A file is named as a run sees it. */
function selectorOf({ file, key, kind }: NonNullable<Written['workspace']>): string {
  return JSON.stringify({
    ...(file === undefined ? {} : { file: posix.resolve('/workspace', file) }),
    ...(key === undefined ? {} : { key }),
    ...(kind === undefined ? {} : { kind }),
  });
}

function placesOf({ in: places }: Written): readonly string[] {
  return typeof places === 'string' ? [places] : places;
}

/** The install lets a secret go to the hosts that it is bound to, for agents whose playbook lists it. */
export function secretCeiling(secrets: readonly RunSecretReference[]): readonly Rule[] {
  return secrets.map(({ name, hosts }) => ({
    id: `secrets.values.${name}`,
    kind: 'secret.use',
    effect: 'allow',
    match: { secret: [name], host: hosts.map(({ host }) => host) },
  }));
}

/** The secrets that a playbook lists, as its rules; unknown names are issues with the nearest known one. */
export function playbookSecrets(
  names: readonly string[],
  known: readonly RunSecretReference[],
  issues: Issues,
): readonly Rule[] {
  const declared = known.map(({ name }) => name);
  return names.flatMap((name, index): Rule[] => {
    if (declared.includes(name)) {
      return [{ id: `secret:${name}`, kind: 'secret.use', effect: 'allow', match: { secret: [name] } }];
    }
    const nearest = nearestName(name, declared);
    issues.error(['secrets', index], 'PLAYBOOK_SECRET_UNKNOWN', {
      message: `there is no secret ${JSON.stringify(name)} under secrets.values`,
      ...(nearest === undefined ? {} : { nearest }),
    });
    return [];
  });
}
