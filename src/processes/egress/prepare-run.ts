import type { EgressPolicy, RunSecrets } from '../../controls/egress/index.ts';
import {
  mentionsPlaceholder,
  RunPlaceholders,
  type RunSecretStore,
  type SecretStore,
} from '../../controls/secrets/index.ts';
import { type Clock, decide, type EgressIdentity } from '../../kernel/index.ts';
import type { Interceptor } from './interception.ts';
import type { PrepareRun } from './run-registry.ts';

export interface PrepareParts {
  readonly clock: Clock;
  readonly secrets: SecretStore;
  readonly runSecrets: RunSecretStore;
  readonly interceptor: Interceptor;
  policyOf(agent: string): EgressPolicy | undefined;
  readonly ca?: string;
}

/** Whose placeholders are the same: those of one agent in one session. */
function scopeOf({ agent, session, run }: EgressIdentity): string {
  return JSON.stringify(session === undefined ? ['run', agent, run] : ['session', agent, session]);
}

/**
 * What a run gets: placeholders of the secrets that the gateway asks for and the agent's own authority allows, and
 * the authority to trust when any of its rules judges requests. A gateway that was taken over widens neither.
 */
export function runPreparation(parts: PrepareParts): PrepareRun {
  const { clock, secrets, runSecrets, interceptor, policyOf, ca } = parts;

  function allowed(identity: EgressIdentity, name: string): boolean {
    const authority = policyOf(identity.agent)?.authority;
    if (authority === undefined) return false;
    return runSecrets.hostsOf(name).some((host) => {
      const action = { kind: 'secret.use', secret: name, host } as const;
      return decide(authority, identity, action, clock.now()).effect === 'allow';
    });
  }

  function secretsFor(own: RunPlaceholders): RunSecrets {
    return {
      plan: (request) => runSecrets.plan(own, request),
      mentions: mentionsPlaceholder,
      used: (name, at) => runSecrets.used(name, at),
      redact: (text) => secrets.redact(text),
      stream: () => secrets.stream(),
    };
  }

  return async (identity, asked) => {
    const policy = policyOf(identity.agent);
    if (policy?.table.judgesRequests !== true && policy?.bounds?.judgesRequests !== true) {
      return { extras: { env: {} } };
    }
    const names = asked.filter((name) => allowed(identity, name));
    const declared = runSecrets.placeholders(scopeOf(identity), names);
    const own = new RunPlaceholders(declared);
    const { authority, bundle } = await interceptor.authority();
    return {
      interception: { authority, secrets: secretsFor(own), ...(ca === undefined ? {} : { ca }) },
      extras: { env: Object.fromEntries(declared), trustBundle: bundle },
      workspace: {
        wanted: runSecrets.wanted(names),
        hold(values) {
          own.hold(values);
          // An answer may tell it back, and the log may quote that.
          secrets.hide(
            own,
            values.map(({ value }) => value),
          );
        },
      },
    };
  };
}
