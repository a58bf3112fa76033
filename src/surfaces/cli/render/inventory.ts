import type { InventoryItem } from '../../../operations/inventory/items.ts';
import { formatInstant } from '../time.ts';
import type { View } from '../view.ts';
import { table } from './table.ts';

const when = (at: number | null) => (at === null ? null : formatInstant(at));

export function inventoryLines(items: readonly InventoryItem[], view: View): readonly string[] {
  return table(
    items,
    [
      { title: 'KIND', value: (row) => row.kind },
      { title: 'NAME', value: (row) => row.name },
      { title: 'ID', value: (row) => row.id },
      { title: 'OWNER', value: (row) => row.owner },
      { title: 'STATE', value: (row) => row.state },
      { title: 'EXPIRES', value: (row) => when(row.expires) },
      { title: 'LAST USED', value: (row) => when(row.lastUsed) },
      { title: 'SOURCE', value: (row) => row.source },
      { title: 'MAY TOUCH', value: (row) => row.touches },
    ],
    view,
    'None.',
  );
}
