import { defineInventory } from './define-inventory.ts';

export const inventorySkills = defineInventory(
  'skills',
  'List every skill and plugin that may run; this version loads none',
  ['skill'],
  true,
);
