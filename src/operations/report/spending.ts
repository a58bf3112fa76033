import { type Facts, type ReportSection, section } from './section.ts';

const MAX_ROWS = 200;

/** What models cost, by model and agent, with the prices of the configuration as it is now. */
export async function spendingSections({ services, from, until }: Facts): Promise<readonly ReportSection[]> {
  const calls = await services.activity.sums(
    { type: 'model', action: 'model.called', since: from, until },
    ['detail', 'agent'],
    MAX_ROWS,
  );
  const { prices = {}, install } = services.config.current().config.budget ?? {};
  let total = 0;
  let unpriced = 0;
  const rows = calls.map(({ detail, agent, count, first, second }) => {
    const price = prices[detail];
    const money = price === undefined ? undefined : (first * price.input + second * price.output) / 1e6;
    total += money ?? 0;
    if (money === undefined) unpriced += count;
    return [detail, agent, count, first, second, money === undefined ? 'no price' : money.toFixed(2)];
  });
  const tools = await services.activity.sums(
    { type: 'tool', action: 'tool.finished', since: from, until },
    ['outcome'],
    MAX_ROWS,
  );
  const turns = await services.activity.sums(
    { type: 'message', action: 'message.received', since: from, until },
    [],
    1,
  );
  const ran = tools.reduce((sum, { count }) => sum + count, 0);
  const limit = install?.money?.month;
  return [
    section(
      'spending-total',
      'Use and cost',
      ['measure', 'value'],
      [
        ['turns', turns[0]?.count ?? 0],
        ['tool runs', ran],
        ['money', total.toFixed(2)],
        ['limit of the install per month', limit === undefined ? 'none' : limit.toFixed(2)],
        ['calls of models without a price', unpriced],
      ],
    ),
    section(
      'spending',
      'Budget burn by model and agent',
      ['model', 'agent', 'calls', 'tokens in', 'tokens out', 'money'],
      rows,
      'Money in the unit of budget.prices, with the prices that are configured now.',
    ),
  ];
}
