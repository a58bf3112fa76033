import { defineInventory } from './define-inventory.ts';

export const inventoryModels = defineInventory(
  'models',
  'List every model: where it is reached, which agents use it, when it was last called',
  ['model'],
  true,
);
