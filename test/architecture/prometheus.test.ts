import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { OPERATIONS } from '../../src/operations/index.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
/** The table of docs/operating/metrics.md; test/e2e/metrics.test.ts compares it with a real scrape. */
const documented = new Set(
  [...read('docs/operating/metrics.md').matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name),
);
const headings = [...read('docs/operating/alerts.md').matchAll(/^### (.+)$/gm)].map(([, title = '']) =>
  title.replaceAll('.', ''),
);

function metricsOf(expression: string): readonly string[] {
  return (expression.match(/\b(gatehouse|process)_\w+\b/g) ?? []).filter((name) => name !== 'gatehouse');
}

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly command: string; readonly runbook: string };
}

test('every alerting rule for Prometheus asks for metrics that exist, and says what to type and where to read on', () => {
  const { groups } = parse(read('deploy/prometheus/gatehouse.rules.yaml')) as { groups: { rules: Rule[] }[] };
  const rules = groups.flatMap((group) => group.rules);
  assert.ok(rules.length > 10);
  assert.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length);
  const commands = OPERATIONS.map(({ cli }) => cli.command);
  for (const { alert, expr, for: time, labels, annotations } of rules) {
    for (const name of metricsOf(expr)) assert.ok(documented.has(name), `${alert}: ${name}`);
    assert.match(time, /^\d+[mh]$/, alert);
    assert.match(labels.severity, /^(critical|warning)$/, alert);
    assert.ok(annotations.summary.length > 15, alert);
    const words = annotations.command.replace(/^gatehouse /, '');
    assert.ok(
      commands.some((known) => words === known || words.startsWith(`${known} `)),
      `${alert}: ${annotations.command}`,
    );
    const [page, anchor = ''] = annotations.runbook.split('#');
    assert.equal(page, 'docs/operating/alerts.md');
    assert.ok(headings.includes(anchor), `${alert}: ${anchor}`);
  }
});

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly { readonly expr: string }[];
}

test('every panel of the dashboard asks for metrics that exist, and no two lie upon each other', () => {
  const { panels } = JSON.parse(read('deploy/prometheus/grafana-dashboard.json')) as { panels: Panel[] };
  const cells = new Set<string>();
  for (const { title, targets, gridPos } of panels) {
    for (const { expr } of targets) {
      const names = metricsOf(expr);
      assert.ok(names.length > 0, title);
      for (const name of names) assert.ok(documented.has(name), `${title}: ${name}`);
    }
    assert.ok(gridPos.x + gridPos.w <= 24, title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        assert.equal(cells.has(`${x} ${y}`), false, title);
        cells.add(`${x} ${y}`);
      }
  }
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
});
