import { defineInventory } from './define-inventory.ts';
import { INVENTORY_KINDS } from './items.ts';

export const inventoryAll = defineInventory(
  'all',
  'List listeners, principals, models, skills and tools in one table, for an auditor',
  INVENTORY_KINDS,
  false,
);
