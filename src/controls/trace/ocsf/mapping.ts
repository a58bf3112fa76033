import { isIP } from 'node:net';
import type { LedgerType } from '../../../kernel/index.ts';
import type { LedgerRecord } from '../types.ts';
import { type Activity, crudActivity, type OcsfClassName, OTHER } from './classes.ts';
import {
  type Attributes,
  actorOf,
  controlOf,
  countOf,
  deviceOf,
  known,
  sourceEndpoint,
  textOf,
  userOf,
} from './parts.ts';
import type { OcsfSource } from './source.ts';

/** Which class an event is of, what happened there, and what only that class says. */
export interface Mapped {
  readonly class: OcsfClassName;
  readonly activity: Activity;
  readonly attributes: Attributes;
  /** Profiles that the attributes are of. */
  readonly profiles?: readonly string[];
}

type Mapping = (record: LedgerRecord, source: OcsfSource) => Mapped;

/** Everything that was asked for by name: who called what, from where, about which resources. */
function apiActivity(record: LedgerRecord, activity = crudActivity(record.action)): Mapped {
  const { action, subject, data, trace } = record;
  const control = controlOf(record);
  const resources = resourcesOf(record);
  return {
    class: 'api',
    activity,
    attributes: known({
      actor: actorOf(subject),
      api: known({
        operation: textOf(data?.['operation']) ?? action,
        request: trace === undefined ? undefined : { uid: trace },
        service: serviceOf(record),
      }),
      src_endpoint: sourceEndpoint(record),
      resources: resources.length === 0 ? undefined : resources,
      ...control,
    }),
    ...(Object.keys(control).length === 0 ? {} : { profiles: ['security_control'] }),
  };
}

function serviceOf({ subject, data }: LedgerRecord): Attributes | undefined {
  const name = textOf(data?.['model']) ?? subject?.tool ?? subject?.agent;
  return name === undefined ? undefined : { name };
}

function resourcesOf({ subject, data }: LedgerRecord): readonly Attributes[] {
  const named: readonly (readonly [type: string, uid: string | undefined])[] = [
    ['session', subject?.session],
    ['run', subject?.run],
    ['sender', subject?.sender],
    ['approval', textOf(data?.['approval']) ?? textOf(data?.['id'])],
    ['secret', textOf(data?.['secret'])],
    ['path', textOf(data?.['path'])],
  ];
  return named.flatMap(([type, uid]) => (uid === undefined ? [] : [{ type, uid }]));
}

/** A login by whatever proof: `is_remote` unless it came over the operator's own socket. */
const login: Mapping = (record, source) => {
  const { action, subject, data } = record;
  const ended = /\.(ended|logout|revoked)$/.test(action);
  const plain = action === 'login.accepted' || action === 'login.refused';
  const kind = textOf(data?.['kind']);
  return {
    class: 'authentication',
    activity: ended ? [2, 'Logoff'] : plain ? [1, 'Logon'] : [OTHER, action],
    attributes: known({
      user: userOf(subject?.principal ?? textOf(data?.['principal']) ?? 'unknown'),
      service: { name: 'gatehouse' },
      dst_endpoint: { hostname: source.hostname },
      src_endpoint: sourceEndpoint(record),
      auth_protocol: kind,
      auth_protocol_id: kind === undefined ? undefined : OTHER,
      is_remote: kind === undefined ? undefined : kind !== 'socket' && kind !== 'process',
      session: subject?.session === undefined ? undefined : { uid: subject.session },
    }),
  };
};

/** Runs of the sandbox start and end; what else is said about tools is activity of an application. */
const tool: Mapping = (record, source) => {
  const { action, subject, data, writer, seq } = record;
  if (!/^tool\.(started|finished|action\.(started|finished))$/.test(action)) return apiActivity(record);
  return {
    class: 'process',
    activity: action.endsWith('.started') ? [1, 'Launch'] : [2, 'Terminate'],
    attributes: known({
      actor: actorOf(subject),
      device: deviceOf(source),
      process: {
        uid: subject?.run ?? textOf(data?.['call']) ?? `${writer}/${seq}`,
        name: subject?.tool ?? textOf(data?.['tool']) ?? 'tool',
      },
      exit_code: countOf(data?.['exitCode']),
    }),
  };
};

const NETWORK: Readonly<Record<string, Activity>> = {
  'net.connect': [1, 'Open'],
  'net.closed': [2, 'Close'],
  'net.request': [6, 'Traffic'],
};

function networkActivity({ action, outcome }: LedgerRecord): Activity {
  if (action === 'net.connect' && outcome !== 'allow') return [5, 'Refuse'];
  if (action === 'net.closed' && outcome === 'failure') return [4, 'Fail'];
  return NETWORK[action] ?? [OTHER, action];
}

