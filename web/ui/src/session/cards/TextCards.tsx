import { useState } from 'react';
import type { OutlineItem } from '~/api/types';
import { count } from '~/app/time';
import { ToolButton } from '~/content/CopyButton';
import { Markdown } from '~/content/Markdown';
import { type Rest, SafeInline, SafeText } from '~/content/SafeText';
import { Attachments } from './Attachments';
import styles from './cards.module.css';
import { usePieces } from './load';
import { endedOtherwise, purposeWord } from './modelWords';
import type { ClippedEvent, EventOf } from './types';

export interface TextCardProps<K extends ClippedEvent['kind']> {
  item: OutlineItem;
  event: EventOf<K> | undefined;
  expanded: boolean;
  onToggle: () => void;
  find?: string | undefined;
}

/** What a text of this length shows before it is opened. */
const PREVIEW_LINES = 12;
const PREVIEW_CHARS = 1500;

/** What the user asked: the author's words, and apart from them what came with them. */
export function PromptCard({ item, event, expanded, onToggle, find }: TextCardProps<'prompt'>) {
  const [asMarkdown, setMarkdown] = useState(false);
  if (!event) return <Placeholder item={item} />;
  return (
    <div className={styles.prompt}>
      {event.text === '' ? (
        <Hidden shown={item.chars === 0}>
          {event.attachments.length > 0 ? 'No words.' : 'Not recorded.'}
        </Hidden>
      ) : (
        <div className={styles.wordsAndToggle}>
          {looksLikeMarkdown(event.text) && (
            <div className={styles.toggle}>
              <ToolButton pressed={asMarkdown} onClick={() => setMarkdown(!asMarkdown)}>
                Markdown
              </ToolButton>
            </div>
          )}
          <div className={styles.words}>
            <LongText
              event={event}
              expanded={expanded}
              onToggle={onToggle}
              find={find}
              markdown={asMarkdown}
            />
          </div>
        </div>
      )}
      <Attachments event={event} find={find} />
    </div>
  );
}

/** What the model said. */
export function CompletionCard({ item, event, expanded, onToggle, find }: TextCardProps<'completion'>) {
  const model = event?.model ?? item.model;
  const ended = endedOtherwise(event?.finish_reason ?? item.finish_reason);
  const purpose = purposeWord(event?.purpose ?? item.purpose);
  return (
    <div>
      <p className={styles.meta}>
        {purpose !== undefined && <span className={styles.tag}>{purpose}</span>}
        {typeof model === 'string' && <SafeInline text={model} />}
        {ended !== undefined && <span className={styles.warn}>ended: {ended}</span>}
      </p>
      {event?.text === '' && <Hidden shown={item.chars === 0}>Not recorded.</Hidden>}
      {event ? (
        <LongText event={event} expanded={expanded} onToggle={onToggle} find={find} markdown />
      ) : (
        <Placeholder item={item} />
      )}
    </div>
  );
}

/** What the model thought: folded, quiet. */
export function ReasoningCard({ item, event, expanded, onToggle, find }: TextCardProps<'reasoning'>) {
  return (
    <div className={styles.reasoning}>
      <button type="button" className={styles.fold} aria-expanded={expanded} onClick={onToggle}>
        <span className={styles.reasoningWord}>reasoning</span>
        {!expanded && (
          <span className={styles.oneLine}>
            <SafeInline text={item.title} find={find} />
          </span>
        )}
        <span className={styles.faint}>{count(item.chars)} characters</span>
      </button>
      {expanded && (event ? <WholeText event={event} find={find} markdown /> : <Placeholder item={item} />)}
    </div>
  );
}

function LongText(props: {
  event: EventOf<'prompt' | 'completion'>;
  expanded: boolean;
  onToggle: () => void;
  find: string | undefined;
  markdown: boolean;
}) {
  const { event, expanded, onToggle, find, markdown } = props;
  const total = event.clipped?.find((entry) => entry.pointer === '/text')?.chars ?? event.text.length;
  const preview = previewOf(event.text);
  if (preview === event.text && total <= event.text.length)
    return <Words text={event.text} find={find} markdown={markdown} />;
  return (
    <>
      {expanded ? (
        <WholeText event={event} find={find} markdown={markdown} />
      ) : (
        <Words text={preview} find={find} markdown={markdown} />
      )}
      <button type="button" className={styles.showAll} aria-expanded={expanded} onClick={onToggle}>
        {expanded ? 'Show less' : `Show all ${count(total)} characters`}
      </button>
    </>
  );
}

function WholeText(props: {
  event: EventOf<'prompt' | 'completion' | 'reasoning'>;
  find: string | undefined;
  markdown: boolean;
}) {
  const { text, rest } = usePieces(props.event, '/text', props.event.text);
  return <Words text={text} rest={rest} find={props.find} markdown={props.markdown} />;
}

function Words(props: {
  text: string;
  rest?: Rest | undefined;
  find: string | undefined;
  markdown: boolean;
}) {
  const { markdown, ...text } = props;
  return markdown ? <Markdown {...text} /> : <SafeText {...text} />;
}

/** Says why there is nothing to read: nothing was kept, or the reader's role may not see it. */
export function Hidden({ shown, children }: { shown: boolean; children: string }) {
  return <p className={styles.quiet}>{shown ? children : 'Not shown to your role.'}</p>;
}

/** The first lines of a text. */
export function previewOf(text: string): string {
  if (text.length <= PREVIEW_CHARS && text.split('\n').length <= PREVIEW_LINES) return text;
  const lines = text.slice(0, PREVIEW_CHARS).split('\n');
  return lines.slice(0, PREVIEW_LINES).join('\n').trimEnd();
}

/** Whether laying a text out would show something else than its words. */
export function looksLikeMarkdown(text: string): boolean {
  return (
    /^(#{1,6} |[-*+] |\d{1,3}[.)] |```|~~~|> |\|.*\|)/m.test(text) || /\*\*[^*\s]|`[^`\n]+`|\]\(/.test(text)
  );
}

/** What the outline tells while the event itself is on its way, about as tall as it will be. */
export function Placeholder({ item }: { item: OutlineItem }) {
  const lines = Math.min(Math.max(item.lines, Math.ceil(item.chars / 110), 1), PREVIEW_LINES);
  return (
    <div className={styles.placeholder} style={{ minHeight: `${lines * 1.3125}rem` }} aria-busy>
      <SafeInline text={item.title} />
    </div>
  );
}
