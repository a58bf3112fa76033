import type { Finding } from '../kernel/index.ts';
import { classesOfModel } from './model-classes.ts';
import type { AgentPolicy } from './types.ts';

/** Findings about the models that work with tools (P5). */
export function checkModels(agents: Iterable<Pick<AgentPolicy, 'agent' | 'models'>>): readonly Finding[] {
  return [...agents].flatMap(({ agent, models }) =>
    models.flatMap((model): readonly Finding[] => {
      const classes = classesOfModel(model);
      if (classes.length === 0) return [];
      return [
        {
          id: 'models.weak',
          severity: 'warning',
          title: `agent ${agent} works with ${model}, which is easily talked into something`,
          expected: 'a current model of a strong class for an agent that has tools',
          found: `${model} (${classes.join(', ')})`,
          fix: `Set agents.entries.${agent}.model to a current model, or give the agent a playbook without shell and web_fetch.`,
          requirements: ['P5'],
        },
      ];
    }),
  );
}
