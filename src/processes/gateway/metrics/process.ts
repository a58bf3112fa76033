import type { Family } from '../../../controls/metrics/index.ts';

/** What every process shows, under the names that Prometheus' own client libraries use. */
export function processFamilies(version: string, startedAt: number): readonly Family[] {
  const { rss, heapUsed } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const one = (name: string, type: Family['type'], help: string, value: number): Family => ({
    name,
    type,
    help,
    samples: [{ labels: {}, value }],
  });
  return [
    {
      name: 'gatehouse_build_info',
      type: 'gauge',
      help: 'Version that runs; always 1.',
      samples: [{ labels: { version, node: process.version }, value: 1 }],
    },
    one(
      'process_start_time_seconds',
      'gauge',
      'Start of the gateway process in Unix seconds.',
      startedAt / 1_000,
    ),
    one(
      'process_cpu_seconds_total',
      'counter',
      'Processor time of the gateway process.',
      (user + system) / 1e6,
    ),
    one('process_resident_memory_bytes', 'gauge', 'Resident memory of the gateway process.', rss),
    one(
      'gatehouse_heap_used_bytes',
      'gauge',
      'Memory in use by JavaScript of the gateway process.',
      heapUsed,
    ),
  ];
}
