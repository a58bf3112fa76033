import { egressRulesOf, loadEffectiveConfig } from '../../configuration/index.ts';
import type { HomePaths } from '../../operations/services.ts';
import { type EgressInputs, writeInputs } from './inputs.ts';

/** Print what egress needs of the configuration, compiled by the same loader as the gateway's. */
export async function printInputs(
  paths: HomePaths,
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const effective = await loadEffectiveConfig({ paths, env });
  const agents = new Map(
    [...effective.agents].map(([agent, { authority }]) => [
      agent,
      { authority, rules: egressRulesOf(effective, agent), bounds: effective.egressBounds.get(agent) ?? [] },
    ]),
  );
  const inputs: EgressInputs = {
    hash: effective.hash,
    agents,
    providerRules: effective.providerRules,
    exports: effective.exports,
    telemetryRules: effective.telemetryRules,
    secrets: effective.secrets,
    limits: effective.egressLimits,
    runSecrets: effective.runSecrets,
    mail: effective.mailDestinations,
    grantPolicy: effective.grantPolicy,
    ownPorts: [effective.config.gateway.port],
  };
  process.stdout.write(writeInputs(inputs));
}
