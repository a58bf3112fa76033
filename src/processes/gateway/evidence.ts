import { createDrift, type DriftService, sealEnvelope } from '../../controls/trace/index.ts';
import type { Clock, Egress } from '../../kernel/index.ts';
import type { EvidenceService, HomePaths, RuntimeService } from '../../operations/services.ts';
import type { Core } from '../core.ts';
import type { Program } from '../program.ts';
import { readPublicKeys } from '../public-keys.ts';
import { installFacts } from './install-facts.ts';

interface EvidenceParts {
  readonly program: Program;
  readonly paths: HomePaths;
  readonly core: Core;
  readonly egress: Egress;
  readonly runtime: RuntimeService;
  readonly clock: Clock;
}

/** What this install is and its signature, for attestations. */
export function openEvidence(parts: EvidenceParts): EvidenceService {
  const { core, egress, clock } = parts;
  return {
    facts: () => installFacts(parts),
    async grants() {
      const { config } = core.config.current();
      const written = (config.grants ?? [])
        .filter(({ expires }) => Date.parse(expires) > clock.now())
        .map((grant) => ({ ...grant, layers: [grant.layer] }));
      const given = (await core.grants.list())
        .filter(({ status }) => status === 'active')
        .map((grant) => ({ ...grant, expires: new Date(grant.expiresAt).toISOString() }));
      return [...written, ...given].map(({ id, kind, layers, match, owner, ticket, expires }) => ({
        id,
        what: `${kind} in ${layers.join(', ')}: ${JSON.stringify(match)}`,
        owner,
        ticket,
        expires,
      }));
    },
    seal: (payloadType, document) => sealEnvelope(payloadType, document, (bytes) => egress.sign(bytes)),
  };
}

/** Baselines of this install, signed by egress and compared with what is measured now. */
export function openDrift(parts: EvidenceParts): DriftService {
  const { core, egress, paths, clock } = parts;
  return createDrift({
    db: core.db,
    ledger: core.ledger,
    alerts: core.alerts,
    clock,
    sign: (bytes) => egress.sign(bytes),
    keys: async () => Object.values(await readPublicKeys(paths.keys)).map(String),
    facts: (options) => installFacts(parts, options),
  });
}
