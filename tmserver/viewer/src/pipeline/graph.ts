/** A pipeline as the graph that it is: channels and modules, and what goes from one to the next. */

import type { EditedStep } from './project';

export interface GraphNode {
  readonly id: string;
  readonly label: string;
  readonly kind: 'channel' | 'module';
  readonly active: boolean;
  /** Its left upper corner. */
  readonly x: number;
  readonly y: number;
}

export interface GraphEdge {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly path: string;
}

export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  readonly width: number;
  readonly height: number;
}

export const [NODE_WIDTH, NODE_HEIGHT] = [190, 26];
const [COLUMN, ROW, MARGIN] = [NODE_WIDTH + 20, NODE_HEIGHT + 30, 8];

interface Link {
  readonly from: string;
  readonly to: string;
}

/** Who makes what each input takes: the latest module before it, or else a channel. */
function linksOf(steps: readonly EditedStep[], channels: readonly string[]): Link[] {
  const makers = new Map(channels.map((name) => [name, `channel ${name}`]));
  return steps.flatMap((step) => {
    const keys = new Set(Object.values(step.keys));
    const links = [...keys].flatMap((key) => {
      const from = makers.get(key ?? '');
      return from === undefined ? [] : [{ from, to: `module ${step.name}` }];
    });
    for (const key of Object.values(step.outputs)) {
      if (step.active && key !== '') makers.set(key, `module ${step.name}`);
    }
    const unique = new Map(links.map((link) => [link.from, link]));
    return [...unique.values()];
  });
}

/** Puts every module in a row below all that it takes from. */
export function graphOf(steps: readonly EditedStep[], channels: readonly string[]): Graph {
  const links = linksOf(steps, channels);
  const used = channels.filter((name) => links.some(({ from }) => from === `channel ${name}`));
  const rows = new Map(used.map((name) => [`channel ${name}`, 0]));
  for (const { name } of steps) {
    const id = `module ${name}`;
    const above = links.filter(({ to }) => to === id).map(({ from }) => rows.get(from) ?? 0);
    rows.set(id, Math.max(0, ...above.map((row) => row + 1)));
  }
  const taken = new Map<number, number>();
  const place = (id: string) => {
    const row = rows.get(id) ?? 0;
    const column = taken.get(row) ?? 0;
    taken.set(row, column + 1);
    return { x: MARGIN + column * COLUMN, y: MARGIN + row * ROW };
  };
  const nodes: GraphNode[] = [
    ...used.map((name) => ({ name, id: `channel ${name}`, kind: 'channel' as const, active: true })),
    ...steps.map(({ name, active }) => ({ name, id: `module ${name}`, kind: 'module' as const, active })),
  ].map(({ name, ...node }) => ({ ...node, label: name, ...place(node.id) }));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const edges = links.flatMap(({ from, to }) => {
    const [start, end] = [byId.get(from), byId.get(to)];
    if (start === undefined || end === undefined) return [];
    return [{ id: `${from} to ${to}`, from, to, path: curve(start, end) }];
  });
  const columns = Math.max(1, ...taken.values());
  const height = Math.max(0, ...nodes.map(({ y }) => y)) + NODE_HEIGHT + MARGIN;
  return { nodes, edges, width: 2 * MARGIN + columns * COLUMN - (COLUMN - NODE_WIDTH), height };
}

function curve(start: GraphNode, end: GraphNode): string {
  const [x, y] = [start.x + NODE_WIDTH / 2, start.y + NODE_HEIGHT];
  const [toX, toY] = [end.x + NODE_WIDTH / 2, end.y];
  const middle = (y + toY) / 2;
  return `M ${x} ${y} C ${x} ${middle} ${toX} ${middle} ${toX} ${toY}`;
}
