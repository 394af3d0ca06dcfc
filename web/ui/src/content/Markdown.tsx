import { Component, createContext, memo, type ReactNode, use, useId, useMemo } from 'react';
import ReactMarkdown, { type Components } from 'react-markdown';
import remarkGfm from 'remark-gfm';
import { count } from '~/app/time';
import { CodeBlock } from './CodeBlock';
import { MARKDOWN_CHARS } from './limits';
import styles from './Markdown.module.css';
import { isTangled } from './markdownBounds';
import { inText, type MarkdownNode, textNodes } from './markdownTree';
import { SafeLink } from './SafeLink';
import { type Rest, SafeInline, SafeText } from './SafeText';

export interface MarkdownProps {
  text: string;
  /** Words to mark, whatever their case. */
  find?: string | undefined;
  /** Set when the text goes on at the server. */
  rest?: Rest | undefined;
}

/** Markdown of people and models: laid out, never run. Raw HTML is text, no image is loaded, links are told. */
export const Markdown = memo(function Markdown({ text, find, rest }: MarkdownProps) {
  const plain = <SafeText text={text} find={find} rest={rest} />;
  // Half of a text is not the Markdown of the whole.
  if (rest && rest.total > text.length) return plain;
  const why = notRead(text);
  if (why !== undefined) {
    return (
      <>
        <p className={styles.note}>{why}</p>
        {plain}
      </>
    );
  }
  return (
    <Guard fallback={plain}>
      <Laid text={text} find={find} />
    </Guard>
  );
});

/** Why a text is shown as it stands instead of being laid out. */
function notRead(text: string): string | undefined {
  if (text.length > MARKDOWN_CHARS) {
    return `Shown as plain text: Markdown is laid out up to ${count(MARKDOWN_CHARS)} characters.`;
  }
  return isTangled(text)
    ? 'Shown as plain text: its Markdown is too long or too deeply nested to be laid out.'
    : undefined;
}

function Laid({ text, find }: { text: string; find: string | undefined }) {
  const id = useId();
  const rehypePlugins = useMemo(() => [textNodes(find, styles.chip ?? '')], [find]);
  const remarkRehypeOptions = useMemo(
    () => ({ clobberPrefix: `c${id}-`, footnoteLabelTagName: 'p', footnoteLabelProperties: {} }),
    [id],
  );
  return (
    <Find value={find}>
      <div className={styles.markdown} dir="auto">
        <ReactMarkdown
          remarkPlugins={PLUGINS}
          rehypePlugins={rehypePlugins}
          remarkRehypeOptions={remarkRehypeOptions}
          // Targets are judged where links are made; nothing else of the tree may have one.
          urlTransform={(url) => url}
          components={COMPONENTS}
          allowedElements={ELEMENTS}
          unwrapDisallowed
        >
          {text}
        </ReactMarkdown>
      </div>
    </Find>
  );
}

const PLUGINS = [remarkGfm];

/** Everything that Markdown can be here. */
const ELEMENTS =
  'a blockquote br code del em h1 h2 h3 h4 h5 h6 hr img input li mark ol p pre section span strong sup table tbody td th thead tr ul'.split(
    ' ',
  );

/** The words to mark inside code blocks, which mark their own text. */
const Find = createContext<string | undefined>(undefined);

const COMPONENTS: Components = {
  p: (props) => <Directed tag="p" {...props} />,
  li: (props) => <Directed tag="li" {...props} />,
  td: (props) => <Directed tag="td" {...props} />,
  th: (props) => <Directed tag="th" {...props} />,
  blockquote: (props) => <Directed tag="blockquote" {...props} />,
  // The page's own headings come first: those of content start below a card's.
  h1: ({ children }) => <h4 data-level={1}>{children}</h4>,
  h2: ({ children }) => <h5 data-level={2}>{children}</h5>,
  h3: ({ children }) => <h6 data-level={3}>{children}</h6>,
  h4: ({ children }) => <h6>{children}</h6>,
  h5: ({ children }) => <h6>{children}</h6>,
  h6: ({ children }) => <h6>{children}</h6>,
  section: ({ children }) => <div className={styles.notes}>{children}</div>,
  a: ({ node, href, children }) =>
    // Footnotes lead to places in the same text: the desk's address is not theirs to change.
    href?.startsWith('#') ? (
      <span>{children}</span>
    ) : (
      <SafeLink target={href ?? ''} words={inText(node)}>
        {children}
      </SafeLink>
    ),
  img: ({ src, alt }) => <ImageLabel src={typeof src === 'string' ? src : ''} alt={alt ?? ''} />,
  input: ({ checked }) => (
    <span role="img" aria-label={checked ? 'done' : 'not done'}>
      {checked ? '☑ ' : '☐ '}
    </span>
  ),
  pre: ({ node }) => <Code node={node} />,
  table: ({ children }) => (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
    <section className={styles.scroll} tabIndex={0} aria-label="Table">
      <table>{children}</table>
    </section>
  ),
};

/** A block that finds its own direction, and has no attribute but its alignment. */
function Directed(props: {
  tag: 'p' | 'li' | 'td' | 'th' | 'blockquote';
  node?: MarkdownNode | undefined;
  children?: ReactNode;
}) {
  const Tag = props.tag;
  const align = props.node?.properties?.align;
  return (
    <Tag dir="auto" data-align={typeof align === 'string' ? align : undefined}>
      {props.children}
    </Tag>
  );
}

function Code({ node }: { node: MarkdownNode | undefined }) {
  const find = use(Find);
  const text = inText(node).replace(/\n$/, '');
  return <CodeBlock text={text} find={find} label={<SafeInline text={languageOf(node?.children?.[0])} />} />;
}

function languageOf(code: MarkdownNode | undefined): string {
  const names = code?.properties?.className;
  const named = Array.isArray(names) ? names.find((name) => String(name).startsWith('language-')) : undefined;
  return named === undefined ? 'text' : String(named).slice('language-'.length);
}

/** Beginning of an image's address that is shown. */
const URL_CHARS = 200;

/** An image of Markdown: what it would be, never loaded. Its address is no link: it may stand inside one. */
function ImageLabel({ src, alt }: { src: string; alt: string }) {
  return (
    <span className={styles.image}>
      <span className={styles.imageLabel}>image, not loaded</span>
      {alt !== '' && <SafeInline text={alt} />}
      {src !== '' && (
        <code>
          <SafeInline text={src.length > URL_CHARS ? `${src.slice(0, URL_CHARS)}…` : src} />
        </code>
      )}
    </span>
  );
}

/** Keeps what a library cannot lay out from taking the page with it. */
class Guard extends Component<{ fallback: ReactNode; children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };
  static getDerivedStateFromError() {
    return { failed: true };
  }
  override render() {
    return this.state.failed ? this.props.fallback : this.props.children;
  }
}
