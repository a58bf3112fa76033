import { type Static, Type } from 'typebox';
import { defineOperation, type Operation } from '../define.ts';
import { csvLine } from '../escaping.ts';
import { orNull, strict } from '../schema.ts';
import { INVENTORY_KINDS, type InventoryItem, type InventoryKind, inventoryItems } from './items.ts';

const ItemSchema = strict({
  kind: Type.Enum([...INVENTORY_KINDS]),
  id: Type.String(),
  name: Type.String(),
  owner: Type.String({ description: 'Who answers for it; empty when nobody is named.' }),
  state: Type.String(),
  source: Type.String({ description: 'Where it comes from.' }),
  touches: Type.String({ description: 'What it may touch.' }),
  expires: orNull(Type.Number({ description: 'Unix milliseconds.' })),
  lastUsed: orNull(Type.Number({ description: 'Unix milliseconds, to the hour for models and tools.' })),
});

const Output = strict({
  items: Type.Array(ItemSchema),
  text: Type.String({ description: 'The same as CSV when that was asked for; empty otherwise.' }),
});

const COLUMNS = ['kind', 'id', 'name', 'owner', 'state', 'source', 'touches', 'expires', 'lastUsed'] as const;

function csv(items: readonly InventoryItem[]): string {
  const when = (at: number | null) => (at === null ? null : new Date(at).toISOString());
  const lines = items.map((one) =>
    csvLine(
      COLUMNS.map((column) =>
        column === 'expires' || column === 'lastUsed' ? when(one[column]) : one[column],
      ),
    ),
  );
  return [csvLine(COLUMNS), ...lines, ''].join('\r\n');
}

/** One inventory: the same columns for everything, so that an auditor reads one table. */
export function defineInventory(
  name: string,
  summary: string,
  kinds: readonly InventoryKind[],
  offline: boolean,
): Operation {
  return defineOperation({
    id: `inventory.${name}`,
    summary,
    input: strict({
      format: Type.Optional(
        Type.Enum(['table', 'csv'], {
          description: 'csv: no cell of it can become a formula in a spreadsheet. table when absent.',
        }),
      ),
    }),
    output: Output,
    scope: 'operator.admin',
    effect: 'read',
    errors: [],
    cli: {
      command: `inventory ${name}`,
      examples: [`gatehouse inventory ${name}`, `gatehouse inventory ${name} --format csv > ${name}.csv`],
      offline,
    },
    async run({ services }, { format }): Promise<Static<typeof Output>> {
      const items = [...(await inventoryItems(services, kinds))];
      return { items, text: format === 'csv' ? csv(items) : '' };
    },
  });
}
