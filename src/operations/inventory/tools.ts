import { defineInventory } from './define-inventory.ts';

export const inventoryTools = defineInventory(
  'tools',
  'List every tool: which agents may use it, and when it last ran',
  ['tool'],
  true,
);
