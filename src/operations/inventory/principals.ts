import { defineInventory } from './define-inventory.ts';

export const inventoryPrincipals = defineInventory(
  'principals',
  'List every token, person, service, device and sender: owner, rights, expiry, last use',
  ['principal'],
  true,
);
