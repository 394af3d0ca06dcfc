import { runs } from './chars';
import { finder, parts } from './marks';

/** A node of the tree that Markdown is read into, as far as it is looked at here. */
export interface MarkdownNode {
  type: string;
  tagName?: string;
  value?: string;
  properties?: Record<string, unknown>;
  children?: MarkdownNode[];
}

/** A step of reading Markdown: hidden characters become chips and found words marks. Code blocks do it themselves. */
export function textNodes(find: string | undefined, chipClass: string) {
  const words = finder(find);
  const pieces = (text: string): MarkdownNode[] =>
    runs(text).flatMap((run): MarkdownNode[] =>
      'chip' in run
        ? [element('span', run.chip, { className: [chipClass], title: run.title })]
        : parts(run.text, words).map((part) =>
            part.marked ? element('mark', part.text, {}) : { type: 'text', value: part.text },
          ),
    );
  const walk = (node: MarkdownNode): void => {
    if (!node.children || node.tagName === 'pre') return;
    node.children = node.children.flatMap((child) => {
      // Raw HTML is text here, whatever a later step makes of it.
      if (child.type === 'text' || child.type === 'raw') return pieces(child.value ?? '');
      walk(child);
      return [child];
    });
  };
  return () => walk;
}

function element(tagName: string, text: string, properties: Record<string, unknown>): MarkdownNode {
  return { type: 'element', tagName, properties, children: [{ type: 'text', value: text }] };
}

/** The text of a node and all under it. */
export function inText(node: unknown): string {
  const { value, children } = (node ?? {}) as MarkdownNode;
  return value ?? children?.map(inText).join('') ?? '';
}
