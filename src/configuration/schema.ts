import { type Static, Type } from 'typebox';
import { AgentsSection, ModelsSection, SessionSection } from '../agents/schema.ts';
import { ChannelsSection } from '../channels/schema.ts';
import { alertsSection } from '../controls/alerting/schema.ts';
import { AuthSection } from '../controls/auth/schema.ts';
import { BackupSection } from '../controls/backup/schema.ts';
import { BudgetSection } from '../controls/budget/schema.ts';
import { DrillsSection } from '../controls/drills/schema.ts';
import { NetworkPolicySection } from '../controls/egress/schema.ts';
import { ApprovalsSection, SandboxCeilingSection, ToolsSection } from '../controls/execution/schema.ts';
import { GrantPolicySection, GrantsSection } from '../controls/grants/schema.ts';
import { ListenSection } from '../controls/listen/schema.ts';
import { SecretInput, SecretsSection } from '../controls/secrets/schema.ts';
import { BindingsSection, DmPolicySection } from '../controls/senders/schema.ts';
import { LedgerSection, LoggingSection, traceSection } from '../controls/trace/schema.ts';
import { tracingSection } from '../controls/tracing/schema.ts';
import type { ConfigDefaults } from './defaults.ts';

/** The whole configuration file. Each control owns its own part; nothing is known that is not listed here. */
export const ConfigSchema = Type.Object(
  {
    $schema: Type.Optional(Type.String({ maxLength: 2_000 })),
    gateway: Type.Optional(
      Type.Object(
        { ...ListenSection, auth: Type.Optional(AuthSection) },
        {
          additionalProperties: false,
          description: 'What can be reached, and how callers prove themselves.',
        },
      ),
    ),
    agents: Type.Optional(AgentsSection),
    models: Type.Optional(ModelsSection),
    channels: Type.Optional(ChannelsSection),
    dmPolicy: Type.Optional(DmPolicySection),
    bindings: Type.Optional(BindingsSection),
    session: Type.Optional(SessionSection),
    tools: Type.Optional(ToolsSection),
    networkPolicy: Type.Optional(NetworkPolicySection),
    sandbox: Type.Optional(SandboxCeilingSection),
    approvals: Type.Optional(ApprovalsSection),
    secrets: Type.Optional(SecretsSection),
    grants: Type.Optional(GrantsSection),
    grantPolicy: Type.Optional(GrantPolicySection),
    logging: Type.Optional(LoggingSection),
    ledger: Type.Optional(LedgerSection),
    trace: Type.Optional(traceSection(SecretInput)),
    alerts: Type.Optional(alertsSection(SecretInput)),
    tracing: Type.Optional(tracingSection(SecretInput)),
    drills: Type.Optional(DrillsSection),
    budget: Type.Optional(BudgetSection),
    backup: Type.Optional(BackupSection),
  },
  {
    additionalProperties: false,
    $id: 'https://gatehouse.invalid/config.schema.json',
    title: 'Gatehouse configuration',
  },
);

/** The file as an operator wrote it, includes merged. */
export type ConfigInput = Static<typeof ConfigSchema>;

/** The configuration with every default in place. */
export type GatehouseConfig = ConfigInput & ConfigDefaults;

/** JSON Schema (2020-12) for editors and for `gatehouse config schema`. */
export function configJsonSchema(): Readonly<Record<string, unknown>> {
  const plain = JSON.parse(JSON.stringify(ConfigSchema)) as Record<string, unknown>;
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', ...plain };
}
