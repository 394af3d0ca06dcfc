import { KINDS, type Kind } from '../model/kinds';
import { type MinimapModel, rowPx } from '../model/minimap';

export interface Palette {
  kinds: Record<Kind, string>;
  error: string;
  turn: string;
  hit: string;
}

/** The colours of tokens.css as they are now: a canvas knows no variables. */
export function readPalette(beside: HTMLElement): Palette {
  const probe = document.createElement('span');
  beside.parentElement?.append(probe);
  const read = (name: string) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const kinds = Object.fromEntries(KINDS.map((kind) => [kind, read(kind)])) as Record<Kind, string>;
  const palette = { kinds, error: read('error'), turn: read('border'), hit: read('warn') };
  probe.remove();
  return palette;
}

/** Room at the side for the marks of errors and hits. */
const EDGE_PX = 6;
/** Quiet kinds are drawn narrow, so that what people and tools did stands out. */
const WIDTHS: Record<Kind, number> = {
  prompt: 1,
  completion: 0.8,
  reasoning: 0.5,
  builtin: 0.65,
  mcp: 0.65,
  cli: 0.65,
  model: 0.25,
};

export function draw(
  canvas: HTMLCanvasElement,
  size: { width: number; height: number },
  model: MinimapModel,
  hits: readonly number[],
  palette: Palette,
): void {
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(size.width * scale);
  canvas.height = Math.round(size.height * scale);
  const context = canvas.getContext('2d');
  if (context === null) return;
  context.scale(scale, scale);
  const px = rowPx(model.rows, size.height);
  const mark = Math.max(1, px > 2 ? px - 1 : px);
  const column = (size.width - EDGE_PX) / model.columns;
  context.fillStyle = palette.turn;
  for (const index of model.turns) context.fillRect(0, index * px, size.width, 1);
  // Kind by kind: to change the colour 5,000 times costs more than to draw.
  for (const kind of KINDS) {
    context.fillStyle = palette.kinds[kind];
    for (const one of model.marks) {
      if (one.kind !== kind) continue;
      context.fillRect(one.column * column, one.index * px, Math.max(2, (column - 2) * WIDTHS[kind]), mark);
    }
  }
  context.fillStyle = palette.error;
  for (const one of model.marks) {
    if (one.failed) context.fillRect(size.width - EDGE_PX, one.index * px - 0.5, EDGE_PX, Math.max(2, mark));
  }
  context.fillStyle = palette.hit;
  for (const index of hits) context.fillRect(0, index * px, size.width, Math.max(2, mark));
}