/** A connection towards the outside, named by the host that was asked for and attributed to the run that asked. */
const egress: Mapping = (record, source) => {
  const { subject, data } = record;
  const host = textOf(data?.['host']) ?? textOf(data?.['raw']) ?? 'unknown';
  const [sent, received] = [countOf(data?.['sent']), countOf(data?.['received'])];
  const { policy, ...control } = controlOf(record);
  const port = countOf(data?.['port']);
  return {
    class: 'network',
    activity: networkActivity(record),
    attributes: known({
      actor: actorOf(subject),
      device: deviceOf(source),
      src_endpoint: known({ name: subject?.agent ?? subject?.principal ?? 'gatehouse', uid: subject?.run }),
      dst_endpoint: known({
        ...(isIP(host) === 0 ? { hostname: host } : { ip: host }),
        port: port !== undefined && port <= 65_535 ? port : undefined,
      }),
      connection_info: { direction_id: 2, direction: 'Outbound', protocol_num: 6, protocol_name: 'tcp' },
      traffic:
        sent === undefined && received === undefined
          ? undefined
          : known({ bytes_out: sent, bytes_in: received }),
      firewall_rule: policy,
      ...control,
    }),
    profiles: Object.keys(control).length === 0 ? ['host'] : ['host', 'security_control'],
  };
};

/** What is changed about somebody who may log in or write. */
const ACCOUNTS = /^(token|principal|device|pairing|senders?|login|devices)\./;

const ACCOUNT_WORDS: readonly (readonly [RegExp, Activity])[] = [
  [/\.(issue|issued|add|added|paired|approve|approved|allow|allowed)$/, [1, 'Create']],
  [/\.(enable|enabled)$/, [2, 'Enable']],
  [/\.(rotate|rotated|promoted)$/, [3, 'Password Change']],
  [/\.(disable|disabled|block|blocked|deny|denied)$/, [5, 'Disable']],
  [/\.(revoke|revoked|remove|removed|expired)$/, [6, 'Delete']],
  [/\.(bind|bound)$/, [7, 'Attach Policy']],
  [/\.locked$/, [9, 'Lock']],
];

/** A change of an account, or of something else that is managed: configuration, grants, policy, evidence. */
const change: Mapping = (record) => {
  const { action, subject, data } = record;
  if (ACCOUNTS.test(action)) {
    const about = textOf(data?.['principal']) ?? textOf(data?.['name']) ?? textOf(data?.['id']);
    return {
      class: 'account',
      activity: ACCOUNT_WORDS.find(([word]) => word.test(action))?.[1] ?? [OTHER, action],
      attributes: {
        actor: actorOf(subject),
        src_endpoint: sourceEndpoint(record),
        user: userOf(about ?? subject?.sender ?? 'unknown'),
      },
    };
  }
  const reason = textOf(data?.['reason']) ?? textOf(data?.['ticket']);
  return {
    class: 'entity',
    activity: crudActivity(action),
    attributes: known({
      actor: actorOf(subject),
      comment: reason,
      entity: known({
        name: action.includes('.') ? action.slice(0, action.indexOf('.')) : action,
        type: 'Gatehouse state',
        uid: textOf(data?.['id']) ?? textOf(data?.['grant']) ?? textOf(data?.['hash']),
      }),
    }),
  };
};

const PASS = { status_id: 1, status: 'Pass' };
const FAIL = { status_id: 3, status: 'Fail' };
const UNCLEAR = { status_id: 2, status: 'Warning' };

/** A control was tried: the answer to whether it held. */
const drill: Mapping = (record) => {
  const { action, outcome, data, hash, at } = record;
  const control = textOf(data?.['drill']) ?? 'drills';
  const result = outcome === 'success' ? PASS : outcome === 'failure' ? FAIL : UNCLEAR;
  return {
    class: 'compliance',
    activity: action === 'drill.started' ? [1, 'Create'] : [2, 'Update'],
    attributes: {
      compliance: { control, standards: ['Gatehouse drills'], ...result },
      finding_info: { uid: hash, title: `${action} ${control}`, created_time: at, types: ['drill'] },
    },
  };
};

/** Gatehouse's own processes. */
const processMapping: Mapping = ({ action }, source) => ({
  class: 'lifecycle',
  activity: action.endsWith('.started')
    ? [3, 'Start']
    : action.endsWith('.stopped')
      ? [4, 'Stop']
      : [OTHER, action],
  attributes: {
    app: {
      name: action.startsWith('egress.') ? 'gatehouse egress' : 'gatehouse',
      vendor_name: 'Gatehouse',
      version: source.version,
    },
    device: deviceOf(source),
  },
  profiles: ['host'],
});

/** Somebody has to look: what it is, about whom, and what to do. */
const alert: Mapping = (record) => {
  const { action, data, subject, hash, at } = record;
  const fix = textOf(data?.['fix']);
  return {
    class: 'detection',
    activity: [1, 'Create'],
    attributes: known({
      finding_info: {
        uid: hash,
        title: textOf(data?.['title']) ?? action,
        types: [action],
        created_time: at,
      },
      remediation: fix === undefined ? undefined : { desc: fix },
      evidences: subject === undefined ? undefined : [{ actor: actorOf(subject) }],
    }),
  };
};

/** One mapping per type of record: a type without one does not compile. */
export const MAPPINGS: Readonly<Record<LedgerType, Mapping>> = {
  decision: (record) => apiActivity(record),
  login,
  message: (record) => apiActivity(record),
  model: (record) => apiActivity(record),
  tool,
  approval: (record) => apiActivity(record),
  egress,
  change,
  drill,
  process: processMapping,
  alert,
};
